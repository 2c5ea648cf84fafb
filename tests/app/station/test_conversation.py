"""The floor between talker and listener, in virtual time: who may talk, and who is told why not."""

from __future__ import annotations

import numpy as np
import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from app.audio.tones import permit_tone
from app.settings.model import Settings
from codec import format as fmt
from tests.support.station import (
    ADA,
    BOB,
    CODEC_ID,
    Station,
    clip,
    in_virtual_time,
    pair,
    running,
)
from transport.impairment import Impairment
from transport.links.impaired import impair
from transport.links.memory import memory_pair
from transport.protocol.floor_states import State
from transport.protocol.frames import Begin, End, Voice
from transport.protocol.open_frames import encode


def test_the_permit_tone_is_heard_and_can_be_left_out(virtual_time):
    """The floor is granted with a tone in one's own loudspeaker, unless the settings say no."""
    with_tone, other = pair(Settings(name="Ada"))

    async def play(station, other):
        station.engine.play_clip(clip(1.0))
        await other.until(events.OverPlayed)

    in_virtual_time(virtual_time, play, with_tone, other)
    heard = with_tone.loudspeaker.sound()
    assert np.abs(heard).max() == pytest.approx(np.abs(permit_tone()).max())
    without, other = pair()
    in_virtual_time(trio.testing.MockClock(autojump_threshold=0), play, without, other)
    assert 0.0 == np.abs(without.loudspeaker.sound()).max(initial=0.0)


@trio_test
async def test_the_loudspeaker_is_quiet_while_one_talks(virtual_time):
    """Two stations that talk at once: neither hears the other meanwhile, and both are told of the collision."""
    here, there = memory_pair()
    async with trio.open_nursery() as nursery:
        # With a way that takes a while, both are on the air before either hears of the other.
        one = Station(ADA, link=impair(here, Impairment(delay_s=0.2), nursery))
        other = Station(BOB, link=impair(there, Impairment(delay_s=0.2), nursery))
        async with running(one, other):
            one.engine.play_clip(clip(3.0))
            other.engine.play_clip(clip(3.0, seed=2))
            await one.until(events.TalkEnded)
            assert one.only(events.OverBegan)
            assert 0.0 == np.abs(one.loudspeaker.sound()).max(initial=0.0)
        nursery.cancel_scope.cancel()
    assert one.only(events.Collision) or other.only(events.Collision)


@trio_test
async def test_who_presses_while_somebody_talks_is_refused_with_a_reason(virtual_time):
    """The floor is taken: the key does nothing but say why, and works again after the over."""
    one, other = pair()

    async with running(one, other):
        one.engine.play_clip(clip(2.0))
        await other.until(events.OverBegan)
        other.engine.play_clip(clip(1.0))
        assert not other.engine.talking
        other.engine.key_up()
        await other.until(events.OverPlayed)
        other.engine.play_clip(clip(1.0))
        await one.until(events.OverPlayed)
    assert ["somebody is talking: wait for the end of that over"] == [
        event.reason for event in other.only(events.TalkDenied)
    ]
    assert 1 == len(other.only(events.TalkPermitted))


@trio_test
async def test_a_talker_who_disappears_frees_the_floor(virtual_time):
    """No END ever comes: the over ends as incomplete within seconds, and the channel can be used again."""
    here, there = memory_pair()
    station = Station(ADA, link=there)

    async with running(station):
        await here.send(encode(Begin(9, 0, bytes(8), 0, CODEC_ID, 1, "Eve")))
        for sequence in range(1, 5):
            await trio.sleep(fmt.PACKET_S)
            await here.send(encode(Voice(9, sequence, (bytes(32),))))
        ended = await station.until(events.OverPlayed, within_s=10)
        assert not ended.complete
        await trio.sleep(0.1)
        station.engine.play_clip(clip(1.0))
        await station.until(events.OverSent)
    assert [0] == sorted({event.signal_lost for event in station.only(events.PlayoutState)[:4]})
    assert station.only(events.PlayoutState)[-1].signal_lost


@trio_test
async def test_an_over_that_begins_while_the_last_is_played_has_its_turn_after_it(virtual_time):
    """Both are played whole, each is told when it is heard, and the floor stays taken until the second one was."""
    here, there = memory_pair()
    station = Station(ADA, link=there)

    async def say(over: int, sender: str, packets: int) -> None:
        await here.send(encode(Begin(over, 0, bytes([over] * 8), 0, CODEC_ID, 6, sender)))
        for sequence in range(packets // 6):
            await here.send(encode(Voice(over, 1 + sequence, tuple(bytes([over] * 32) for _ in range(6)))))
        await here.send(encode(End(over, 1 + packets // 6, packets)))

    async with running(station):
        await say(9, "Eve", 12)
        await trio.sleep(1)
        await say(11, "Zoe", 6)
        await station.until(events.OverPlayed, 2)
        await trio.sleep(1)
    assert [bytes([9] * 32)] * 12 + [bytes([11] * 32)] * 6 == station.decoder.packets
    assert [("Eve", 12, 0), ("Zoe", 6, 0)] == [
        (ended.sender, ended.packets, ended.lost) for ended in station.only(events.OverPlayed)
    ]
    told = [type(event).__name__ for event in station.only(events.OverBegan, events.OverPlayed)]
    assert ["OverBegan", "OverPlayed", "OverBegan", "OverPlayed"] == told
    assert ["receiving", "idle"] == [event.state.value for event in station.only(events.FloorChanged)]


@trio_test
async def test_an_over_in_another_codec_behind_one_that_is_played_frees_the_floor(virtual_time):
    """It is never played, so its END is the end of it, even while the over before it is still heard."""
    here, there = memory_pair()
    station = Station(ADA, link=there)

    async with running(station):
        for over, codec_id in ((9, CODEC_ID), (11, 5)):
            await here.send(encode(Begin(over, 0, bytes([over] * 8), 0, codec_id, 6, "Eve")))
            await here.send(encode(Voice(over, 1, (bytes([over] * 32),) * 6)))
            await here.send(encode(End(over, 2, 6)))
        await station.until(events.OverPlayed)
        await trio.sleep(1)
    assert State.IDLE is station.only(events.FloorChanged)[-1].state
    assert [bytes([9] * 32)] * 6 == station.decoder.packets
