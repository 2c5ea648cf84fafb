"""The airtime that a radio's duty cycle leaves, counted over the last hour. No I/O, no clock: time is passed in."""

from __future__ import annotations

import math
from collections import deque

from transport.planning.planner import LinkModel

WINDOW_S = 3600.0
"""Time over which a duty cycle is reckoned, in seconds: an hour (ETSI EN 300 220-1, 5.4)."""
BIN_S = 60.0
"""Length of the pieces in which it is counted, in seconds."""
MAX_BINS = round(WINDOW_S / BIN_S) + 1


class AirtimeBudget:
    """The airtime of one link. Without a duty cycle it never ends."""

    def __init__(self, link: LinkModel) -> None:
        """Take the link as planning sees it."""
        self._link = link
        self._bins: deque[tuple[float, float]] = deque(maxlen=MAX_BINS)
        """Beginning of each minute in which something was sent, and the airtime in it."""

    @property
    def share(self) -> float:
        """Share of the time that may be spent on air, 0..1: the duty cycle, 1 without one."""
        return self._link.duty or 1.0

    def airtime_s(self, frame_bytes: int) -> float:
        """Return the time on air of a frame of this length, keying included, in seconds."""
        return self._link.way.air.time_s(frame_bytes) + self._link.way.keying.on_air_s

    def spend(self, frame_bytes: int, now: float) -> None:
        """Take note of a frame that goes on air."""
        if self._link.duty is None:
            return
        began_s = math.floor(now / BIN_S) * BIN_S
        spent_s = self._bins.pop()[1] if self._bins and self._bins[-1][0] == began_s else 0.0
        self._bins.append((began_s, spent_s + self.airtime_s(frame_bytes)))

    def left_s(self, now: float) -> float:
        """Return the airtime that is left, in seconds; infinite without a duty cycle."""
        if self._link.duty is None:
            return math.inf
        while self._bins and self._bins[0][0] <= now - WINDOW_S - BIN_S:
            self._bins.popleft()
        return max(0.0, self._link.duty * WINDOW_S - sum(spent_s for _, spent_s in self._bins))
