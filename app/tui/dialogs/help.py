"""A card with all the keys of a screen, and what its words mean."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll

from app.tui.dialogs.card import Card
from app.tui.widgets.keys import Rows
from app.tui.widgets.text import TextBlock


class HelpScreen(Card[None]):
    """Rows of keys and of words, each with its meaning."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", "close", show=False),
    ]

    def __init__(self, first: str, keys: Rows, words: Rows) -> None:
        """Show a line at the top, then the keys and the words."""
        super().__init__()
        self._first = first
        self._rows = ((keys, "key"), (words, "word"))

    def compose_card(self) -> ComposeResult:
        """Build the card."""
        with VerticalScroll(id="card") as card:
            card.border_title = "keys"
            yield TextBlock(self._first, id="release")
            for rows, kind in self._rows:
                for place, (name, meaning) in enumerate(rows):
                    with Horizontal(classes="row first" if not place and kind == "word" else "row"):
                        yield TextBlock(name, classes=kind)
                        yield TextBlock(meaning, classes="what")
