"""Microphone and loudspeaker as an engine sees them, and absent ones for stations without a sound card."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import trio
from numpy.typing import NDArray

from app.events import DeviceProblem, DeviceReady
from app.settings.model import Settings
from codec.format import SAMPLE_RATE_HZ

BLOCK_SAMPLES = 160
"""Samples of a microphone that are delivered at a time, about: 20 ms."""
BLOCK_S = BLOCK_SAMPLES / SAMPLE_RATE_HZ
"""Seconds of sound in BLOCK_SAMPLES."""

Block = NDArray[np.float32]
"""A piece of sound: float32 [n], mono, 8 kHz, -1..1."""
DeviceReport = Callable[[DeviceReady | DeviceProblem], None]
"""Function that is told what happens to a device."""
MayInterrupt = Callable[[], bool]
"""Function that tells whether a device that works may be closed for a moment, to look for new ones."""


def always() -> bool:
    """Return True: nobody minds a moment of silence."""
    return True


class Microphone(Protocol):
    """A source of sound, in real time."""

    @property
    def latency_s(self) -> float:
        """Age of a sound when its block is delivered, in seconds."""
        ...

    @property
    def working(self) -> bool:
        """True while blocks are coming."""
        ...

    async def run(
        self, deliver: Callable[[Block], None], report: DeviceReport, may_interrupt: MayInterrupt = always
    ) -> None:
        """Deliver blocks in the trio thread until cancelled; report what happens to the device, and survive it.

        may_interrupt: asked before a working device is closed for a moment, to look for the one that is wanted.
        """
        ...

    def hurry(self, wanted: bool) -> None:
        """Deliver what has come, and from now on each block at once; or, not wanted, several together.

        Called in the trio thread.
        """
        ...

    def choose(self, name: str | None) -> None:
        """Switch to another device, by number, name or part of a name; None is the system's default."""
        ...


class Loudspeaker(Protocol):
    """A sink for sound, played in real time in the order given."""

    @property
    def latency_s(self) -> float:
        """Delay between the turn of a sample and the moment it is heard, in seconds."""
        ...

    @property
    def queued_s(self) -> float:
        """Sound given and not played yet, in seconds."""
        ...

    async def run(self, report: DeviceReport, may_interrupt: MayInterrupt = always) -> None:
        """Keep the device open until cancelled; report what happens to it, and survive it.

        may_interrupt: asked before a working device is closed for a moment, to look for the one that is wanted.
        """
        ...

    def play(self, samples: Block) -> None:
        """Queue float32 [n] behind what is queued.

        Never blocks; while there is no device the sound is dropped at the pace of real time.
        """
        ...

    def hush(self) -> None:
        """Drop what is queued."""
        ...

    def choose(self, name: str | None) -> None:
        """Switch to another device, by number, name or part of a name; None is the system's default."""
        ...


class NoMicrophone:
    """The microphone of a station that only listens, or speaks from a file: it delivers nothing."""

    latency_s = 0.0
    working = False

    async def run(
        self, deliver: Callable[[Block], None], report: DeviceReport, may_interrupt: MayInterrupt = always
    ) -> None:
        """Wait until cancelled."""
        await trio.sleep_forever()

    def hurry(self, wanted: bool) -> None:
        """Do nothing: nothing comes."""

    def choose(self, name: str | None) -> None:
        """Do nothing: there is none to choose."""


class NoLoudspeaker:
    """The loudspeaker of a station whose sound goes to a file, or nowhere: it takes as long as a real one."""

    latency_s = 0.0

    def __init__(self) -> None:
        self._silent_at = -1.0

    @property
    def queued_s(self) -> float:
        """Sound given that a loudspeaker would not have played yet, in seconds."""
        return max(0.0, self._silent_at - trio.current_time())

    async def run(self, report: DeviceReport, may_interrupt: MayInterrupt = always) -> None:
        """Wait until cancelled."""
        await trio.sleep_forever()

    def play(self, samples: Block) -> None:
        """Let float32 [n] pass unheard, at the pace of real time."""
        self._silent_at = max(self._silent_at, trio.current_time()) + len(samples) / SAMPLE_RATE_HZ

    def hush(self) -> None:
        """Drop what is queued."""
        self._silent_at = -1.0

    def choose(self, name: str | None) -> None:
        """Do nothing: there is none to choose."""


OpenSound = Callable[[Settings], tuple[Microphone, Loudspeaker]]
"""Function that makes a station's devices, which are opened when they run."""


def absent_devices(settings: Settings) -> tuple[Microphone, Loudspeaker]:
    """Return an absent microphone and an absent loudspeaker: an OpenSound for stations without a sound card."""
    return NoMicrophone(), NoLoudspeaker()
