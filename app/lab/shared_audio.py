"""The devices of a running station, shared with the lab: PortAudio can be opened only once in a process."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import trio

from app.audio.devices import Block, DeviceReport, MayInterrupt, always
from app.events import DeviceProblem, LinkProblem
from app.station.engine import Engine

Problems = Mapping[str, DeviceProblem | LinkProblem]
"""Present problems by device; their owner keeps them up to date, and tells the lab of changes."""


class _SharedDevice:
    """The part that both devices have in common."""

    latency_s = 0.0

    def __init__(self, engine: Engine, problems: Problems) -> None:
        self._engine = engine
        self._problems = problems

    async def _share(self, kind: str, report: DeviceReport) -> None:
        """Report what is wrong with the device at the start, then wait until cancelled."""
        if isinstance(problem := self._problems.get(kind), DeviceProblem):
            report(problem)
        await trio.sleep_forever()

    def choose(self, name: str | None) -> None:
        """Do nothing: the station's user chooses the device."""


class SharedMicrophone(_SharedDevice):
    """The station's microphone, before its gain."""

    @property
    def working(self) -> bool:
        """Return whether there is no problem with it."""
        return "microphone" not in self._problems

    async def run(
        self, deliver: Callable[[Block], None], report: DeviceReport, may_interrupt: MayInterrupt = always
    ) -> None:
        """Deliver what the station hears until cancelled."""
        self._engine.overhear(deliver)
        try:
            await self._share("microphone", report)
        finally:
            self._engine.overhear(None)

    def hurry(self, wanted: bool) -> None:
        """Do nothing: a station that is overheard hurries."""


class SharedLoudspeaker(_SharedDevice):
    """The station's loudspeaker, with its volume; the lab is heard in it while nobody talks."""

    @property
    def queued_s(self) -> float:
        """Sound that is given and not played yet, in seconds."""
        return self._engine.queued_s

    async def run(self, report: DeviceReport, may_interrupt: MayInterrupt = always) -> None:
        """Wait until cancelled: the station keeps the device open."""
        await self._share("loudspeaker", report)

    def play(self, samples: Block) -> None:
        """Queue the lab's sound, float32 [n]."""
        self._engine.play_beside(samples)

    def hush(self) -> None:
        """Drop the lab's sound that is queued."""
        self._engine.hush_beside()
