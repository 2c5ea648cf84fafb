"""The parts of a running station, as they are connected with each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import trio
from trio.testing import trio_test

from app import events
from app.audio.devices import Block, DeviceReport, MayInterrupt, always
from app.settings.model import Settings
from tests.support.station import Station, SteadyMicrophone, running


class AskingMicrophone(SteadyMicrophone):
    """Keeps what it may ask before it closes for a moment."""

    def __init__(self) -> None:
        super().__init__(lambda moments_s: np.zeros(len(moments_s)))
        self.may_interrupt: MayInterrupt = always

    async def run(
        self, deliver: Callable[[Block], None], report: DeviceReport, may_interrupt: MayInterrupt = always
    ) -> None:
        self.may_interrupt = may_interrupt
        await super().run(deliver, report)


@trio_test
async def test_devices_are_interrupted_only_while_nobody_talks(virtual_time: trio.testing.MockClock) -> None:
    """They may look for new ones before an over and after its answer, and at no time between."""
    microphone = AskingMicrophone()
    ada = Station(Settings("parrot://", name="Ada"), microphone=microphone)
    async with running(ada):
        assert microphone.may_interrupt()
        ada.engine.key_down()
        await ada.until(events.TalkPermitted)
        assert not microphone.may_interrupt()
        await trio.sleep(1.0)
        ada.engine.key_up()
        await ada.until(events.OverPlayed)
        await trio.sleep(5.0)
        assert microphone.may_interrupt()
