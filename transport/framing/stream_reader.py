"""Marks frames off from one another in a stream of bytes: COBS and KISS. No I/O, no clock.

COBS (Cheshire and Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on Networking 7(2), 1999): every
run of up to 254 bytes without a zero is preceded by its length plus one, and stands for itself and the zero behind it
(a run of 254: for itself alone). So zeros are left for marking the ends; one goes before and one after every frame, so
that rubbish in between cannot take a frame with it.

    00 11 22 00 33  ->  00 | 01 03 11 22 02 33 | 00

KISS (Chepponis and Karn, "The KISS TNC", ARRL 6th Computer Networking Conference, 1987): FEND on both sides, the two
special bytes escaped, and in front of the frame a byte with the TNC's port (high nibble) and a command (low nibble).

    c0 11 db 22  ->  c0 | 00 db dc 11 db dd 22 | c0

Readers are given whatever came and give what was complete by then: a frame, or `RUBBISH` for a stretch of bytes that is
none. They hold no more than one frame.
"""

from __future__ import annotations

import enum

from transport.errors import FrameError

RUBBISH = b""
"""Something came, and it was no frame of this link's."""

COBS_MARK = b"\x00"
_COBS_RUN = 254

FEND, FESC, TFEND, TFESC = 0xC0, 0xDB, 0xDC, 0xDD


class KissCommand(enum.IntEnum):
    """The low nibble of the first byte. Times are in 10 ms."""

    DATA = 0
    TXDELAY = 1
    PERSISTENCE = 2
    SLOT_TIME = 3
    TX_TAIL = 4


def cobs_encode(frame: bytes) -> bytes:
    """The frame without zeros, one byte longer for every 254 begun. `cobs_encode(b"") == b"\\x01"`."""
    out = bytearray()
    for run in frame.split(b"\0"):
        while len(run) >= _COBS_RUN:
            out += b"\xff" + run[:_COBS_RUN]
            run = run[_COBS_RUN:]
        out += bytes([len(run) + 1]) + run
    # Of a frame that ends in a full run, the empty run behind it says nothing.
    return bytes(out[:-1]) if len(out) > 1 and _ends_in_full_run(frame) else bytes(out)


def _ends_in_full_run(frame: bytes) -> bool:
    last = frame.rsplit(b"\0", 1)[-1]
    return len(last) > 0 and len(last) % _COBS_RUN == 0


def cobs_decode(octets: bytes) -> bytes:
    """What `cobs_encode` was given. Raises FrameError for bytes that it never makes."""
    out = bytearray()
    at = 0
    if not octets:
        raise FrameError("COBS of no bytes")
    while at < len(octets):
        code = octets[at]
        run = octets[at + 1 : at + code]
        if code == 0 or len(run) != code - 1 or 0 in run:
            raise FrameError(f"COBS run of {code} at byte {at} of {len(octets)}")
        out += run
        at += code
        if code <= _COBS_RUN and at < len(octets):
            out.append(0)
    return bytes(out)


def cobs_bytes(frame_bytes: int) -> int:
    """Bytes on the line for a frame, marks included; at most, for it depends on where its zeros are."""
    return frame_bytes + frame_bytes // _COBS_RUN + 1 + 2 * len(COBS_MARK)


def kiss_encode(octets: bytes, command: KissCommand = KissCommand.DATA) -> bytes:
    """A frame for port 0 of a TNC, or the value of one of its settings, marks included."""
    escaped = octets.replace(bytes([FESC]), bytes([FESC, TFESC])).replace(bytes([FEND]), bytes([FESC, TFEND]))
    return bytes([FEND, command]) + escaped + bytes([FEND])


def kiss_decode(octets: bytes) -> bytes:
    """The frame between two FENDs. Raises FrameError unless it is data of port 0, properly escaped."""
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


class StreamReader:
    """Cuts a stream at its marks; `CobsReader` and `KissReader` say at which, and what is between them."""

    mark: bytes

    def __init__(self, max_frame_bytes: int) -> None:
        """What is longer between two marks than the longest frame can be is rubbish."""
        self._max_bytes = self.longest(max_frame_bytes)
        self._pending = bytearray()
        self._too_long = False

    def receive(self, octets: bytes) -> list[bytes]:
        """What was completed by these bytes: frames, and RUBBISH."""
        complete = []
        *ended, rest = octets.split(self.mark)
        for piece in ended:
            self._keep(piece)
            if self._too_long:
                complete.append(RUBBISH)
            elif self._pending:
                complete.append(self._read(bytes(self._pending)))
            self.reset()
        self._keep(rest)
        return complete

    def reset(self) -> None:
        """Forget the frame that has begun: the line was interrupted."""
        self._pending.clear()
        self._too_long = False

    def _keep(self, piece: bytes) -> None:
        if len(self._pending) + len(piece) > self._max_bytes:
            self._too_long = True
            self._pending.clear()
        elif not self._too_long:
            self._pending += piece

    def _read(self, octets: bytes) -> bytes:
        try:
            return self.decode(octets)
        except FrameError:
            return RUBBISH

    @staticmethod
    def longest(frame_bytes: int) -> int:
        """Bytes between two marks for a frame of so many."""
        raise NotImplementedError

    @staticmethod
    def decode(octets: bytes) -> bytes:
        """What is between two marks. Raises FrameError."""
        raise NotImplementedError


class CobsReader(StreamReader):
    mark = COBS_MARK
    decode = staticmethod(cobs_decode)

    @staticmethod
    def longest(frame_bytes: int) -> int:
        return cobs_bytes(frame_bytes) - 2 * len(COBS_MARK)


class KissReader(StreamReader):
    mark = bytes([FEND])
    decode = staticmethod(kiss_decode)

    @staticmethod
    def longest(frame_bytes: int) -> int:
        return 1 + 2 * frame_bytes
