"""A card that asks for a broker's password. It is shown as dots, kept while the program runs, and written nowhere."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input as TextField
from textual.widgets import Static

from app.tui.dialogs.card import Card

KEYS = "enter takes    esc closes"
KEPT = "Kept while this program runs; the table [passwords] of the settings file keeps it for good."
IN_CLEAR = "mqtt:// sends the password in clear: mqtts:// does not."


class PasswordScreen(Card[str | None]):
    """A field for a password. The result is the password, or None where none was given."""

    AUTO_FOCUS = "#password"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "close", show=False)]

    def __init__(self, who: str, *, in_clear: bool) -> None:
        """Ask for the password of `who`, as USER@HOST. in_clear: it is sent to the broker unencrypted."""
        super().__init__(classes="-small")
        self._who = who
        self._in_clear = in_clear

    def compose_card(self) -> ComposeResult:
        """Build the card."""
        with Vertical(id="card") as card:
            card.border_title = "password"
            card.border_subtitle = KEYS
            yield Static(f"Password of {self._who}:", markup=False)
            yield TextField(password=True, id="password", select_on_focus=False)
            yield Static(IN_CLEAR if self._in_clear else KEPT, id="outcome", markup=False)

    @on(TextField.Submitted)
    def _typed(self, message: TextField.Submitted) -> None:
        message.stop()
        self.dismiss(message.value or None)
