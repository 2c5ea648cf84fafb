"""Microphone and loudspeaker of a station that runs, lent to the lab: there is one PortAudio in a process."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import trio

from app.audio.devices import Block, DeviceReport
from app.events import DeviceProblem, LinkProblem
from app.station.engine import Engine

Problems = Mapping[str, DeviceProblem | LinkProblem]
"""By device, kept up to date by their owner, who tells changes to the lab."""


class _SharedDevice:
    """What both have in common."""

    latency_s = 0.0

    def __init__(self, engine: Engine, problems: Problems) -> None:
        self._engine = engine
        self._problems = problems

    async def _lent(self, kind: str, report: DeviceReport) -> None:
        """Until cancelled; says at the start what is wrong."""
        if isinstance(problem := self._problems.get(kind), DeviceProblem):
            report(problem)
        await trio.sleep_forever()

    def choose(self, name: str | None) -> None:
        """The station's user chooses."""


class SharedMicrophone(_SharedDevice):
    """Hears what the station's microphone hears, before its gain."""

    @property
    def working(self) -> bool:
        return "microphone" not in self._problems

    async def run(self, deliver: Callable[[Block], None], report: DeviceReport) -> None:
        self._engine.overhear(deliver)
        try:
            await self._lent("microphone", report)
        finally:
            self._engine.overhear(None)


class SharedLoudspeaker(_SharedDevice):
    """Is heard through the station's, with its volume, while nobody talks there."""

    @property
    def queued_s(self) -> float:
        return self._engine.queued_s

    async def run(self, report: DeviceReport) -> None:
        await self._lent("loudspeaker", report)

    def play(self, samples: Block) -> None:
        self._engine.play_beside(samples)

    def hush(self) -> None:
        self._engine.hush_beside()
