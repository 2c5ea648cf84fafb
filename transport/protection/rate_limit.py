"""The choice of the frames to check when more come than this machine can check. No I/O, no clock.

Up to the capacity every frame is checked, whoever sends it: leaving one unchecked saves less than checking it costs.
Beyond, a bucket of one second's worth of checks runs empty, and what is left of it says who still gets one:

left of the bucket   checked
-------------------  -------------------------------------------------------------------------------
more than a half     everything
more than a quarter  proven sources, and unknown hosts within their fair share
more than a tenth    proven sources: those that sent something authentic and new within the last minute
less                 proven sources within their fair share

Where everything comes from one place (a radio, a UDP end that calls), that one source may use the bucket up.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable

CAPACITY_PER_S = 20_000.0
"""Frames a second that are checked, where nobody has measured what this machine can do: a laptop's, at half a core."""
MIN_CAPACITY_PER_S, MAX_CAPACITY_PER_S = 2_000.0, 100_000.0
"""Bounds of a measured capacity: eight times what 57 600 bit/s deliver, and more than any socket hands over."""
PROVEN_S = 60.0
"""Seconds after a good tag in which a source is proven: three keep-alives."""
MAX_PROVEN = 256
"""Proven sources that are remembered; the one that was silent longest makes room."""
SHARES = 1024
"""Places into which the hosts are sorted, by their hash; two hosts in one place share its share."""
EVERYBODY, FAIR, PROVEN = 0.5, 0.25, 0.1
"""Shares left in the bucket above which everybody, unknown hosts within their share, all proven ones are checked."""


class TokenBucket:
    """A token bucket that holds one second's worth of tokens, and one at least."""

    def __init__(self, per_s: float, holds: float | None = None) -> None:
        """Take the tokens that come in a second, and how many it holds where that is not one second's worth."""
        self._per_s = per_s
        self._full = max(1.0, per_s if holds is None else holds)
        self._left = self._full
        self._at_s = -math.inf

    def level(self, now: float) -> float:
        """Return how full it is, 0..1."""
        if now > self._at_s:
            self._left = min(self._full, self._left + (now - self._at_s) * self._per_s)
            self._at_s = now
        return self._left / self._full

    def take(self, now: float) -> bool:
        """Take a token if there is one, and tell whether there was."""
        self.level(now)
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class RateLimiter:
    """The rate limiter of one channel: it decides whose frames are checked."""

    def __init__(self, capacity_per_s: float = CAPACITY_PER_S) -> None:
        """Take the frames a second that this machine can check, within MIN_CAPACITY_PER_S and MAX_CAPACITY_PER_S."""
        capacity_per_s = min(max(capacity_per_s, MIN_CAPACITY_PER_S), MAX_CAPACITY_PER_S)
        self._capacity_per_s = capacity_per_s
        self._work = TokenBucket(capacity_per_s)
        self._proven: OrderedDict[Hashable, float] = OrderedDict()
        """Until when each source is proven, the one that was silent longest first."""
        self._second_s = -math.inf
        self._checked = [0] * SHARES
        """Checks in this second, by place."""
        self._hosts = self._hosts_before = 1
        """Places that had a check in this second, and in the one before."""

    @property
    def sources(self) -> int:
        """Number of sources that are remembered."""
        return len(self._proven)

    def admits(self, source: Hashable | None, now: float) -> bool:
        """Tell whether a frame is to be checked.

        `source` is what the link can tell apart; None where everything comes from one place.
        """
        if source is None:
            return self._work.take(now)
        place = self._place(source, now)
        level = self._work.level(now)
        if level <= EVERYBODY:
            fair = self._checked[place] < EVERYBODY * self._capacity_per_s / max(self._hosts, self._hosts_before)
            proven = now < self._proven.get(source, -math.inf)
            if not ((proven and (level > PROVEN or fair)) or (fair and level > FAIR)):
                return False
        self._hosts += not self._checked[place]
        self._checked[place] += 1
        return self._work.take(now)

    def good(self, source: Hashable | None, now: float) -> None:
        """Take note that a frame of this source was authentic and new."""
        if source is None:
            return
        self._proven[source] = now + PROVEN_S
        self._proven.move_to_end(source)
        if len(self._proven) > MAX_PROVEN:
            self._proven.popitem(last=False)

    def _place(self, source: Hashable, now: float) -> int:
        if now - self._second_s >= 1.0:
            self._second_s = now
            self._checked = [0] * SHARES
            self._hosts, self._hosts_before = 1, self._hosts
        host = source[0] if isinstance(source, tuple) else source  # the ports of a host are one forger's
        return hash(host) % SHARES
