"""A card on which one of several things is chosen, or something else is typed: an addressee, a link."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input as TextField
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from app.tui.dialogs.card import Card, CheckInput

KEYS = "↑↓ enter choose    esc closes"
LABEL_CELLS = 16
TRYING = "trying {what} ..."
"""Words that are shown while something chosen is looked at."""


class ChoiceScreen(Card[str | None]):
    """A list of choices and a text field. The result is what was chosen, or None."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "close", show=False)]

    def __init__(
        self, title: str, choices: Sequence[tuple[str, str]], asks: str, check: CheckInput, problem: str = ""
    ) -> None:
        """Offer choices, each a name and the value that it gives, which is shown where it differs from the name.

        asks: what may be typed instead. check: looks at what was chosen or typed before the card closes. problem: a
        line to begin with.
        """
        super().__init__()
        self._title = title
        self._choices = list(choices)
        self._asks = asks
        self._check = check
        self._problem = problem
        self._checked = ""
        """Choice that is being looked at."""

    def compose_card(self) -> ComposeResult:
        """Build the card."""
        with Vertical(id="card") as card:
            card.border_title = self._title
            card.border_subtitle = KEYS
            options = [
                Option(_row(label, value), id=str(number)) for number, (label, value) in enumerate(self._choices)
            ]
            yield OptionList(*options, id="choices", markup=False)
            yield TextField(placeholder=self._asks, id="typed", select_on_focus=False)
            yield Static(self._problem, id="outcome", markup=False)

    def on_mount(self) -> None:
        """Begin in the list, or in the field where there is nothing to choose."""
        self.set_focus(self.query_one("#choices" if self._choices else "#typed"))

    def on_key(self, event: events.Key) -> None:
        """Type what the list does not take: nobody has to look for the field."""
        field = self.query_one("#typed", TextField)
        if event.character and event.is_printable and not field.has_focus:
            event.stop()
            self.set_focus(field)
            field.insert_text_at_cursor(event.character)

    @on(OptionList.OptionSelected)
    def _chosen(self, message: OptionList.OptionSelected) -> None:
        self._settle(self._choices[int(message.option_id or 0)][1])

    @on(TextField.Submitted)
    def _typed(self, message: TextField.Submitted) -> None:
        message.stop()
        if text := message.value.strip():
            self._settle(text)

    def _settle(self, value: str) -> None:
        """Close the card with this value once nothing is wrong with it."""
        if not value:
            self.dismiss(value)
            return
        self._checked = value
        self.query_one("#outcome", Static).update(TRYING.format(what=value))
        self._check(value, partial(self._found, value))

    def _found(self, value: str, problem: str) -> None:
        if not self.is_current or value != self._checked:  # closed meanwhile, or something else was chosen
            return
        self.query_one("#outcome", Static).update(problem)
        if not problem:
            self.dismiss(value)


def _row(label: str, value: str) -> Content:
    shown = "" if label.startswith(value) or not value.isprintable() else value
    return Content.assemble((f"{label:{LABEL_CELLS}} ", "bold"), (shown, "$label"))
