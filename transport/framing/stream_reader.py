"""The common part of all framings of a byte stream: cutting the stream at its marks. No I/O, no clock.

A reader is given whatever bytes came, and returns what they completed: a frame, or `RUBBISH` for a stretch of bytes
that is none. It holds no more than one frame. cobs.py and kiss.py say where to cut and how to decode.
"""

from __future__ import annotations

from transport.errors import FrameError

RUBBISH = b""
"""The sign that something arrived which is no frame of this link's."""


class StreamReader:
    """The part of a reader that does not depend on the framing."""

    mark: bytes
    """The bytes at which the stream is cut."""

    def __init__(self, max_frame_bytes: int) -> None:
        """Take the length of the longest frame; a stretch that is too long for that is rubbish."""
        self._max_bytes = self.longest(max_frame_bytes)
        self._pending = bytearray()
        self._too_long = False

    def receive(self, octets: bytes) -> list[bytes]:
        """Return what these bytes completed: frames, and RUBBISH."""
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
        """Forget the frame that has begun, because the line was interrupted."""
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
        """Return the most bytes between two marks for a frame of this length."""
        raise NotImplementedError

    def decode(self, octets: bytes) -> bytes:
        """Return the frame in what stood between two marks. Raise FrameError where there is none."""
        raise NotImplementedError
