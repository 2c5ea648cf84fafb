"""The first line of the talk screen: the program, the link, and how the channel is protected."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.tui.talk.state import TalkState
from app.tui.widgets.text import TextBlock, clickable


class TopLine(Horizontal):
    """Brand, link and protection. A click on them opens the help, the links and the set-up."""

    def __init__(self, protection: str) -> None:
        super().__init__(id="top")
        self._protection = protection

    def compose(self) -> ComposeResult:
        """Build the parts."""
        yield TextBlock(clickable("gossamer", "help"), id="brand")
        yield TextBlock(id="link")
        yield TextBlock(clickable(self._protection, "app.set_up"), id="channel")

    def show(self, state: TalkState) -> None:
        """Show the link."""
        self.query_one("#link", TextBlock).say(clickable(state.link.words, "app.links"))
