"""A whole station for tests of the screen: real engine, models, parrot; only its devices are made of numbers.

``python -m tests.support.tui_station [LINK]`` opens it in the terminal, as ``gossamer`` would.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache

import numpy as np
import trio

from app.audio.devices import (
    BLOCK_S,
    BLOCK_SAMPLES,
    Block,
    DeviceReport,
    Loudspeaker,
    MayInterrupt,
    Microphone,
    NoLoudspeaker,
    always,
)
from app.events import DeviceReady, Event
from app.settings.model import Settings
from app.station.engine import Engine
from app.station.parts import load_codec, real_parts
from codec.format import SAMPLE_RATE_HZ

TONE_HZ, TONE_LEVEL = 220.0, 0.2


class ToneMicrophone:
    """A microphone that hears an endless hum, so that an over ends only when its key does."""

    latency_s = 0.0
    working = True

    async def run(
        self, deliver: Callable[[Block], None], report: DeviceReport, may_interrupt: MayInterrupt = always
    ) -> None:
        report(DeviceReady("microphone", "hum", SAMPLE_RATE_HZ))
        time_s = np.arange(BLOCK_SAMPLES) / SAMPLE_RATE_HZ
        block = (TONE_LEVEL * np.sin(2 * np.pi * TONE_HZ * time_s)).astype(np.float32)
        next_s = trio.current_time()
        while True:
            next_s += BLOCK_S
            await trio.sleep_until(next_s)
            deliver(block)

    def hurry(self, wanted: bool) -> None:
        """Deliver each block at once in any case."""

    def choose(self, name: str | None) -> None:
        """Choose nothing: there is one microphone."""


class QuietLoudspeaker(NoLoudspeaker):
    """A loudspeaker that works, and that nobody hears."""

    async def run(self, report: DeviceReport, may_interrupt: MayInterrupt = always) -> None:
        report(DeviceReady("loudspeaker", "silence", SAMPLE_RATE_HZ))
        await trio.sleep_forever()


def open_numbers(settings: Settings) -> tuple[Microphone, Loudspeaker]:
    return ToneMicrophone(), QuietLoudspeaker()


load_codec_once = cache(load_codec)
"""One station at a time runs in a process: the models need loading once."""


def make_engine(settings: Settings, emit: Callable[[Event], None]) -> Engine:
    return Engine(settings, emit, real_parts(load_codec=load_codec_once, open_sound=open_numbers))


if __name__ == "__main__":
    from app.tui import run_talk

    settings = Settings(name="Anna") if len(sys.argv) < 2 else Settings(link=sys.argv[1], name="Anna")
    sys.exit(run_talk(settings, make_engine))
