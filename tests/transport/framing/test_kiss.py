"""KISS: known vectors, and what is no frame."""

from __future__ import annotations

import pytest

from tests.support.vectors import worked_examples
from transport.errors import FrameError
from transport.framing.ax25 import Callsign
from transport.framing.kiss import KissCommand, KissReader, kiss_decode, kiss_encode
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


@pytest.mark.parametrize("port", range(16))
def test_kiss_ports(port: int) -> None:
    """A frame goes to one port of the TNC and comes from that one alone; what looks like a FEND in front is escaped."""
    coded = kiss_encode(b"\xc0\xdb\x11", port=port)
    assert (b"\xc0", b"\xc0") == (coded[:1], coded[-1:])
    assert 0xC0 not in coded[1:-1]
    assert b"\xc0\xdb\x11" == kiss_decode(coded[1:-1], port)
    for other in set(range(16)) - {port}:
        with pytest.raises(FrameError, match=f"no data of port {other}"):
            kiss_decode(coded[1:-1], other)
    assert [b"\xc0\xdb\x11"] == KissReader(3, port).receive(coded)
    assert [b""] == KissReader(3, (port + 1) % 16).receive(coded)


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


def test_the_longest_frame_between_two_marks() -> None:
    """Every byte escaped, a command and a port in front: what is longer is no frame, and is not kept."""
    assert 2 + 2 * 300 == KissReader.longest(300)
