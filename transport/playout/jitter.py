"""The wait of an over's first frame before it is played. No I/O, no clock."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from transport.protocol.frames import PACKET_S

MIN_HOLD_S = 0.080
"""Shortest hold, in seconds."""
MAX_HOLD_S = 0.640
"""Longest hold, in seconds; one frame, if that is longer."""
FIRST_HOLD_S = 0.200
"""Hold while no jitter is known: a repeated BEGIN at 1200 bit/s delays the voice behind it by up to 170 ms."""
RECENT_OVERS = 8
"""Number of overs whose jitter sets the hold."""


class JitterHistory:
    """Delays of the frames of recent overs, each against the quickest frame of its own over."""

    def __init__(self) -> None:
        self._overs: deque[list[float]] = deque(maxlen=RECENT_OVERS)

    def add(self, delays_s: Sequence[float]) -> None:
        """Add the delays of one over: arrival minus nominal time, from any origin, in seconds."""
        if len(delays_s) > 1:
            quickest_s = min(delays_s)
            self._overs.append([delay_s - quickest_s for delay_s in delays_s])

    def p95_s(self) -> float | None:
        """Return the delay that 95 % of the recent frames kept, or None as long as nothing is known."""
        delays_s = sorted(delay_s for over in self._overs for delay_s in over)
        return delays_s[math.ceil(0.95 * len(delays_s)) - 1] if delays_s else None


def hold_s(p95_jitter_s: float | None, k: int, packet_s: float = PACKET_S) -> float:
    """Return the seconds that the first frame of an over waits: `hold_s(0.1, 2) == 0.1`, `hold_s(9, 2) == 0.64`.

    `packet_s` is the length of a packet, in seconds.
    """
    wanted_s = FIRST_HOLD_S if p95_jitter_s is None else p95_jitter_s
    return min(max(wanted_s, MIN_HOLD_S), max(MAX_HOLD_S, k * packet_s))
