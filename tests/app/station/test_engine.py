"""The commands of the engine, in virtual time, with a see-through codec."""

from __future__ import annotations

import numpy as np
import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from tests.support.station import (
    ADA,
    LeftOpen,
    Station,
    SteadyMicrophone,
    clip,
    pair,
    running,
)


@trio_test
async def test_without_a_microphone_the_key_speaks_the_bundled_clips_in_turn(virtual_time):
    """A key press says something even where there is no microphone, another thing the next time."""
    station = Station(ADA)

    async with running(station):
        for count in (1, 2):
            station.engine.key_down()
            await station.until(events.OverPlayed, count)
            await trio.sleep(0.5)
    spoken = np.concatenate(station.spoken)
    half = len(spoken) // 2
    assert np.array_equal(clip(2.0, seed=0), spoken[:16000])
    assert np.array_equal(clip(2.0, seed=1), spoken[half : half + 16000])


@trio_test
async def test_volume_and_mute_act_on_what_is_playing(virtual_time):
    """The volume scales what is heard from the next moment on; mute silences it; both can be undone."""
    one, other = pair()

    async with running(one, other):
        one.engine.play_clip(np.full(80000, 0.5, np.float32))
        await other.until(events.OverBegan)
        await trio.sleep(1.5)
        other.engine.set_volume(0.5)
        await trio.sleep(1.5)
        other.engine.set_mute(True)
        await trio.sleep(1.5)
        other.engine.set_mute(False)
        await trio.sleep(1.5)
        other.engine.set_volume(1.0)
        await other.until(events.OverPlayed)
    heard = other.loudspeaker.sound()
    levels = np.round(heard[::80], 2).tolist()
    steps = [level for level, before in zip(levels, [None, *levels], strict=False) if level != before]
    assert [0.0, 0.5, 0.25, 0.0, 0.25, 0.5] == steps[:6]


@trio_test
async def test_a_ping_is_answered(virtual_time):
    """With its own token."""
    one, other = pair()

    async with running(one, other):
        one.engine.ping(0xDEADBEEF)
        await one.until(events.PongHeard)
    assert [events.PongHeard(0xDEADBEEF)] == one.only(events.PongHeard)


@trio_test
async def test_short_messages_arrive(virtual_time):
    """A text is heard as written, with its sender; one that is too long is cut at a whole character."""
    one, other = pair()

    async with running(one, other):
        one.engine.send_text("on our way")
        one.engine.send_text("ä" * 100)
        await other.until(events.TextHeard, 2)
    assert [events.TextHeard("Ada", "on our way"), events.TextHeard("Ada", "ä" * 70)] == other.only(events.TextHeard)


def ramp(moments_s: np.ndarray) -> np.ndarray:
    """A signal that tells the time: 0.01 louder every 100 ms, from -1 on."""
    return -1.0 + 0.1 * moments_s


@trio_test
async def test_closing_while_talking_ends_the_over(virtual_time):
    """The other side gets an END, not a silence."""
    one, other = pair(microphone=SteadyMicrophone(ramp), wrap=LeftOpen)

    async with running(one, other):
        one.engine.key_down()
        await trio.sleep(2)
        one.engine.close()
        ended = await other.until(events.OverPlayed)
        assert ended.complete


@trio_test
async def test_before_it_is_open_and_after_it_is_closed_a_station_refuses_its_key(virtual_time):
    """Keys, voice and replay are refused with a line each; what only sets something is kept, the rest is ignored."""
    station = Station(ADA)
    engine = station.engine

    def commands() -> None:
        engine.key_down()
        engine.play_clip(clip(1.0))
        engine.set_vox(True)
        engine.replay_last()
        for ignored in (engine.key_up, engine.hush_beside, lambda: engine.ping(1), lambda: engine.send_text("hello")):
            ignored()
        assert (False, True, 0.0) == (engine.talking, engine.idle, engine.queued_s)

    refused = [events.TalkDenied, events.TalkDenied, events.VoxChanged, events.ReplayRefused]
    commands()
    assert refused == [type(event) for event in station.happened]
    engine.set_volume(0.3)
    async with running(station):
        assert 0.3 == engine.controls.volume
        engine.play_clip(clip(1.0))
        await station.until(events.OverPlayed)
    assert 0.3 * 0.75 == pytest.approx(np.abs(station.loudspeaker.sound()).max(), abs=0.01)
    station.happened.clear()
    commands()
    assert refused == [type(event) for event in station.happened]
