"""What goes on the link, in virtual time, and what it costs."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from app.station.transmitter import Transmitter
from tests.support.station import (
    ADA,
    Station,
    clip,
    running,
)
from transport.address import parse_address
from transport.links.base import Link
from transport.links.memory import MemoryLink, memory_pair
from transport.planning.airtime_budget import AirtimeBudget
from transport.planning.planner import link_model
from transport.protocol.frames import End, Ping, Pong
from transport.protocol.open_frames import decode, encode


@trio_test
async def test_what_an_over_costs_on_the_wire_is_counted_frame_by_frame(virtual_time):
    """800 bit/s of voice; with header, BEGIN and END the wire carries what the link counted."""
    station = Station(ADA)
    links: list[Link] = []

    def keep(link: Link) -> Link:
        links.append(link)
        return link

    station.wrap = keep

    async with running(station):
        station.engine.play_clip(clip(6.4))
        await station.until(events.OverSent)
    sent = station.only(events.OverSent)[0]
    assert 800.0 == sent.voice_bps
    assert sent.wire_bps == pytest.approx(8 * links[0].sent.total / 6.4)
    assert 1000 < sent.wire_bps < 1200
    rates = station.only(events.WireRate)
    assert max(rate.layers[0].sent_bps for rate in rates) == pytest.approx(800, rel=0.15)
    assert {"voice", "frame header", "begin, end, ..."} <= {layer.layer for layer in rates[-1].layers}


@trio_test
async def test_frames_of_this_engine_are_frames_of_the_format(virtual_time):
    """What goes on the link is BEGIN, then VOICE in order, BEGIN again every cycle, then END twice."""
    here, there = memory_pair()
    station = Station(ADA, link=here)
    kinds = []

    async with running(station):
        station.engine.play_clip(clip(3.2))
        await station.until(events.OverSent)
        with trio.move_on_after(0.1):
            while True:
                kinds.append(type(decode(await there.receive())).__name__)
    assert ["Begin", *["Voice"] * 8, "Begin", "Voice", "Voice", "End", "End"] == kinds


class SlowLink(MemoryLink):
    """A link that takes a while for each frame, as a serial radio does."""

    async def send(self, frame: bytes) -> None:
        await trio.sleep(0.15)
        await super().send(frame)


def slow_pair() -> tuple[Link, Link]:
    here, there = memory_pair()
    return SlowLink(here.name, (), here._out, here._incoming), there


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.1, 0.2, 0.3])
@trio_test
async def test_what_was_queued_has_left_whatever_is_queued_meanwhile(after_s: float, virtual_time) -> None:
    """Answers and frames that come while somebody waits for those before them delay him by no more than themselves."""
    here, _ = slow_pair()
    transmitter = Transmitter(here, encode, AirtimeBudget(link_model(parse_address("udp://127.0.0.1:9"))))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transmitter.run, lambda problem: None)
        for _ in range(2):
            transmitter.send(Ping(1, 1, 1))

        async def more() -> None:
            await trio.sleep(after_s)
            for number in range(40):
                transmitter.send(Ping(2, number, 1))
                transmitter.answer(Pong(1, 1, number))
                await trio.sleep(0.1)

        nursery.start_soon(more)
        with trio.fail_after(1.0):
            await transmitter.drained()
        assert transmitter.waiting
        nursery.cancel_scope.cancel()


@trio_test
async def test_a_ping_behind_an_end_leaves_the_key_alive(virtual_time) -> None:
    """One PING that is answered while the ENDs wait for the link: the next over goes out as the first one did."""
    here, there = slow_pair()
    station = Station(ADA, link=here)

    async def ask() -> None:
        while True:
            if isinstance(decode(await there.receive()), End):
                await there.send(encode(Ping(1, 2, 3)))

    async with running(station), trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        for number in range(3):
            station.engine.play_clip(clip(1.0))
            await station.until(events.OverSent, number + 1, 20.0)
        nursery.cancel_scope.cancel()
