"""Overs of other stations, in virtual time: each packet in its place, whatever the link does."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from tests.support.station import (
    ADA,
    BOB,
    CODEC_ID,
    LeftOpen,
    StaircaseDecoder,
    StaircaseEncoder,
    Station,
    clip,
    pair,
    running,
)
from transport.impairment import Impairment
from transport.links.impaired import impair
from transport.links.memory import memory_pair


@trio_test
async def test_another_codec_is_said_and_not_played(virtual_time):
    """A mismatch of codec_id is an event, not noise."""
    one, other = pair(encoder=StaircaseEncoder(codec_id=5), decoder=StaircaseDecoder(codec_id=5))

    async with running(one, other):
        one.engine.play_clip(clip(3.0))
        await one.until(events.OverSent)
        await trio.sleep(3)
    assert [events.CodecMismatch("Ada", CODEC_ID, 5)] == other.only(events.CodecMismatch)
    assert [] == other.decoder.packets
    assert ["receiving", "idle"] == [event.state.value for event in other.only(events.FloorChanged)]


@pytest.mark.parametrize(
    "impairment",
    [
        Impairment(loss=0.2, seed=3),
        Impairment(loss=0.2, burst_frames=3, seed=4),
        Impairment(jitter_s=0.15, delay_s=0.1, seed=5),
        Impairment(reorder=0.2, seed=6),
        Impairment(duplicate=0.5, seed=7),
        Impairment(ber=0.001, seed=8),
    ],
    ids=["loss", "bursts", "jitter", "reordering", "duplicates", "bit errors"],
)
@trio_test
async def test_an_impaired_over_keeps_its_length_and_its_place(impairment, virtual_time):
    """Whatever the link does, packet i is played as packet i, and what is missing is one None in its place."""
    one, other = pair()
    async with trio.open_nursery() as nursery:
        one.wrap = lambda link: impair(link, impairment, nursery)
        async with running(one, other):
            one.engine.play_clip(clip(20.0))
            await one.until(events.OverSent)
            await trio.sleep(8)
        nursery.cancel_scope.cancel()
    sent, played = one.encoder.packets, other.decoder.packets
    missed_at_the_start = len(sent) - len(played)
    assert 0 <= missed_at_the_start <= 8 if impairment.loss else missed_at_the_start == 0
    differing = sum(a != b for a, b in zip(sent[missed_at_the_start:], played, strict=True) if b is not None)
    assert differing == 0 or impairment.ber
    lost = other.only(events.OverPlayed)[0].lost
    assert lost == played.count(None)
    assert lost == 0 or impairment.loss or impairment.ber or impairment.reorder or impairment.jitter_s


@trio_test
async def test_rubbish_is_counted_and_survived(virtual_time):
    """Frames that are none do not stop an over."""
    here, there = memory_pair()
    one, other = Station(ADA, link=here), Station(BOB, link=there)

    async with running(one, other):
        for octets in (b"", b"\0" * 40, bytes(range(72)), b"\x12" * 400):
            await here.send(octets)
        one.engine.play_clip(clip(1.0))
        await other.until(events.OverPlayed)
    assert 4 == other.only(events.PacketCounts)[-1].rubbish
    assert one.encoder.packets == other.decoder.packets


@trio_test
async def test_an_over_that_is_cut_off_by_closing_is_told_as_far_as_it_was_played(
    virtual_time: trio.testing.MockClock,
) -> None:
    """Its packets are those that went to the loudspeaker, and it is not said to be complete."""
    one, other = pair()
    other.wrap = LeftOpen
    async with trio.open_nursery() as nursery:
        await nursery.start(one.engine.run)
        await nursery.start(other.engine.run)
        one.engine.play_clip(clip(16.0))
        await other.until(events.OverBegan)
        await trio.sleep(5.0)
        other.engine.close()
        await trio.sleep(0.1)
        one.engine.close()
    [played] = other.only(events.OverPlayed)
    assert (len(other.decoder.packets), 0) == (played.packets, played.lost)
    assert 10 <= played.packets <= 16
    assert (False, True) == (played.complete, played.cut)
