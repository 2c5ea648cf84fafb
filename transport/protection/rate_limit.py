"""Whose frames are checked when somebody sends frames with bad tags. No I/O, no clock.

source                    up to 100 bad tags a minute     beyond
------------------------  ------------------------------  ---------------------------------------------------------
one of many, unknown      all frames are checked          muted for a minute, but for a sample of a frame a second;
                                                          a good tag in it ends that
one of many, proven       all                             all: a forger of a peer's address must not silence the peer
the only one (a radio)    all                             all: there muting would do the forger's work
all together              WORK_PER_S for the proven and the only ones, UNKNOWN_PER_S for the others; frames beyond
                          that are dropped unread
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

MAX_BAD_TAGS = 100
"""Bad tags in PER_S after which a source is muted."""
PER_S = 60.0
"""Time over which bad tags are counted, and for which a source is muted, in seconds."""
SAMPLE_PER_S = 1.0
"""Frames a second that are checked of a muted source: an honest station behind a forged address is soon heard again."""
PROVEN_S = 60.0
"""Seconds after a good tag in which a source is not muted: three keep-alives."""
WORK_PER_S = 2000.0
"""Frames a second that are checked: 2 % of one core (8 us each), eight times what a radio at 57600 bit/s delivers."""
UNKNOWN_PER_S = 500.0
"""Frames a second that are checked of all unproven sources together, since addresses cost a forger nothing."""
MAX_SOURCES = 256
"""Sources that are remembered; the unproven one that was silent longest makes room."""


class TokenBucket:
    """A token bucket that holds one second's worth of tokens."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._left = max(1.0, per_s)
        self._at_s = -math.inf

    def take(self, now: float) -> bool:
        """Take a token if there is one, and tell whether there was."""
        full = max(1.0, self._per_s)
        self._left = min(full, self._left + (now - self._at_s) * self._per_s) if self._at_s <= now else self._left
        self._at_s = max(self._at_s, now)
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


@dataclass(slots=True)
class _Source:
    """The record of one sender."""

    sample: TokenBucket
    minute_s: float = -math.inf
    """When the minute began in which bad tags are being counted."""
    bad_tags: int = 0
    muted_until_s: float = -math.inf
    proven_until_s: float = -math.inf


class RateLimiter:
    """The rate limiter of one channel: it decides whose frames are checked."""

    def __init__(self) -> None:
        self._sources: OrderedDict[Hashable, _Source] = OrderedDict()
        self._work = TokenBucket(WORK_PER_S)
        self._unknown = TokenBucket(UNKNOWN_PER_S)

    @property
    def sources(self) -> int:
        """Number of sources that are remembered."""
        return len(self._sources)

    def admits(self, source: Hashable | None, now: float) -> bool:
        """Tell whether a frame is to be checked.

        `source` is what the link can tell apart; None where everything comes from one place.
        """
        if source is None:
            return self._work.take(now)
        known = self._known(source)
        if now < known.proven_until_s:
            return self._work.take(now)
        if now < known.muted_until_s and not known.sample.take(now):
            return False
        return self._unknown.take(now)

    def good(self, source: Hashable | None, now: float) -> None:
        """Take note that a frame of this source had a good tag."""
        if source is not None:
            known = self._known(source)
            known.proven_until_s = now + PROVEN_S
            known.muted_until_s = -math.inf

    def bad(self, source: Hashable | None, now: float) -> None:
        """Take note that a frame of this source had a bad tag."""
        if source is None:
            return
        known = self._known(source)
        if now >= known.minute_s + PER_S:
            known.minute_s, known.bad_tags = now, 0
        known.bad_tags += 1
        if known.bad_tags >= MAX_BAD_TAGS and now >= known.muted_until_s:
            known.muted_until_s = now + PER_S

    def _known(self, source: Hashable) -> _Source:
        if source not in self._sources:
            if len(self._sources) >= MAX_SOURCES:
                unproven = (one for one, known in self._sources.items() if known.proven_until_s == -math.inf)
                del self._sources[next(unproven, next(iter(self._sources)))]
            self._sources[source] = _Source(TokenBucket(SAMPLE_PER_S))
        self._sources.move_to_end(source)
        return self._sources[source]
