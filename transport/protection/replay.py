"""The record of the authentic frames that were received before. No I/O, no clock: time is passed in."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass, field

FRESH_S = 60
"""Largest difference between a frame's time and this clock's, in seconds.

Clocks set by hand differ by less, and no frame waits longer.
"""
REMEMBERED_S = 2.0 * FRESH_S
"""Time for which a nonce is kept after it was last heard: a frame from 60 s ahead stays fresh for 120 s."""
OVER_FRESH_S = 120.0 + FRESH_S
"""Time after its last BEGIN in which an over's VOICE and END are taken, in seconds: the longest over, and FRESH_S.

VOICE has no time of its own. However much of it comes, it does not keep its over alive.
"""
WINDOW = 64
"""Number of frames by which one of an over may come out of turn."""
MAX_REMEMBERED = 4096
"""Nonces that are kept: 34 a second for two minutes, all made by stations with the key. The oldest makes room."""
MAX_OVERS = 64
"""Overs whose VOICE can be recognised: more than can overlap and straggle."""


@dataclass(slots=True)
class Window:
    """The replay window of one over: which sequence numbers were received."""

    highest: int = -1
    _heard: int = 0
    """Bit i is set if highest - i was received."""

    @classmethod
    def opened_at(cls, sequence: int) -> Window:
        """Return the window of an over that is joined at this number, of which nothing before it is taken.

        VOICE says no time: what an over had before its first BEGIN that was heard may be from before the start.
        """
        return cls(sequence - 1, (1 << WINDOW) - 1)

    def takes(self, sequence: int) -> bool:
        """Tell whether a number is new and not too far behind; if so, it counts as received from now on."""
        ahead = sequence - self.highest
        if ahead > 0:
            self._heard = (self._heard << min(ahead, WINDOW) | 1) & (1 << WINDOW) - 1
            self.highest = sequence
            return True
        bit = 1 << -ahead
        if -ahead >= WINDOW or self._heard & bit:
            return False
        self._heard |= bit
        return True


@dataclass(slots=True)
class HeardOver:
    """An over whose BEGIN was authentic and fresh."""

    over: int
    nonce: bytes
    addressee: str = ""
    """The station that its BEGIN names, to which the RECEIPT is bound."""
    until_s: float = math.inf
    """Time from which its VOICE and END are no longer taken: OVER_FRESH_S after the last BEGIN."""
    window: Window = field(default_factory=Window)
    end: int | None = None
    """Sequence number of its END, which is sent twice..."""
    end_again: bool = False
    """...and whether it came the second time."""


class Nonces:
    """The memory of the nonces of overs and single frames that were received or sent."""

    def __init__(self) -> None:
        self._entries: OrderedDict[bytes, tuple[float, HeardOver | None]] = OrderedDict()
        self._overs: deque[HeardOver] = deque(maxlen=MAX_OVERS)

    def __len__(self) -> int:
        return len(self._entries)

    def knows(self, nonce: bytes, now: float) -> bool:
        """Tell whether this nonce was received before, or is this station's own."""
        self._forget(now)
        return nonce in self._entries

    def over(self, nonce: bytes, now: float) -> HeardOver | None:
        """Return the over with this nonce, if it is another station's and known."""
        self._forget(now)
        return self._entries[nonce][1] if nonce in self._entries else None

    def overs(self, over: int, now: float) -> list[HeardOver]:
        """Return all overs with this number, the newest first: nearly always one or none."""
        self._forget(now)
        return [heard for heard in reversed(self._overs) if heard.over == over and heard.nonce in self._entries]

    def remember(self, nonce: bytes, now: float, heard: HeardOver | None = None, clockless: bool = False) -> None:
        """Keep a nonce from now on: REMEMBERED_S, and that of an over OVER_FRESH_S.

        Where no clock tells its age it is kept until MAX_REMEMBERED others came.
        """
        if heard is not None and nonce not in self._entries:
            self._overs.append(heard)
        kept_s = REMEMBERED_S if heard is None else OVER_FRESH_S
        self._entries[nonce] = (math.inf if clockless else now + kept_s, heard)
        self._entries.move_to_end(nonce)
        while len(self._entries) > MAX_REMEMBERED:
            self._entries.popitem(last=False)

    def _forget(self, now: float) -> None:
        # Those of overs are kept longer: what stands behind one may be due before it, and is forgotten after it.
        while self._entries and next(iter(self._entries.values()))[0] < now:
            self._entries.popitem(last=False)
