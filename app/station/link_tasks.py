"""The tasks around a link that run all the time: receiving from it, and the rates on it."""

from __future__ import annotations

from collections.abc import Callable

import trio

from app.beat import next_beat_s
from app.events import Event, TalkDraining
from app.station.channel_end import ChannelEnd
from app.station.conversation import Conversation
from app.station.link_health import LinkHealth, next_frame
from app.station.listener import Listener
from app.station.transmitter import Transmitter
from app.station.wire_meter import WireMeter
from transport.links.base import Link

FROZEN_S = 2.0
"""Time for which nothing ran after which this process stood still (stopped, or the machine slept), in seconds."""
SETTLED_S = 0.3
"""Time in which what waited in the socket meanwhile is read, in seconds..."""
SETTLING_TIMES = 8
"""...and how often it may take that long: on a busy machine a frame takes 10 ms, and a minute brings 200 of them."""


async def receive(
    link: Link, channel: ChannelEnd, listener: Listener, conversation: Conversation, health: LinkHealth
) -> None:
    """Receive until cancelled. Raises LinkError or LinkClosed when the link has failed for good."""
    while True:
        octets = await next_frame(link, health, conversation.link_gone)
        now = trio.current_time()
        for fact in channel.receive(octets):
            health.take(fact, now)
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
