"""An engine for tests of the screen alone: it keeps the commands it is given, and says what it is told to say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import trio
from textual.pilot import Pilot

from app.audio.portaudio import DeviceInfo
from app.events import DeviceReady, Event, FloorChanged, StationReady, TalkPermitted
from app.history.past import History
from app.settings.model import Settings
from app.station.engine import Engine
from app.tui.talk.app import TalkApp
from app.tui.talk.next_station import Start
from tests.support.pilot import press
from transport.protocol.floor_states import State

READY = StationReady("udp://192.0.2.7:7800?k=2", "", 1, 2)
ON_AIR: tuple[Event, ...] = (FloorChanged(State.ASKED), FloorChanged(State.ON_AIR), TalkPermitted(8))
DEVICES: tuple[Event, ...] = (
    DeviceReady("microphone", "Built-in", 48000, 0),
    DeviceReady("loudspeaker", "Built-in", 48000, 1),
)


PATIENCE_TICKS = 50
"""Ticks of the screen that a busy machine may need to lay it out."""


class ScriptedEngine:
    """An engine without effects: a command that is not defined here is only kept, by its name."""

    def __init__(self, settings: Settings, emit: Callable[[Event], None]) -> None:
        self.commands: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self._closing = trio.Event()

    async def run(self) -> None:
        """Run until closed."""
        await self._closing.wait()

    def close(self) -> None:
        """Have `run` end."""
        self._closing.set()

    def list_devices(self) -> list[DeviceInfo]:
        """Return no devices."""
        return []

    async def past(self, most: int) -> History:
        """Return a past in which nothing happened."""
        return History()

    def send_text(self, text: str, addressee: str, *, confirm: bool) -> int:
        """Keep a message, and return its number: 0 for the first."""
        self.texts.append((text, addressee))
        return len(self.texts) - 1

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *_: self.commands.append(name)


class ScriptedStage:
    """A talk screen on a scripted engine."""

    def __init__(self, app: TalkApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot
        self.engine = cast("ScriptedEngine", app.engine)

    async def tell(self, *events: Event) -> None:
        """Have the engine say something, and let the screen show it."""
        for event in events:
            self.app._engine_spoke(event)
        await self.settle()

    async def press(self, *keys: str) -> None:
        """Press keys, and let the screen show what they brought about."""
        await press(self.pilot, *keys)
        await self.settle()

    async def settle(self) -> None:
        """Let a tick of the screen pass, and the layout that may follow."""
        for _ in range(3):
            await self.pilot.pause(0.11)

    async def comes_true(self, true: Callable[[], bool]) -> bool:
        """Wait until it is so, for as many ticks as a busy machine may need; return whether it came to be."""
        for _ in range(PATIENCE_TICKS):
            if true():
                return True
            await self.pilot.pause(0.11)
        return true()

    def rows(self) -> list[str]:
        """Return the rows of the screen."""
        return [strip.text for strip in self.app.screen._compositor.render_strips()]

    def region(self, where: str) -> str:
        """Return what stands in a part of the screen, single-spaced."""
        region = self.app.screen.query_one(where).region
        rows = self.rows()[region.y : region.bottom]
        return " ".join(" ".join(row[region.x : region.right].strip(" │╭╮╰╯─") for row in rows).split())

    def text(self) -> str:
        """Return the text of the screen, single-spaced."""
        return " ".join(" ".join(self.rows()).split())


def play_script(
    scene: Callable[[ScriptedStage], Awaitable[None]], size: tuple[int, int], settings: Settings | None = None
) -> None:
    """Open a talk screen whose station is ready, play the scene, leave."""

    async def run() -> None:
        app = TalkApp(Start(settings or Settings(name="Anna")), cast("type[Engine]", ScriptedEngine))
        async with app.run_test(size=size) as pilot:
            stage = ScriptedStage(app, pilot)
            await stage.tell(READY, *DEVICES)
            await scene(stage)
            await app.action_leave()

    asyncio.run(run())
