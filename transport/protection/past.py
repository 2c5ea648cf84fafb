"""Facts about the time before a station was started, for the frames that come again from then. No I/O, no clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

CLOCK_SET_S = 5.0
"""Difference between the clock and the time that has passed from which on the clock was set meanwhile, in seconds."""


@dataclass(frozen=True, slots=True)
class Past:
    """Facts about the time before this station was started."""

    started_utc_s: int = 0
    """UTC seconds of the start; 0 without a clock. What is older is refused."""
    started_s: float = 0.0
    """The same moment on the steady clock of the channel."""
    nonces: Iterable[bytes] = ()
    """Nonces of the frames that came before the start and seemed to be made after it."""
    keep: Callable[[bytes, int], None] = lambda nonce, until_utc_s: None
    """Function that is told the nonce of a frame from ahead of this clock, and until when the frame stays fresh."""

    def start_utc_s(self, now: float, utc_s: int) -> int:
        """Return the UTC seconds of the start by the clock as it is now: it may have been set since.

        `now` is in seconds of the steady clock; `utc_s` is the wall clock. 0 where there was none at the start.
        """
        by_now = utc_s - (now - self.started_s)
        set_since = self.started_utc_s and abs(by_now - self.started_utc_s) >= CLOCK_SET_S
        return math.floor(by_now) if set_since else self.started_utc_s
