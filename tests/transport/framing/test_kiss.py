"""KISS: known vectors, and what is no frame."""

from __future__ import annotations

import pytest

from tests.support.vectors import worked_examples
from transport.errors import FrameError
from transport.framing.ax25 import Callsign
from transport.framing.kiss import KissCommand, kiss_decode, kiss_encode
from transport.links.kiss_tnc import Ax25Frames

KISS = {"": "c0 00 c0", "11": "c0 00 11 c0", "c0 db": "c0 00 db dc db dd c0", "dc dd": "c0 00 dc dd c0"}
BAD_KISS = ["", "01 22", "10 22", "00 db", "00 db 11", "00 11 db db dc", "0f"]


@pytest.mark.parametrize(("plain", "coded"), KISS.items())
def test_kiss_vectors(plain: str, coded: str) -> None:
    """The two special bytes are escaped."""
    assert bytes.fromhex(coded) == kiss_encode(bytes.fromhex(plain))
    assert bytes.fromhex(plain) == kiss_decode(bytes.fromhex(coded)[1:-1])


def test_kiss_commands() -> None:
    """Settings of the TNC have their number in front."""
    assert bytes.fromhex("c0 01 0a c0") == kiss_encode(bytes([10]), KissCommand.TXDELAY)
    assert bytes.fromhex("c0 02 db dc c0") == kiss_encode(bytes([0xC0]), KissCommand.PERSISTENCE)


@pytest.mark.parametrize("coded", BAD_KISS)
def test_bad_kiss(coded: str) -> None:
    """Other commands, other ports and wrong escapes are no frames."""
    with pytest.raises(FrameError):
        kiss_decode(bytes.fromhex(coded))


def test_the_worked_example_of_kiss() -> None:
    """What docs/links.md shows byte by byte is what goes out."""
    [(_, example)] = worked_examples("links.md", "kiss")
    frames = Ax25Frames(Callsign("N0CALL", 1), Callsign("GOSMR"))
    assert frames.wrap(bytes.fromhex("135a0002bdf600010d2e")) == example
