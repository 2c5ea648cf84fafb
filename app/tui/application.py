"""The terminal program: hosts the engine, hands its events to the talk screen, and ends both in order."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import ClassVar

import trio
from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.theme import Theme

from app.control import Control
from app.engine import Engine
from app.errors import GossamerError
from app.events import Event
from app.settings import Settings
from app.tui.guest import TrioGuest
from app.tui.key_release import KeyReporting, KeyUp
from app.tui.talk_screen import TalkScreen

GOSSAMER_THEME = Theme(
    name="gossamer",
    primary="#7fdcc4",  # the far end: voice that arrives
    accent="#ffb65c",  # this end: voice that leaves
    secondary="#6fb3f2",
    success="#7fdcc4",
    warning="#f2d06b",
    error="#ff6f69",
    foreground="#d6dee3",
    background="#0d1216",
    surface="#131a1f",
    panel="#1b242b",
    dark=True,
    variables={
        "meter-low": "#4c8f80",
        "meter-good": "#7fdcc4",
        "meter-loud": "#f2d06b",
        "meter-empty": "#2b3740",
        "label": "#8fa3af",
        "faint": "#4d606d",
        "thread-silence": "#34444f",
        "border": "#2b3740",
        "border-blurred": "#2b3740",
    },
)
"""Two colours carry meaning, and always beside a word: amber is us, mint is them."""
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""All mean the same here: end the over, close the devices, give the terminal back."""


class TalkApp(App[int]):
    """The terminal UI around one engine. ``failure`` is what the engine died of, once the program has ended."""

    TITLE = "gossamer"
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "talk_screen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c,ctrl+q", "leave", "quit", priority=True, show=False)]

    def __init__(
        self,
        settings: Settings,
        make_engine: Callable[[Settings, Callable[[Event], None]], Engine] = Engine,
        driver_class: type[Driver] | None = None,
    ) -> None:
        super().__init__(driver_class=driver_class)
        self.register_theme(GOSSAMER_THEME)
        self.theme = GOSSAMER_THEME.name
        self.failure: BaseException | None = None
        self._leaving = False
        self.engine = make_engine(settings, self._engine_spoke)
        self.talk_screen = TalkScreen(settings, self.engine)
        self.control = Control(
            settings.station or settings.name, settings.link, partial(self._remote, True), partial(self._remote, False)
        )
        self._guest = TrioGuest(self._run_station, self._engine_ended)

    def on_mount(self) -> None:
        self.push_screen(self.talk_screen)
        self._guest.start()
        if threading.current_thread() is threading.main_thread():
            for number in ENDING_SIGNALS:
                asyncio.get_running_loop().add_signal_handler(number, self.call_later, self.action_leave)

    async def _run_station(self) -> None:
        """The engine, and the socket through which pedals and shortcuts reach its talk key."""
        async with trio.open_nursery() as nursery:
            try:
                self.control.open()
            except GossamerError as problem:  # everything but `gossamer ptt` works without it
                self.talk_screen.call_later(self.talk_screen.note, "control", str(problem))
            else:
                nursery.start_soon(self.control.serve)
            await self.engine.run()
            nursery.cancel_scope.cancel()

    def _remote(self, down: bool) -> None:
        self.talk_screen.post_message(TalkScreen.RemoteKey(down))

    def _engine_spoke(self, event: Event) -> None:
        self.control.note(event)
        self.talk_screen.post_message(TalkScreen.EngineSpoke(event))

    def _engine_ended(self, error: BaseException | None) -> None:
        """The engine ends when we close it; on its own only if a station has become impossible."""
        if error is not None:
            self.failure = error
        if not self._leaving:
            self._leaving = True
            self.exit(return_code=2 if error else 0)

    async def action_leave(self) -> None:
        """End the over properly, let its last frames leave, then go."""
        if not self._leaving:
            self._leaving = True
            self.talk_screen.closing()
            self.run_worker(self._leave(), exclusive=True)

    async def _leave(self) -> None:
        await self._guest.stop(self.engine.close)
        self.exit(return_code=2 if self.failure else 0)

    async def on_unmount(self) -> None:
        """However the screen ended (the terminal's window was closed, an error in it), the engine ends with it."""
        self._leaving = True
        await self._guest.stop(self.engine.close)

    # Keys reach the screen through its queue: what belongs with them has to queue up behind them.

    def on_key_up(self, event: KeyUp) -> None:
        self.talk_screen.call_later(self.talk_screen.key_up, event.time)

    def on_key_reporting(self, event: KeyReporting) -> None:
        self.talk_screen.release_told(event.release_is_told)

    def on_app_blur(self, event: events.AppBlur) -> None:
        self.talk_screen.call_later(self.talk_screen.left, event.time)
