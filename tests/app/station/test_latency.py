"""The delay from mouth to ear, held against a stopwatch."""

from __future__ import annotations

import numpy as np
import pytest
import trio
from trio.testing import trio_test

from app import events
from app.settings.model import Settings
from tests.support.station import (
    BOB,
    Station,
    SteadyMicrophone,
    running,
)
from transport.impairment import Impairment
from transport.links.impaired import impair
from transport.links.memory import memory_pair


def knock_at(at_s: float) -> SteadyMicrophone:
    """A microphone that hears silence, and full sound from that time on."""
    return SteadyMicrophone(lambda moments_s: np.where(moments_s >= at_s, 0.8, 0.0))


@pytest.mark.parametrize("k", [1, 2])
@trio_test
async def test_mouth_to_ear_is_what_a_stopwatch_says(k, virtual_time):
    """The figure that the parrot's conversation measures is the time from microphone to loudspeaker between two
    stations on such a link."""
    impairment = Impairment(rate_bps=1200)
    here, there = memory_pair()
    settings = Settings(name="Ada", permit_tone=False, packets_per_frame=k)
    knock_s = trio.current_time() + 4.0
    one, other = Station(settings, knock_at(knock_s), here), Station(BOB, link=there)
    async with trio.open_nursery() as nursery:
        one.link = impair(here, impairment, nursery)
        async with running(one, other):
            await trio.sleep(3)
            one.engine.key_down()
            await trio.sleep(6)
            one.engine.key_up()
            await other.until(events.OverPlayed)
        nursery.cancel_scope.cancel()
    stopwatch_s = other.loudspeaker.first_above(0.5) - knock_s

    alone = Station(settings, knock_at(trio.current_time() + 4.0))
    async with running(alone):
        await trio.sleep(3)
        alone.engine.key_down()
        await trio.sleep(6)
        alone.engine.key_up()
        await alone.until(events.MouthToEar)
    told = alone.only(events.MouthToEar)[0]
    assert told.measured
    # Where the hold is anchored depends on how BEGIN and the first frame fall together: half a tenth either way.
    assert told.total_s == pytest.approx(stopwatch_s, abs=0.06)
    assert told.total_s == pytest.approx(told.packet_s + told.link_s + told.playout_s + told.devices_s)
