"""The bound of a relay's reports: who is refused again and again is told once a second, however often he asks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import trio

from app.relay.reports import OverNotRelayed, OverWaits, RelayReport, TextNotRelayed

AGAIN_S = 1.0
"""Shortest time between two reports of one kind that name the same links and the same reason, in seconds."""
MAX_TOLD = 256
"""Reports that are remembered; the one that was told first makes room."""


class ReportLimiter:
    """A limiter of the reports that a stranger can cause without being carried; the figures count all of them."""

    def __init__(self, report: Callable[[RelayReport], None]) -> None:
        """Take the function that is given the reports."""
        self._report = report
        self._told: OrderedDict[tuple[type, str, str, str], float] = OrderedDict()

    def report(self, one: RelayReport) -> None:
        """Give a report on, unless one like it was given a moment ago."""
        if isinstance(one, OverNotRelayed | OverWaits | TextNotRelayed) and not self._is_due(one, trio.current_time()):
            return
        self._report(one)

    def _is_due(self, one: OverNotRelayed | OverWaits | TextNotRelayed, now: float) -> bool:
        key = type(one), one.source, one.link, "" if isinstance(one, OverWaits) else one.reason
        if now < self._told.get(key, -AGAIN_S) + AGAIN_S:
            return False
        self._told[key] = now
        self._told.move_to_end(key)
        if len(self._told) > MAX_TOLD:
            self._told.popitem(last=False)
        return True
