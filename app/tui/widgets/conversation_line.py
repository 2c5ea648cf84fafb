"""The line that says what goes on in the conversation, on every screen and card that covers it."""

from __future__ import annotations

from typing import Literal

from app.tui.widgets.text import TextBlock

Colour = Literal["", "mine", "theirs", "trouble"]
"""Class of the colour of a line; "" is the plain one."""


class ConversationLine(TextBlock):
    """A line above everything else, there while the channel is not free."""

    def show(self, words: str, colour: Colour) -> None:
        """Show words in the colour of who talks, or nothing where there are none."""
        self.display = bool(words)
        for known in ("mine", "theirs", "trouble"):
            self.set_class(colour == known, known)
        self.say(words)
