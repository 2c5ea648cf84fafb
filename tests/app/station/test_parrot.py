"""A conversation with the parrot, in virtual time: what is said comes back."""

from __future__ import annotations

import numpy as np
import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from app.settings.model import Settings
from codec import format as fmt
from tests.support.station import (
    ADA,
    FlippedLink,
    Station,
    clip,
    in_virtual_time,
    running,
)


@trio_test
async def test_the_parrot_sends_the_very_packets_back(virtual_time):
    """What the decoder gets are the encoder's packets, all of them, in order."""
    station = Station(ADA)

    async with running(station):
        station.engine.play_clip(clip(5.0))
        await station.until(events.OverPlayed)
    assert len(station.encoder.packets) == 16
    assert station.encoder.packets == station.decoder.packets


@trio_test
async def test_a_conversation_is_told_in_order(virtual_time):
    """The facts come in the order in which they happen, and the floor passes through its states."""
    station = Station(ADA)

    async with running(station):
        station.engine.play_clip(clip(2.0))
        await station.until(events.OverPlayed)
        await trio.sleep(1)
    told = [type(event).__name__ for event in station.happened]
    told = [name for name in told if name not in ("Level", "WireRate", "PacketCounts", "PlayoutState", "TalkDraining")]
    assert [
        "StationReady",
        "FloorChanged",
        "FloorChanged",
        "TalkPermitted",
        "FloorChanged",
        "TalkEnded",
        "FloorChanged",
        "OverSent",
        "OverBegan",
        "FloorChanged",
        "OverPlayed",
        "MouthToEar",
        "FloorChanged",
    ] == told
    states = [event.state.value for event in station.only(events.FloorChanged)]
    assert ["asked", "on air", "draining", "idle", "receiving", "idle"] == states
    assert "parrot" == station.only(events.OverBegan)[0].sender
    assert events.EndReason.CLIP_ENDED is station.only(events.TalkEnded)[0].reason


@trio_test
async def test_what_was_spoken_and_what_was_heard_are_aligned(virtual_time):
    """The two taps give as many samples as packets hold, and the same sound at the same place."""
    station = Station(ADA)

    async with running(station):
        station.engine.play_clip(clip(3.0))
        await station.until(events.OverPlayed)
    spoken, heard = np.concatenate(station.spoken), np.concatenate(station.heard)
    assert len(spoken) == len(heard) == 10 * fmt.PACKET_SAMPLES
    assert np.abs(spoken - heard).max() < 0.01


def test_bytes_changed_on_the_link_change_what_is_heard(virtual_time):
    """The sound comes from the bytes that the receiver took off the link: flip some there and it is another sound."""

    def converse(wrap) -> Station:
        station = Station(ADA, wrap=wrap)

        async def play(station):
            station.engine.play_clip(clip(2.0))
            await station.until(events.OverPlayed)

        in_virtual_time(trio.testing.MockClock(autojump_threshold=0), play, station)
        return station

    clean, flipped = converse(lambda link: link), converse(lambda link: FlippedLink(link, 4, 0x80))
    assert len(clean.heard) == len(flipped.heard)
    assert np.abs(np.concatenate(clean.heard) - np.concatenate(flipped.heard)).max() > 0.9
    ended = flipped.only(events.OverPlayed)[0]
    assert (7, 0) == (ended.damaged, ended.lost)


@trio_test
async def test_on_a_link_slower_than_speech_overs_are_buffered_and_then_played(virtual_time):
    """800 bit/s of voice over 600 bit/s: what drains is shown, and no packet is lost."""
    station = Station(Settings(link="parrot://?rate=600&k=2", name="Ada", permit_tone=False))

    async with running(station):
        for count in (1, 2):
            station.engine.play_clip(clip(6.0, seed=count))
            await station.until(events.OverPlayed, count, within_s=120)
            await trio.sleep(1)
    draining = [event.left_s for event in station.only(events.TalkDraining)]
    assert max(draining) > 2.0
    assert 0.0 == draining[-1]
    [slow] = station.only(events.SlowLink)
    began_s, *_ = station.when(events.TalkPermitted)
    sent_s, *_ = station.when(events.OverSent)
    assert (2, pytest.approx(6.0 * slow.share, rel=0.1)) == (slow.packets_per_frame, sent_s - began_s)
    assert [0, 0] == [over.lost for over in station.only(events.OverPlayed)]
    assert station.encoder.packets == station.decoder.packets
