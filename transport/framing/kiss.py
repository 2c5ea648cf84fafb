"""KISS: frames in a stream of bytes to and from a packet-radio TNC. No I/O, no clock.

From Chepponis and Karn, "The KISS TNC", ARRL 6th Computer Networking Conference, 1987. FEND stands on both sides of
every frame, the two special bytes are escaped, and in front of the frame stands a byte with the TNC's port (high
nibble) and a command (low nibble).

    c0 11 db 22  ->  c0 | 00 db dc 11 db dd 22 | c0
"""

from __future__ import annotations

import enum

from transport.errors import FrameError
from transport.framing.stream_reader import StreamReader

FEND, FESC, TFEND, TFESC = 0xC0, 0xDB, 0xDC, 0xDD


class KissCommand(enum.IntEnum):
    """The low nibble of the first byte of a KISS frame. Times are in steps of 10 ms."""

    DATA = 0
    TXDELAY = 1
    PERSISTENCE = 2
    SLOT_TIME = 3
    TX_TAIL = 4


def kiss_encode(octets: bytes, command: KissCommand = KissCommand.DATA, port: int = 0) -> bytes:
    """Return a frame for a port of a TNC, 0 to 15, or the value of one of its settings, with both marks.

    The byte in front is escaped too: data of port 12 would begin with a FEND.
    """
    plain = bytes([port << 4 | command]) + octets
    escaped = plain.replace(bytes([FESC]), bytes([FESC, TFESC])).replace(bytes([FEND]), bytes([FESC, TFEND]))
    return bytes([FEND]) + escaped + bytes([FEND])


def kiss_decode(octets: bytes, port: int = 0) -> bytes:
    """Return the frame in what stood between two FENDs. Raise FrameError unless it is escaped data of this port."""
    plain = _unescaped(octets)
    if not plain or plain[0] != port << 4 | KissCommand.DATA:
        raise FrameError(f"KISS, but no data of port {port}")
    return plain[1:]


def _unescaped(octets: bytes) -> bytes:
    first, *escaped = octets.split(bytes([FESC]))
    out = bytearray(first)
    for part in escaped:
        if not part or part[0] not in (TFEND, TFESC):
            raise FrameError("KISS escape of something that needs none")
        out.append(FEND if part[0] == TFEND else FESC)
        out += part[1:]
    return bytes(out)


class KissReader(StreamReader):
    """A reader of frames in KISS from one port of a TNC."""

    mark = bytes([FEND])

    def __init__(self, max_frame_bytes: int, port: int = 0) -> None:
        """Take the length of the longest frame, and the TNC's port, 0 to 15."""
        super().__init__(max_frame_bytes)
        self._port = port

    def decode(self, octets: bytes) -> bytes:
        """Return the frame in what stood between two FENDs. Raise FrameError unless it is data of this port."""
        return kiss_decode(octets, self._port)

    @staticmethod
    def longest(frame_bytes: int) -> int:
        """Return the most bytes between two marks for a frame of this length."""
        return 2 + 2 * frame_bytes
