"""The account of one link's overs without a packet, after which a BEGIN alone counts for nothing there."""

from __future__ import annotations

import math

EMPTY_AGAIN_S = 60.0
"""Time after an over without a packet for which BEGINs of its link count for nothing by themselves, in seconds."""


class EmptyOvers:
    """The overs of one link that ended, or gave way to others, before a packet of theirs came."""

    def __init__(self) -> None:
        """Begin with none."""
        self._begun: int | None = None
        """Number of the over that began last, until a packet of it comes."""
        self._until_s = -math.inf

    def may_be_one(self, now: float) -> bool:
        """Tell whether an over that begins now, or the one that began last and has said nothing, may be one of them."""
        return now < self._until_s

    @property
    def waits(self) -> bool:
        """True while no packet has come of the over that began last."""
        return self._begun is not None

    def begins(self, over: int, now: float) -> None:
        """Take that an over has begun."""
        self._count(now)
        self._begun = over

    def speaks(self) -> None:
        """Take that a packet of the over that is followed has come."""
        self._begun = None

    def ends(self, over: int, now: float) -> None:
        """Take that an over has ended, or its talker has disappeared."""
        if over == self._begun:
            self._count(now)

    def _count(self, now: float) -> None:
        if self._begun is not None:
            self._begun, self._until_s = None, now + EMPTY_AGAIN_S
