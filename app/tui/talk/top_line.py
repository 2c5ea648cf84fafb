"""The first line of the talk screen: the program, the link, and how the channel is protected."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from app.tui.talk.state import TalkState
from app.tui.widgets.text import TextBlock


class TopLine(Horizontal):
    """Brand, link and protection."""

    def __init__(self, protection: str) -> None:
        super().__init__(id="top")
        self._protection = protection

    def compose(self) -> ComposeResult:
        """Build the parts."""
        yield Static("gossamer", id="brand")
        yield TextBlock(id="link")
        yield TextBlock(self._protection, id="channel")

    def show(self, state: TalkState) -> None:
        """Show the link."""
        self.query_one("#link", TextBlock).say(state.link.words)
