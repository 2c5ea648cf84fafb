"""A program in the terminal that hosts something which runs under trio, and ends both in order."""

from __future__ import annotations

import asyncio
import threading
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.driver import Driver

from app.signals import ENDING_SIGNALS, EXIT_INTERRUPTED, force_end_later
from app.tui.host.theme import GOSSAMER_THEME
from app.tui.host.trio_guest import TrioGuest


class HostedApp(App[int]):
    """A Textual program with a guest under trio. `failure` is what the guest died of, once the program has ended."""

    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = ["../styles/base.tcss", "../styles/talk.tcss", "../styles/lab.tcss"]  # noqa: RUF012 - Textual declares it without ClassVar
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c,ctrl+q", "leave", "quit", priority=True, show=False)]

    def __init__(self, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class=driver_class)
        self.register_theme(GOSSAMER_THEME)
        self.theme = GOSSAMER_THEME.name
        self.failure: BaseException | None = None
        self._leaving = False
        self._signalled = False
        """True once a signal has asked for the end."""
        self._guest = TrioGuest(self.run_guest, self._ended)

    async def run_guest(self) -> None:
        """Run under trio, until `close_guest` or for as long as it likes."""
        raise NotImplementedError

    def close_guest(self) -> None:
        """Have `run_guest` end; called in trio's thread."""
        raise NotImplementedError

    def closing(self) -> None:
        """Take that the user leaves; called once, before the guest is closed."""

    # Textual calls the `on_mount` and `on_unmount` of a subclass too, before these.

    def on_mount(self) -> None:
        """Start the guest, and let signals end the program in order."""
        self._guest.start()
        if threading.current_thread() is threading.main_thread():
            for number in ENDING_SIGNALS:
                asyncio.get_running_loop().add_signal_handler(number, self.call_later, self.leave_by_signal)

    def _ended(self, error: BaseException | None) -> None:
        """Leave with the guest, which ends by itself only if it has become impossible."""
        if error is not None:
            self.failure = error
        if not self._leaving:
            self._leaving = True
            self.exit(return_code=2 if error else 0)

    async def action_leave(self) -> None:
        """Leave the program: end what goes on in order, let the last frames out, then go."""
        if not self._leaving:
            self._leaving = True
            self.closing()
            self.run_worker(self._leave(), exclusive=True)

    async def leave_by_signal(self) -> None:
        """Leave in the same order, as a signal asks; the exit code tells of it. A second one waits for nothing."""
        if self._signalled:
            force_end_later()
        self._signalled = self._signalled or not self._leaving
        await self.action_leave()

    async def _leave(self) -> None:
        await self._guest.stop(self.close_guest)
        self.exit(return_code=2 if self.failure else EXIT_INTERRUPTED if self._signalled else 0)

    async def on_unmount(self) -> None:
        """End the guest too, however the screen ended: its window may have been closed, or there was an error in it."""
        self._leaving = True
        await self._guest.stop(self.close_guest)
