"""Text that changes often, drawn again only when it has changed."""

from __future__ import annotations

from textual.content import Content
from textual.style import Style
from textual.widgets import Static


def clickable(text: str, action: str) -> Content:
    """Return a text on which a click does what an action of the screen, or with "app." one of the program, does."""
    return Content.assemble((text, Style.from_meta({"@click": action if "." in action else f"screen.{action}"})))


class TextBlock(Static):
    """A text without markup: names and messages of others cannot restyle the screen."""

    def __init__(self, text: str | Content = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(text, id=id, classes=classes, markup=False)

    def say(self, text: str | Content, *, fit: bool = False) -> None:
        """Show the text. The screen is laid out anew, which is slow, only where the number of rows may change.

        fit: lay it out in any case, for a box that is as wide as its text.
        """
        before = self.content
        if before != text:
            self.update(text, layout=fit or self._wraps(before) or self._wraps(text))

    def _wraps(self, text: object) -> bool:
        words = text if isinstance(text, Content) else Content(str(text))
        return words.cell_length > self.content_size.width or "\n" in words.plain
