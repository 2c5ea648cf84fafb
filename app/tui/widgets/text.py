"""Text that changes often, drawn again only when it has changed."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class TextBlock(Static):
    """A text without markup: names and messages of others cannot restyle the screen."""

    def __init__(self, text: str | Content = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(text, id=id, classes=classes, markup=False)

    def say(self, text: str | Content, *, fit: bool = False) -> None:
        """Show the text. fit: give the box the size of its text, at the cost of laying out the whole screen."""
        if self.content != text:
            self.update(text, layout=fit)
