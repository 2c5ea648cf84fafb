"""A program in the terminal beside something that runs under trio: hosts it, and ends both in order."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.theme import Theme

from app.tui.host.trio_guest import TrioGuest

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


class HostedApp(App[int]):
    """``failure`` is what the guest died of, once the program has ended."""

    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = ["../styles/talk.tcss", "../styles/lab.tcss"]  # noqa: RUF012 - Textual declares it without ClassVar
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c,ctrl+q", "leave", "quit", priority=True, show=False)]

    def __init__(self, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class=driver_class)
        self.register_theme(GOSSAMER_THEME)
        self.theme = GOSSAMER_THEME.name
        self.failure: BaseException | None = None
        self._leaving = False
        self._guest = TrioGuest(self.run_guest, self._ended)

    async def run_guest(self) -> None:
        """What runs under trio, until `close_guest` or for as long as it likes."""
        raise NotImplementedError

    def close_guest(self) -> None:
        """Has `run_guest` end, in trio's thread."""
        raise NotImplementedError

    def closing(self) -> None:
        """The user leaves: once, before the guest is closed."""

    # Textual calls the `on_mount` and `on_unmount` of a subclass too, before these.

    def on_mount(self) -> None:
        self._guest.start()
        if threading.current_thread() is threading.main_thread():
            for number in ENDING_SIGNALS:
                asyncio.get_running_loop().add_signal_handler(number, self.call_later, self.action_leave)

    def _ended(self, error: BaseException | None) -> None:
        """The guest ends when we close it; on its own only if it has become impossible."""
        if error is not None:
            self.failure = error
        if not self._leaving:
            self._leaving = True
            self.exit(return_code=2 if error else 0)

    async def action_leave(self) -> None:
        """End what is going on properly, let its last frames leave, then go."""
        if not self._leaving:
            self._leaving = True
            self.closing()
            self.run_worker(self._leave(), exclusive=True)

    async def _leave(self) -> None:
        await self._guest.stop(self.close_guest)
        self.exit(return_code=2 if self.failure else 0)

    async def on_unmount(self) -> None:
        """However the screen ended (the terminal's window was closed, an error in it), the guest ends with it."""
        self._leaving = True
        await self._guest.stop(self.close_guest)
