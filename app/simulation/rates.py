"""Rates and shares over the last seconds of a lane. No I/O, no clock."""

from __future__ import annotations

from collections import deque

RATE_WINDOW_S = 5.12
"""Window of the rates: twice the time from BEGIN to BEGIN, so that they are even."""
LOSS_WINDOW_S = 10.0
"""Window of the shares of speech that was lost and damaged."""


class RateMeter:
    """Bits per second over the last RATE_WINDOW_S."""

    def __init__(self, began_s: float) -> None:
        self._began_s = began_s
        self._entries: deque[tuple[float, float]] = deque()
        self._bits = 0.0

    def add(self, octets: int, now: float) -> None:
        """Count so many bytes."""
        self._entries.append((now, 8 * octets))
        self._bits += 8 * octets

    def bps(self, now: float) -> float:
        """Return the rate in bit/s; at first over the time since the start."""
        while self._entries and self._entries[0][0] <= now - RATE_WINDOW_S:
            self._bits -= self._entries.popleft()[1]
        return self._bits / max(1e-9, min(RATE_WINDOW_S, now - self._began_s))


class SpeechFates:
    """Shares of the speech of the last LOSS_WINDOW_S whose fate is known."""

    def __init__(self) -> None:
        self._entries: deque[tuple[float, float, bool, bool]] = deque()
        """Time, seconds of speech, lost, damaged."""

    def add(self, speech_s: float, now: float, *, lost: bool, damaged: bool) -> None:
        """Count so many seconds of speech."""
        if speech_s:
            self._entries.append((now, speech_s, lost, damaged))

    def shares(self, now: float) -> tuple[float, float]:
        """Return the share that was lost and the share that came damaged, 0..1 each."""
        while self._entries and self._entries[0][0] <= now - LOSS_WINDOW_S:
            self._entries.popleft()
        known_s = sum(speech_s for _, speech_s, _, _ in self._entries)
        if not known_s:
            return 0.0, 0.0
        lost_s = sum(speech_s for _, speech_s, lost, _ in self._entries if lost)
        damaged_s = sum(speech_s for _, speech_s, _, damaged in self._entries if damaged)
        return lost_s / known_s, damaged_s / known_s
