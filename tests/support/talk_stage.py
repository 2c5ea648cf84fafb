"""A running talk screen for tests: the real engine and its parrot, on devices made of numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import trio
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input as TextField

from app.audio.devices import (
    Block,
    DeviceReport,
    Loudspeaker,
    MayInterrupt,
    Microphone,
    NoLoudspeaker,
    NoMicrophone,
    always,
)
from app.events import DeviceProblem, Event
from app.settings.file import Configuration
from app.settings.model import Settings
from app.station.engine import Engine
from app.station.parts import real_parts
from app.tui.talk.app import TalkApp
from app.tui.talk.next_station import Start
from app.tui.talk.phase import Phase
from tests.support.pilot import press
from tests.support.tui_station import load_codec_once, make_engine

WAIT_S = 60.0
"""Longest wait, generous because other work may have the machine."""
CLEAN = "parrot://"
SETTINGS = Settings(link=CLEAN, name="Anna")

Emit = Callable[[Event], None]
Scene = Callable[["Stage"], Awaitable[None]]


class Stage:
    """A running talk screen, what can be read on it, and keys for it."""

    def __init__(self, app: TalkApp) -> None:
        self.app = app
        self.pilot: Pilot[int]
        self._phases = [Phase.STARTING]
        self._looked_at = 0

    def note(self, _: Message) -> None:
        """Take every message of the program: no phase is missed, however short and however slow the machine."""
        if self._phases[-1] is not self.app.talk_screen.phase:
            self._phases.append(self.app.talk_screen.phase)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until it is so, or fail with the screen as it is."""
        deadline = asyncio.get_running_loop().time() + WAIT_S
        while not true():
            assert asyncio.get_running_loop().time() < deadline, self.text()
            await self.pilot.pause(0.02)

    async def phase(self, phase: Phase) -> None:
        """Wait until the phase has come since the one last waited for."""
        await self.until(lambda: phase in self._phases[self._looked_at :])
        self._looked_at = self._phases.index(phase, self._looked_at)

    def text(self) -> str:
        """Return the rows of the screen."""
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    async def says(self, words: str) -> None:
        """Wait until the words stand on the screen, in one row or wrapped."""
        await self.until(lambda: words in self.text() or words in " ".join(self.text().split()))

    async def press(self, *keys: str) -> None:
        """Press keys, each when the one before has been processed."""
        await press(self.pilot, *keys)

    def fill(self, field: str, text: str) -> None:
        """Write a text into a field of the card in front, at once: each key costs a busy machine a while."""
        self.app.screen.query_one(field, TextField).value = text


def play(
    scene: Scene,
    settings: Settings = SETTINGS,
    make: Callable[[Settings, Emit], Engine] = make_engine,
    size: tuple[int, int] = (80, 24),
    configuration: Configuration | None = None,
    start: Start | None = None,
) -> TalkApp:
    """Open the screen, wait until the station is ready, play the scene, leave as `q` does.

    The scene may end the program itself. configuration: the settings file of a program that has one. start: in place of
    the settings, for a station that goes on from another.
    """

    async def run() -> TalkApp:
        app = TalkApp(start or Start(settings, configuration), make)
        stage = Stage(app)
        async with app.run_test(size=size, message_hook=stage.note) as stage.pilot:
            await stage.phase(Phase.QUIET)
            await scene(stage)
            await app.action_leave()
            await stage.until(lambda: not app.is_running)
        return app

    app = asyncio.run(run())
    assert app.failure is None
    return app


class BrokenMicrophone(NoMicrophone):
    """A microphone that is not there."""

    async def run(
        self, deliver: Callable[[Block], None], report: DeviceReport, may_interrupt: MayInterrupt = always
    ) -> None:
        report(DeviceProblem("microphone", "no microphone found", "plug one in"))
        await trio.sleep_forever()


class BrokenLoudspeaker(NoLoudspeaker):
    """A loudspeaker that is not there."""

    async def run(self, report: DeviceReport, may_interrupt: MayInterrupt = always) -> None:
        report(DeviceProblem("loudspeaker", "no loudspeaker found", "plug one in"))
        await trio.sleep_forever()


def no_devices(settings: Settings) -> tuple[Microphone, Loudspeaker]:
    """Return devices that are not there."""
    return BrokenMicrophone(), BrokenLoudspeaker()


def make_deaf_engine(settings: Settings, emit: Emit) -> Engine:
    """Return an engine without devices."""
    return Engine(settings, emit, real_parts(load_codec=load_codec_once, open_sound=no_devices))
