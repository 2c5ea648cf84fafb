"""COBS: known vectors, round trips and what the encoder never makes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.vectors import worked_examples
from transport.errors import FrameError
from transport.framing.cobs import COBS_MARK, cobs_bytes, cobs_decode, cobs_encode
from transport.protocol.open_frames import MAX_FRAME_BYTES

# The examples of the paper's table and of Wikipedia's article on COBS.
COBS = {
    "": "01",
    "00": "01 01",
    "00 00": "01 01 01",
    "00 11 00": "01 02 11 01",
    "11 22 00 33": "03 11 22 02 33",
    "11 22 33 44": "05 11 22 33 44",
    "11 00 00 00": "02 11 01 01 01",
    bytes(range(1, 255)).hex(): "ff" + bytes(range(1, 255)).hex(),
    bytes(range(255)).hex(): "01 ff" + bytes(range(1, 255)).hex(),
    bytes(range(1, 256)).hex(): "ff" + bytes(range(1, 255)).hex() + "02 ff",
    (bytes(range(2, 256)) + b"\0").hex(): "ff" + bytes(range(2, 256)).hex() + "01 01",
}


BAD_COBS = ["", "00", "02", "03 11", "05 11 22", "03 00 11", "03 11 00", "01 00", "ff 01"]


@pytest.mark.parametrize(("plain", "coded"), COBS.items())
def test_cobs_vectors(plain: str, coded: str) -> None:
    """Known frames have known bytes, both ways."""
    assert bytes.fromhex(coded) == cobs_encode(bytes.fromhex(plain))
    assert bytes.fromhex(plain) == cobs_decode(bytes.fromhex(coded))


@pytest.mark.parametrize("coded", BAD_COBS)
def test_bad_cobs(coded: str) -> None:
    """What the encoder never makes is refused."""
    with pytest.raises(FrameError):
        cobs_decode(bytes.fromhex(coded))


def test_the_worked_example_of_cobs() -> None:
    """What docs/links.md shows byte by byte is what goes out."""
    [(_, example)] = worked_examples("links.md", "cobs")
    assert COBS_MARK + cobs_encode(bytes.fromhex("110022")) + COBS_MARK == example


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=MAX_FRAME_BYTES))
def test_cobs_length(frame: bytes) -> None:
    """No zeros, and never longer than what the airtime is reckoned from."""
    coded = cobs_encode(frame)
    assert 0 not in coded
    assert len(frame) + 1 + 2 <= len(coded) + 2 <= cobs_bytes(len(frame))


@pytest.mark.parametrize("before", [b"", b"\0", b"a\0", b"\0\0", b"a\0bc\0"])
def test_a_full_run_at_the_end_needs_no_code_behind_it(before: bytes) -> None:
    """254 bytes without a zero end the frame, however many zeros stand before them."""
    frame = before + b"x" * 254
    coded = cobs_encode(frame)
    assert b"\xff" + b"x" * 254 == coded[-255:]
    assert (len(before) + 255, frame) == (len(coded), cobs_decode(coded))
