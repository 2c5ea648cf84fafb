"""The health of a link, as its errors and what it carries show it."""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

from app.events import Event, LinkProblem, LinkRecovered
from transport.errors import LinkError, LinkRemade, NetworkReport, PeerUnreachable
from transport.links.base import Link
from transport.protocol.frames import Refusal
from transport.protocol.over import Malformed
from transport.protocol.receiver import Fact, Refused, Rubbish

AGAIN_S = 1.0
"""Shortest time between two tidings of a link that does not work, in seconds: whoever forges errors is no flood."""
SENT_FRAMES = 3
"""Number of frames that a link must have taken since its last error, before it works again because no other came."""
LASTING_S = 5.0
"""Time for which errors must have come before anything is given up for them, in seconds."""
HEARD_S = 180.0
"""Time for which nothing is given up for reports of the network after somebody was heard, in seconds: a minute more
than the longest over, during which nobody else talks."""


class LinkHealth:
    """The health of the link, told to the host when it changes.

    A link fails from its first error until a frame comes over it, or until it takes frames and tells of no error.
    """

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._told = ""
        self._told_s = -math.inf
        self._told_lasting = False
        self._failing_since_s = self._failed_s = self._heard_s = -math.inf
        self._sent_since = 0
        self._quiet_s = NetworkReport.QUIET_S
        """Time without an error after which the link works again over which frames are sent, in seconds."""
        self.problem = ""
        """Cause of the last error; "" while the link works."""
        self.lasting = False
        """True where errors have come for LASTING_S, and the link has not worked in between."""

    def failed(self, problem: LinkError) -> None:
        """Tell of a problem, once until the link works again, and not more often than every AGAIN_S.

        It is told once more when it lasts.
        """
        now = trio.current_time()
        longest_s = max(LASTING_S, self._quiet_s)
        if now - self._failed_s > longest_s:  # nobody tried meanwhile, so nothing is known of that time
            self._failing_since_s = now
        self._failed_s, self._sent_since, self.problem = now, 0, problem.cause
        self._quiet_s = problem.QUIET_S if isinstance(problem, NetworkReport) else NetworkReport.QUIET_S
        believed = not isinstance(problem, NetworkReport) or now - self._heard_s >= HEARD_S
        self.lasting = believed and now - self._failing_since_s >= LASTING_S
        news = self._told != str(problem) or (self.lasting and not self._told_lasting)
        if news and now >= self._told_s + AGAIN_S:
            self._told, self._told_s, self._told_lasting = str(problem), now, self.lasting
            self._emit(LinkProblem(problem.cause, problem.cure, self.lasting))

    def take(self, fact: Fact, now: float) -> None:
        """Take what a frame meant: one of the channel's own says that somebody is there, whatever the network says."""
        if not isinstance(fact, Rubbish | Refused | Malformed | Refusal):
            self._heard_s = now

    def is_hint(self, problem: LinkError, link: Link) -> bool:
        """Tell whether an error is no more than a hint that nobody may be there, for which no over is given up."""
        return isinstance(problem, PeerUnreachable) and link.ready and not self.lasting

    def works(self) -> None:
        """Take note that the link works, and tell that it does so again where the host thinks otherwise."""
        self._failed_s, self.lasting, self.problem = -math.inf, False, ""
        if self._told:
            self._told, self._told_lasting = "", False
            self._emit(LinkRecovered())

    def sent(self) -> None:
        """Take note that the link took a frame, which alone is no sign that anybody got it."""
        self._sent_since += 1
        if self._sent_since >= SENT_FRAMES and trio.current_time() - self._failed_s >= self._quiet_s:
            self.works()


async def next_frame(link: Link, health: LinkHealth, gone: Callable[[PeerUnreachable], None]) -> bytes:
    """Return what comes next over a link, whose errors go to `health`.

    gone: told that the link is away, at once and not when somebody happens to talk; it is waited for. Raises LinkError
    or LinkClosed when the link has failed for good.
    """
    while True:
        try:
            octets = await link.receive()
        except PeerUnreachable as problem:
            health.failed(problem)
            if isinstance(problem, LinkRemade):
                health.works()
            elif not link.ready:
                gone(problem)
                await link.wait_ready()
                health.works()
        else:
            health.works()
            return octets
