"""The delay from mouth to ear, held against a stopwatch."""

from __future__ import annotations

import numpy as np
import pytest
import trio
import trio.testing

from app import events
from app.settings.model import Settings
from tests.support.station import (
    BOB,
    Station,
    SteadyMicrophone,
    in_virtual_time,
)
from transport.impairment import Impairment
from transport.links.impaired import impair
from transport.links.memory import memory_pair


def knock(moments_s: np.ndarray) -> np.ndarray:
    """Silence, and from 4 s on full sound."""
    return np.where(moments_s >= 4.0, 0.8, 0.0)


@pytest.mark.parametrize("k", [1, 2])
def test_mouth_to_ear_is_what_a_stopwatch_says(k):
    """The figure that the parrot's conversation measures is the time from microphone to loudspeaker between two
    stations on such a link."""
    impairment = Impairment(rate_bps=1200)
    here, there = memory_pair()
    settings = Settings(name="Ada", permit_tone=False, packets_per_frame=k)
    one, other = Station(settings, SteadyMicrophone(knock), here), Station(BOB, link=there)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            one.link = impair(here, impairment, nursery)
            await nursery.start(one.engine.run)
            await nursery.start(other.engine.run)
            await trio.sleep(3)
            one.engine.key_down()
            await trio.sleep(6)
            one.engine.key_up()
            await other.until(events.OverEnded)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    stopwatch_s = other.loudspeaker.first_above(0.5) - 4.0

    alone = Station(settings, SteadyMicrophone(knock))

    async def play(station):
        await trio.sleep(3)
        station.engine.key_down()
        await trio.sleep(6)
        station.engine.key_up()
        await station.until(events.MouthToEar)

    in_virtual_time(trio.testing.MockClock(autojump_threshold=0), play, alone)
    told = alone.only(events.MouthToEar)[0]
    assert told.measured
    # Where the hold is anchored depends on how BEGIN and the first frame fall together: half a tenth either way.
    assert told.total_s == pytest.approx(stopwatch_s, abs=0.06)
    assert told.total_s == pytest.approx(told.packet_s + told.link_s + told.playout_s + told.devices_s)
