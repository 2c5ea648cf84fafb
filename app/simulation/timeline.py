"""Pieces of sound at given times, as one stream. No I/O, no clock."""

from __future__ import annotations

from collections import deque

import numpy as np

from app.codecs.reference import Speech
from codec.format import SAMPLE_RATE_HZ

JOINED_SAMPLES = 1
"""Gap or overlap of two pieces that comes from rounding times to samples; such pieces are joined without a click."""


class SoundTimeline:
    """Sound that is placed piece by piece and read in order; silence where nothing was placed.

    A piece ends where the next one begins. Of one that begins before what was read, the beginning is lost.
    """

    def __init__(self, start_s: float = 0.0) -> None:
        """Begin at this time, in seconds."""
        self._read = round(start_s * SAMPLE_RATE_HZ)
        self._pieces: deque[Speech] = deque()
        self._length = 0
        """Samples that were placed, silence between them counted, and not read."""

    def place(self, at_s: float, samples: Speech, early_samples: int = 0) -> None:
        """Let the samples, float32 [n], begin at this time, in seconds; or so many samples earlier."""
        start = round(at_s * SAMPLE_RATE_HZ) - early_samples - self._read
        if start < 0:
            start, samples = 0, samples[-start:]
        if abs(start - self._length) > JOINED_SAMPLES:
            self._cut_or_fill(start)
        self._append(samples)

    def read(self, count: int) -> Speech:
        """Return the next `count` samples, float32."""
        if self._length < count:
            self._cut_or_fill(count)
        parts, wanted = [np.zeros(0, np.float32)], count
        while wanted:
            piece = self._pieces.popleft()
            if len(piece) > wanted:
                self._pieces.appendleft(piece[wanted:])
            parts.append(piece[:wanted])
            wanted -= len(parts[-1])
        self._length -= count
        self._read += count
        return np.concatenate(parts)

    def rest(self) -> Speech:
        """Return all that was placed and not read: float32."""
        return self.read(self._length)

    def _append(self, samples: Speech) -> None:
        self._pieces.append(samples)
        self._length += len(samples)

    def _cut_or_fill(self, length: int) -> None:
        """Let what was placed be so long."""
        while self._length > length:
            last = self._pieces.pop()
            self._length -= len(last)
            if self._length < length:
                self._append(last[: length - self._length])
        if self._length < length:
            self._append(np.zeros(length - self._length, np.float32))
