"""A station without a microphone, and one that loses it: nobody hears a stranger under the user's name."""

from __future__ import annotations

import numpy as np
import pytest
import trio
from trio.testing import trio_test

from app import events
from app.audio.devices import always
from app.beat import BEAT_S
from app.settings.model import Settings
from app.station.microphone_end import LOST_AFTER_S
from tests.support.station import Station, SteadyMicrophone
from transport.links.memory import memory_pair


class DyingMicrophone(SteadyMicrophone):
    """Works for a while; then no block comes any more, as where a sound server hangs."""

    def __init__(self, dies_at_s: float) -> None:
        super().__init__(lambda moments_s: np.zeros(len(moments_s)))
        self._dies_at_s = dies_at_s

    async def run(self, deliver, report, may_interrupt=always) -> None:
        began_s = trio.current_time()

        def while_alive(block) -> None:
            if trio.current_time() - began_s < self._dies_at_s:
                deliver(block)

        await super().run(while_alive, report, may_interrupt)


@trio_test
async def test_without_a_microphone_the_key_is_refused_on_a_real_link(virtual_time):
    """With the reason; nothing at all goes on the air."""
    near, far = memory_pair("udp://192.0.2.1:7800", "far")
    ada = Station(Settings("udp://192.0.2.1:7800", name="Ada", presence="off"), link=near, speaks_clips=False)
    async with trio.open_nursery() as nursery:
        await nursery.start(ada.engine.run)
        ada.engine.key_down()
        denied = await ada.until(events.TalkDenied)
        assert "there is no microphone" in denied.reason
        await trio.sleep(2.0)
        assert [] == ada.only(events.TalkPermitted)
        assert 0 == near.sent.frames
        nursery.cancel_scope.cancel()
    del far


@pytest.mark.parametrize(("link", "clip"), [("parrot://", False), ("udp://192.0.2.1:7800", True)])
def test_a_clip_speaks_to_a_parrot_or_where_it_was_asked_for(link, clip):
    """And nowhere else."""

    async def main() -> None:
        near = None if link.startswith("parrot") else memory_pair(link, "far")[0]
        ada = Station(Settings(link, name="Ada", permit_tone=False), link=near, speaks_clips=clip)
        async with trio.open_nursery() as nursery:
            await nursery.start(ada.engine.run)
            ada.engine.key_down()
            await ada.until(events.TalkPermitted)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@trio_test
async def test_an_over_ends_when_the_microphone_dies(virtual_time):
    """Within a good second, and it is said why; what was said before is sent."""
    ada = Station(Settings("parrot://", name="Ada"), microphone=DyingMicrophone(3.0), speaks_clips=False)
    async with trio.open_nursery() as nursery:
        await nursery.start(ada.engine.run)
        await trio.sleep(1.0)
        ada.engine.key_down()
        ended = await ada.until(events.TalkEnded)
        assert events.EndReason.MICROPHONE_LOST is ended.reason
        assert 3.0 + LOST_AFTER_S <= trio.current_time() < 3.0 + LOST_AFTER_S + 2 * BEAT_S
        assert ended.packets >= 6
        nursery.cancel_scope.cancel()


@trio_test
async def test_an_empty_clip_keys_nothing(virtual_time):
    """No BEGIN without a word behind it."""
    ada = Station(Settings("parrot://", name="Ada"))
    async with trio.open_nursery() as nursery:
        await nursery.start(ada.engine.run)
        ada.engine.play_clip(np.zeros(0, np.float32))
        denied = await ada.until(events.TalkDenied)
        assert "no sound" in denied.reason
        assert [] == ada.only(events.FloorChanged)
        nursery.cancel_scope.cancel()
