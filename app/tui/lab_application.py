"""`gossamer lab` on a terminal: hosts the session of the lab, and ends both in order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from app.lab.live import LabStart, LiveLab, Picture
from app.lab.session import LabSession
from app.sound import Loudspeaker, Microphone
from app.tui.application import ENDING_SIGNALS, GOSSAMER_THEME
from app.tui.guest import TrioGuest
from app.tui.lab_screen import LabScreen


class LabApp(App[int]):
    """The lab alone. ``failure`` is what its session died of, once the program has ended."""

    TITLE = "gossamer lab"
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = ["talk_screen.tcss", "lab_screen.tcss"]  # noqa: RUF012 - Textual declares it without ClassVar
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c,ctrl+q", "leave", "quit", priority=True, show=False)]

    def __init__(
        self, start: LabStart, open_sound: Callable[[], tuple[Microphone, Loudspeaker]], lab: LiveLab | None = None
    ) -> None:
        """lab: with lanes of one's own."""
        super().__init__()
        self.register_theme(GOSSAMER_THEME)
        self.theme = GOSSAMER_THEME.name
        self.failure: BaseException | None = None
        self.session = LabSession(start, *open_sound(), self._moved, lab)
        self.lab_screen = LabScreen(self.session)
        self._guest = TrioGuest(self.session.run, self._ended)
        self._leaving = False

    def on_mount(self) -> None:
        self.push_screen(self.lab_screen, self._left)
        self._guest.start()
        if threading.current_thread() is threading.main_thread():
            for number in ENDING_SIGNALS:
                asyncio.get_running_loop().add_signal_handler(number, self.call_later, self.action_leave)

    def _moved(self, picture: Picture) -> None:
        self.lab_screen.post_message(LabScreen.Moved(picture))

    def _left(self, _: None) -> None:
        self.call_later(self.action_leave)

    def _ended(self, error: BaseException | None) -> None:
        self.failure = error
        if not self._leaving:
            self._leaving = True
            self.exit(return_code=2 if error else 0)

    async def action_leave(self) -> None:
        """Close the devices, give the terminal back."""
        if not self._leaving:
            self._leaving = True
            await self._guest.stop(self.session.close)
            self.exit(return_code=2 if self.failure else 0)

    async def on_unmount(self) -> None:
        """However the screen ended, the session ends with it."""
        self._leaving = True
        await self._guest.stop(self.session.close)
