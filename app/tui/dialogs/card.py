"""The card that every dialog is drawn on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from textual.app import ComposeResult
from textual.screen import ModalScreen

from app.tui.widgets.conversation_line import ConversationLine

Result = TypeVar("Result")
Tell = Callable[[str], None]
"""Function that is told what is wrong with something that was looked at, in one line; "" for nothing."""
CheckInput = Callable[[str, Tell], None]
"""Function that looks at what was chosen or typed, and tells what is wrong with it, at once or in a while."""


def at_once(problem_of: Callable[[str], str]) -> CheckInput:
    """Return the check that tells at once what a plain function finds wrong."""
    return lambda text, tell: tell(problem_of(text))


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
