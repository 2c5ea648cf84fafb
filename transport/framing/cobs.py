"""COBS: frames in a stream of bytes, told apart by zeros. No I/O, no clock.

From Cheshire and Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on Networking 7(2), 1999. Every run
of up to 254 bytes without a zero is preceded by its length plus one, and stands for itself and the zero behind it (a
run of 254: for itself alone). So no zero is left inside a frame, and zeros mark the ends. One goes before and one after
every frame, so that rubbish in between cannot take a frame with it.

    00 11 22 00 33  ->  00 | 01 03 11 22 02 33 | 00
"""

from __future__ import annotations

from transport.errors import FrameError
from transport.framing.stream_reader import StreamReader

COBS_MARK = b"\x00"
"""The byte that stands before and after every frame, and nowhere else."""
COBS_OVERHEAD_BYTES = 1 + 2 * len(COBS_MARK)
"""Bytes that COBS adds to a frame of up to 253 bytes: its first code byte and two marks."""
_COBS_RUN = 254
"""Longest run of bytes without a zero that one code byte can announce."""


def cobs_encode(frame: bytes) -> bytes:
    r"""Return the frame without zeros, one byte longer for every 254 begun. `cobs_encode(b"") == b"\x01"`."""
    out = bytearray()
    for run in frame.split(b"\0"):
        while len(run) >= _COBS_RUN:
            out += b"\xff" + run[:_COBS_RUN]
            run = run[_COBS_RUN:]
        out += bytes([len(run) + 1]) + run
    # Where a frame ends in a full run, the empty run behind it says nothing.
    return bytes(out[:-1]) if len(out) > 1 and _ends_in_full_run(frame) else bytes(out)


def _ends_in_full_run(frame: bytes) -> bool:
    last = frame.rsplit(b"\0", 1)[-1]
    return len(last) > 0 and len(last) % _COBS_RUN == 0


def cobs_decode(octets: bytes) -> bytes:
    """Return what `cobs_encode` was given. Raise FrameError for bytes that it never makes."""
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
    """Return the most bytes on the line for a frame of this length, marks included; fewer if its zeros fall well."""
    return frame_bytes + frame_bytes // _COBS_RUN + COBS_OVERHEAD_BYTES


class CobsReader(StreamReader):
    """A reader of frames in COBS."""

    mark = COBS_MARK

    def decode(self, octets: bytes) -> bytes:
        """Return the frame in what stood between two zeros. Raise FrameError where there is none."""
        return cobs_decode(octets)

    @staticmethod
    def longest(frame_bytes: int) -> int:
        """Return the most bytes between two marks for a frame of this length."""
        return cobs_bytes(frame_bytes) - 2 * len(COBS_MARK)
