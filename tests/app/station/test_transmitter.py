"""What goes on the link, in virtual time, and what it costs."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from tests.support.station import (
    ADA,
    Station,
    clip,
    running,
)
from transport.links.base import Link
from transport.links.memory import memory_pair
from transport.protocol.open_frames import decode


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
