"""Microphone and loudspeaker of a station that runs, lent to the lab: there is one PortAudio in a process."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import trio

from app.engine import Engine
from app.events import DeviceProblem, LinkProblem
from app.sound import Block, DeviceReport

Problems = Mapping[str, DeviceProblem | LinkProblem]
"""By device, kept up to date by their owner, who tells changes to the lab."""


async def _lent(kind: str, problems: Problems, report: DeviceReport) -> None:
    """Until cancelled; says at the start what is wrong."""
    if isinstance(problem := problems.get(kind), DeviceProblem):
        report(problem)
    await trio.sleep_forever()


class BorrowedMicrophone:
    """Hears what the station's microphone hears, before its gain."""

    latency_s = 0.0

    def __init__(self, engine: Engine, problems: Problems) -> None:
        self._engine = engine
        self._problems = problems

    @property
    def working(self) -> bool:
        return "microphone" not in self._problems

    async def run(self, deliver: Callable[[Block], None], report: DeviceReport) -> None:
        self._engine.overhear(deliver)
        try:
            await _lent("microphone", self._problems, report)
        finally:
            self._engine.overhear(None)

    def choose(self, name: str | None) -> None:
        """The station's user chooses."""


class BorrowedLoudspeaker:
    """Is heard through the station's, with its volume, while nobody talks there."""

    latency_s = 0.0

    def __init__(self, engine: Engine, problems: Problems) -> None:
        self._engine = engine
        self._problems = problems

    @property
    def queued_s(self) -> float:
        return self._engine.queued_s

    async def run(self, report: DeviceReport) -> None:
        await _lent("loudspeaker", self._problems, report)

    def play(self, samples: Block) -> None:
        self._engine.play_beside(samples)

    def hush(self) -> None:
        self._engine.hush_beside()

    def choose(self, name: str | None) -> None:
        """The station's user chooses."""
