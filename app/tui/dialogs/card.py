"""The card that every dialog is drawn on."""

from __future__ import annotations

from typing import TypeVar

from textual.app import ComposeResult
from textual.screen import ModalScreen

from app.tui.talk.conversation_line import ConversationLine

Result = TypeVar("Result")


class Card(ModalScreen[Result]):
    """A dialog over a screen, with the line that says what goes on in the conversation meanwhile.

    What the dialog shows stands in a container with the id "card" (styles/base.tcss).
    """

    VERTICAL_BREAKPOINTS = [(0, "-low"), (24, "-tall")]  # noqa: RUF012 - Textual declares it without ClassVar

    def compose(self) -> ComposeResult:
        """Build the line and the card."""
        yield ConversationLine()
        yield from self.compose_card()

    def compose_card(self) -> ComposeResult:
        """Build the card."""
        raise NotImplementedError
