"""Overs of this station, in virtual time: what of the microphone's sound is sent."""

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
    Station,
    SteadyMicrophone,
    clip,
    pair,
    running,
)
from transport.links.memory import memory_pair
from transport.protocol.frames import End, Voice
from transport.protocol.open_frames import decode


def ramp(moments_s: np.ndarray) -> np.ndarray:
    """A signal that tells the time: 0.01 louder every 100 ms, from -1 on."""
    return -1.0 + 0.1 * moments_s


@trio_test
async def test_the_200_ms_before_the_key_are_sent(virtual_time):
    """The first sample of an over was spoken 200 ms before the key, so that no first syllable is cut."""
    station, other = pair(microphone=SteadyMicrophone(ramp))
    pressed_s = []

    async with running(station, other):
        await trio.sleep(3.005)
        pressed_s.append(trio.current_time())
        station.engine.key_down()
        await trio.sleep(1)
        station.engine.key_up()
        await other.until(events.OverPlayed)
    first_s = (station.spoken[0][0] + 1.0) / 0.1
    # The newest block is up to 20 ms + the device's 40 ms old when the key goes down.
    assert pressed_s[0] - 0.27 < first_s <= pressed_s[0] - 0.2
    steps = np.diff(np.concatenate(station.spoken)[:8000])
    assert np.allclose(steps, 0.1 / 8000, atol=1e-6)  # not a sample is missing between before and after


@trio_test
async def test_what_is_said_until_the_key_comes_up_is_sent(virtual_time):
    """The over ends with the block that was being heard, not a packet earlier."""
    station, other = pair(microphone=SteadyMicrophone(lambda moments_s: np.full(len(moments_s), 0.5)))

    async with running(station, other):
        await trio.sleep(1)
        station.engine.key_down()
        await trio.sleep(2.0)
        station.engine.key_up()
        await other.until(events.OverPlayed)
    loud = np.concatenate(other.heard) > 0.4
    assert 2.1 <= loud.sum() / fmt.SAMPLE_RATE_HZ <= 2.25


@pytest.mark.parametrize(("gain_db", "clipped"), [(0.0, False), (12.0, True)])
@trio_test
async def test_a_clipping_microphone_is_shown(virtual_time, gain_db, clipped):
    """The meter shows the level after the gain, and that samples reached full scale."""
    station, other = pair(microphone=SteadyMicrophone(lambda moments_s: np.full(len(moments_s), 0.5)))

    async with running(station, other):
        station.engine.set_gain(gain_db)
        await trio.sleep(1)
    level = station.only(events.Level)[-1]
    assert clipped == level.clipped
    assert level.rms_db == pytest.approx(gain_db - 6.02, abs=0.01)


@trio_test
async def test_an_over_that_lasts_too_long_is_ended(virtual_time):
    """The time-out timer warns, then lets the floor go."""
    station, other = pair(Settings(name="Ada", time_out_s=20.0, permit_tone=False), microphone=SteadyMicrophone(ramp))

    async with running(station, other):
        await trio.sleep(1)
        station.engine.key_down()
        await station.until(events.OverSent)
    assert 1 == len(station.only(events.TalkTimeWarning))
    ended = station.only(events.TalkEnded)[0]
    assert events.EndReason.TIME_OUT is ended.reason
    assert ended.duration_s == pytest.approx(20.2, abs=0.35)


@pytest.mark.parametrize("frozen_s", [1.5, 8.0, 20.0])
@trio_test
async def test_a_clip_goes_on_after_a_freeze_and_nothing_leaves_in_a_heap(
    virtual_time: trio.testing.MockClock, frozen_s: float
) -> None:
    """What a process that stood still had not said yet is said at the pace of speech; all of the clip leaves."""
    here, there = memory_pair()
    station = Station(ADA, link=here)
    came_s: list[float] = []

    async def hear() -> None:
        while not isinstance(frame := decode(await there.receive()), End):
            if isinstance(frame, Voice):
                came_s.append(trio.current_time())

    async with running(station), trio.open_nursery() as nursery:
        nursery.start_soon(hear)
        began_s = trio.current_time()
        station.engine.play_clip(clip(16.0))
        await trio.sleep(5.0)
        virtual_time.jump(frozen_s)
        sent = await station.until(events.OverSent)
    assert (50, 0) == (sent.packets, sent.unsent)
    assert 50 == len(came_s)
    resumed_s = began_s + 5.0 + frozen_s
    for seconds in range(1, 11):
        left = sum(resumed_s <= at_s < resumed_s + seconds for at_s in came_s)
        assert left <= seconds / 0.32 + 1
