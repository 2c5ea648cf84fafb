"""The watch over a user who may look elsewhere: the engine is told, the title counts, the desktop shows a notice."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.settings.model import Settings
from app.station.engine import Engine
from app.tui.host.desktop import DesktopNotices
from app.tui.host.terminal_title import TerminalTitle
from app.tui.talk.attention import Attention
from app.tui.talk.log import SOMEBODY, missed_words
from app.tui.talk.state import TalkState


class UserWatch:
    """The watch over one user. Its owner hands on every sign of them, and calls `look` every BLINK_S."""

    def __init__(self, settings: Settings, engine: Engine, state: TalkState, write: Callable[[str], None]) -> None:
        """Take what the screen shows, and where bytes for the terminal go."""
        self._settings = settings
        self._engine = engine
        self._state = state
        self._title = TerminalTitle(write)
        self._attention = Attention(time.monotonic())
        self.notices = DesktopNotices()
        self._away = False
        self._missed = 0
        """Number of overs and messages that were missed, at the last look."""

    def touch(self) -> None:
        """Take a sign that the user is there."""
        self._attention.touch(time.monotonic())
        self._tell_engine()

    def focus(self, gained: bool) -> None:
        """Take that the terminal has got the focus, or has lost it."""
        self._attention.focus(gained, time.monotonic())
        self._tell_engine()

    def called(self, sender: str) -> None:
        """Take that somebody has called after a pause."""
        if self._settings.notify and not self._attention.looks(time.monotonic()):
            self.notices.say(f"{sender or SOMEBODY} calls")

    def look(self) -> None:
        """Tell whoever has to know of it whether the user is away, and how much was missed."""
        self._tell_engine()
        missed = self._state.log.missed
        if self._settings.title_flash:
            self._title.show(self._state.calling, len(missed))
        if self._settings.notify and self._away and len(missed) > self._missed:
            self.notices.say(self._state.log.last_missed or SOMEBODY, missed_words(missed))
        self._missed = len(missed)

    def restore(self) -> None:
        """Give the terminal its title back."""
        self._title.restore()

    def _tell_engine(self) -> None:
        now_s = time.monotonic()
        if self._attention.looks(now_s):
            self.notices.clear()
        if (away := self._attention.away(now_s)) != self._away:
            self._away = away
            self._engine.set_away(away)
