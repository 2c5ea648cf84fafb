"""The tasks around a link that run all the time: receiving from it, its health, and the rates on it."""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

from app.beat import next_beat_s
from app.events import Event, LinkProblem, LinkRecovered, TalkDraining
from app.station.channel_end import ChannelEnd
from app.station.conversation import Conversation
from app.station.listener import Listener
from app.station.transmitter import Transmitter
from app.station.wire_meter import WireMeter
from transport.errors import LinkError, LinkRemade, NetworkReport, PeerUnreachable
from transport.links.base import Link
from transport.protocol.frames import Refusal
from transport.protocol.over import Malformed
from transport.protocol.receiver import Refused, Rubbish

FROZEN_S = 2.0
"""Time for which nothing ran after which this process stood still (stopped, or the machine slept), in seconds."""
SETTLED_S = 0.3
"""Time in which what waited in the socket meanwhile is read, in seconds..."""
SETTLING_TIMES = 8
"""...and how often it may take that long: on a busy machine a frame takes 10 ms, and a minute brings 200 of them."""
AGAIN_S = 1.0
"""Shortest time between two tidings of a link that does not work, in seconds: whoever forges errors is no flood."""
QUIET_S = 1.0
"""Time without an error after which a link works again over which frames are sent, in seconds..."""
SENT_FRAMES = 3
"""...and the number of frames that it must have taken since the last error."""
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
        self.lasting = False
        """True where errors have come for LASTING_S, and the link has not worked in between."""

    def failed(self, problem: LinkError) -> None:
        """Tell of a problem, once until the link works again, and not more often than every AGAIN_S.

        It is told once more when it lasts.
        """
        now = trio.current_time()
        if now - self._failed_s > LASTING_S:  # nobody tried meanwhile, so nothing is known of that time
            self._failing_since_s = now
        self._failed_s, self._sent_since = now, 0
        believed = not isinstance(problem, NetworkReport) or now - self._heard_s >= HEARD_S
        self.lasting = believed and now - self._failing_since_s >= LASTING_S
        news = self._told != str(problem) or (self.lasting and not self._told_lasting)
        if news and now >= self._told_s + AGAIN_S:
            self._told, self._told_s, self._told_lasting = str(problem), now, self.lasting
            self._emit(LinkProblem(problem.cause, problem.cure, self.lasting))

    def heard(self) -> None:
        """Take note that a frame of the channel came: somebody is there, whatever the network says."""
        self._heard_s = trio.current_time()

    def works(self) -> None:
        """Take note that the link works, and tell that it does so again where the host thinks otherwise."""
        self._failed_s, self.lasting = -math.inf, False
        if self._told:
            self._told, self._told_lasting = "", False
            self._emit(LinkRecovered())

    def sent(self) -> None:
        """Take note that the link took a frame, which alone is no sign that anybody got it."""
        self._sent_since += 1
        if self._sent_since >= SENT_FRAMES and trio.current_time() - self._failed_s >= QUIET_S:
            self.works()


async def receive(
    link: Link, channel: ChannelEnd, listener: Listener, conversation: Conversation, health: LinkHealth
) -> None:
    """Receive until cancelled. Raises LinkError or LinkClosed when the link has failed for good."""
    while True:
        try:
            octets = await link.receive()
        except PeerUnreachable as problem:
            health.failed(problem)
            if isinstance(problem, LinkRemade):
                health.works()
            elif not link.ready:  # unplugged: told when it is back, not when somebody happens to talk
                conversation.link_gone(problem)
                await link.wait_ready()
                health.works()
            continue
        health.works()
        now = trio.current_time()
        for fact in channel.receive(octets):
            if not isinstance(fact, Rubbish | Refused | Malformed | Refusal):
                health.heard()
            listener.take(fact, now)
            conversation.take(fact, now)


async def report_rates(
    link: Link,
    channel: ChannelEnd,
    transmitter: Transmitter,
    conversation: Conversation,
    emit: Callable[[Event], None],
) -> None:
    """Report at each beat what is on the wire, what the channel refused and what is still to be sent."""
    meter = WireMeter(link)
    told = None
    while True:
        rate = meter.rate(trio.current_time())
        if rate != told:
            emit(rate)
            told = rate
        channel.report()
        if conversation.idle and (refusal := channel.refusal_due()) is not None:
            transmitter.answer(*refusal)
        if transmitter.waiting and not conversation.talking:
            emit(TalkDraining(transmitter.left_s))
        await trio.sleep_until(next_beat_s(trio.current_time()))


async def watch_for_freezes(listener: Listener) -> None:
    """Notice that this process stood still, and have nothing played late that came meanwhile, until cancelled."""
    while True:
        before_s = trio.current_time()
        await trio.sleep_until(next_beat_s(before_s))
        if trio.current_time() - before_s > FROZEN_S:
            woke_s = trio.current_time()
            for _ in range(SETTLING_TIMES):
                await trio.sleep(SETTLED_S)
                listener.catch_up(woke_s)
