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


def kiss_encode(octets: bytes, command: KissCommand = KissCommand.DATA) -> bytes:
    """Return a frame for port 0 of a TNC, or the value of one of its settings, with both marks."""
    escaped = octets.replace(bytes([FESC]), bytes([FESC, TFESC])).replace(bytes([FEND]), bytes([FESC, TFEND]))
    return bytes([FEND, command]) + escaped + bytes([FEND])


def kiss_decode(octets: bytes) -> bytes:
    """Return the frame in what stood between two FENDs. Raise FrameError unless it is escaped data of port 0."""
    if not octets or octets[0] != KissCommand.DATA:
        raise FrameError("KISS, but no data of port 0")
    first, *escaped = octets[1:].split(bytes([FESC]))
    out = bytearray(first)
    for part in escaped:
        if not part or part[0] not in (TFEND, TFESC):
            raise FrameError("KISS escape of something that needs none")
        out.append(FEND if part[0] == TFEND else FESC)
        out += part[1:]
    return bytes(out)


class KissReader(StreamReader):
    """A reader of frames in KISS."""

    mark = bytes([FEND])
    decode = staticmethod(kiss_decode)

    @staticmethod
    def longest(frame_bytes: int) -> int:
        """Return the most bytes between two marks for a frame of this length."""
        return 1 + 2 * frame_bytes
