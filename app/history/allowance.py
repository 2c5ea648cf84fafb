"""Bounds on what others can make a station write: bytes that a journal or a recording may grow by in a time."""

from __future__ import annotations


class Allowance:
    """A token bucket of bytes that starts full. No I/O, no clock."""

    def __init__(self, per_s: float, most: float) -> None:
        """Take the tokens that come back in a second, and the most that the bucket holds."""
        self._per_s = per_s
        self._most = most
        self._left = most
        self._at_s: float | None = None

    def take(self, count: float, now_s: float) -> bool:
        """Take so many tokens if they are there, and tell whether they were."""
        if self._at_s is not None and now_s > self._at_s:
            self._left = min(self._most, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if count > self._left:
            return False
        self._left -= count
        return True
