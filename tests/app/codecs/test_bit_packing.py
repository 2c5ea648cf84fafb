"""Codec frames packed and taken apart: no bit too many, none lost, nonsense after a damaged length left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.codecs.bit_packing import pack_frames, packed_bytes, unpack_frames


@given(frame_bits=st.integers(8, 200), count=st.integers(0, 20), seed=st.integers(0, 99))
def test_frames_of_one_length_come_back(frame_bits: int, count: int, seed: int) -> None:
    """Bit for bit, in as few bytes as they need."""
    bits = np.random.default_rng(seed).integers(0, 2, (count, frame_bits), np.uint8)
    frames = [np.packbits(row).tobytes() for row in bits]
    packed = pack_frames(frames, frame_bits)
    assert (count * frame_bits + 7) // 8 == len(packed) == packed_bytes(frames, frame_bits)
    assert frames == unpack_frames(packed, frame_bits)


def test_bits_that_fill_up_a_byte_are_not_sent() -> None:
    """Three frames of five bits are two bytes, by hand."""
    assert b"\xf8\x3e" == pack_frames([b"\xff", b"\x00", b"\xff"], 5)


@given(st.lists(st.binary(min_size=1, max_size=255), max_size=20))
def test_frames_of_varying_length_come_back(frames: list[bytes]) -> None:
    """A byte of length stands before each."""
    packed = pack_frames(frames, None)
    assert len(packed) == packed_bytes(frames, None)
    assert frames == unpack_frames(packed, None)


@given(st.binary(max_size=300))
def test_any_bytes_can_be_unpacked(octets: bytes) -> None:
    """What is read is whole: no frame is empty, none longer than what is there."""
    frames = unpack_frames(octets, None)
    assert all(frames)
    assert octets.startswith(pack_frames(frames, None))


@pytest.mark.parametrize(
    ("octets", "frames"),
    [
        (b"", []),
        (b"\x00\x02ab", []),
        (b"\x02ab\x00\x01c", [b"ab"]),
        (b"\x02ab\x05cd", [b"ab"]),
        (b"\x02ab\x03", [b"ab"]),
        (b"\xff" + bytes(254), []),
    ],
)
def test_a_damaged_length_leaves_the_frames_before_it(octets: bytes, frames: list[bytes]) -> None:
    """A length of none, or past the end, is nonsense; so is all that follows it."""
    assert frames == unpack_frames(octets, None)


def test_a_frame_too_long_for_its_length_is_refused() -> None:
    """256 bytes have no length in one byte."""
    with pytest.raises(ValueError, match="range"):
        pack_frames([bytes(256)], None)
