"""The field in which messages are written."""

from __future__ import annotations

from textual.widgets import Input

from app.tui.talk.state import TalkState
from app.tui.talk.wording import to_words


class MessageField(Input):
    """A text field that says how to get into it and out of it."""

    def __init__(self, *, id: str) -> None:
        super().__init__(placeholder="enter: write a message", id=id, select_on_focus=False)

    def show(self, state: TalkState) -> None:
        """Show whom messages are for."""
        self.border_title = to_words(state.addressee)

    def on_focus(self) -> None:
        """Say how to send and to leave."""
        self.placeholder = "enter sends, escape leaves"

    def on_blur(self) -> None:
        """Say how to come back."""
        self.placeholder = "enter: write a message"
