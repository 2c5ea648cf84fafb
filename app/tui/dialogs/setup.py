"""A card for the first minute: name, link, devices and a look at the microphone's level. It can be skipped.

The conversation goes on meanwhile. What is chosen is written into the settings file; a new name or link opens the
station anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static
from textual.widgets import Input as TextField

from app.events import Level
from app.settings.model import OPTIONS
from app.tui.dialogs.card import Card
from app.tui.talk.wording import level_words
from app.tui.widgets.meter import LevelBar
from transport.link_kinds import explained_forms
from transport.links.serial_names import lasting_names

WELCOME = "First time here? enter sets up name, link and devices. esc skips that; s opens it any time."


SHOWN_PORTS = 3
"""Serial ports that are shown at the most: the form has to fit a small screen."""


def link_hint() -> str:
    """Return what a link can be, with the serial ports that are plugged in, by the names that stay."""
    ports = [f"serial://{quote(str(name))}?baud=57600" for name in lasting_names()[:SHOWN_PORTS]]
    return "\n".join([explained_forms(), *ports])


@dataclass(frozen=True)
class Chosen:
    """The name that the user wants, and the link to open."""

    name: str
    link: str


class SetupScreen(Card[Chosen | None]):
    """A form for name, link and devices. The result is what was chosen, or None where it was skipped."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "skip", show=False),
        Binding("ctrl+o", "devices", "devices", show=False, priority=True),
    ]

    def __init__(
        self,
        name: str,
        link: str,
        check_link: Callable[[str], str],
        choose_devices: Callable[[], None],
        first: bool,
    ) -> None:
        """Offer the name and the link as they stand.

        check_link: returns a line about what is wrong with a link, or "". choose_devices: opens the card with the
        devices. first: ask whether to set up at all.
        """
        super().__init__(classes="-asking" if first else "")
        self._name, self._link = name, link
        self._check_link = check_link
        self._choose_devices = choose_devices

    def compose_card(self) -> ComposeResult:
        """Build the card."""
        with Vertical(id="card") as card:
            card.border_title = "set up"
            yield Static(WELCOME, id="welcome", markup=False)
            with Vertical(id="form"):
                with Horizontal(classes="row"):
                    yield Static("your name", classes="what")
                    yield TextField(self._name, id="name", select_on_focus=False)
                with Horizontal(classes="row"):
                    yield Static("link", classes="what")
                    yield TextField(self._link, id="link-field", select_on_focus=False)
                yield Static(link_hint(), id="link-hint", markup=False)
                with Horizontal(classes="row"):
                    yield Static("level", classes="what")
                    yield LevelBar(id="level")
                yield Static("say something", id="level-words", markup=False)
                yield Static("", id="outcome", markup=False)
                with Horizontal(id="buttons"):
                    yield Button("save", id="save", variant="primary", compact=True)
                    yield Button("devices (ctrl+o)", id="devices-button", compact=True)
                    yield Button("skip (esc)", id="skip", compact=True)

    def on_mount(self) -> None:
        """Begin, unless the user is asked first."""
        if not self.has_class("-asking"):
            self._begin()

    def _begin(self) -> None:
        self.remove_class("-asking")
        self.set_focus(self.query_one("#name"))

    def heard(self, level: Level) -> None:
        """Show the microphone's level."""
        for bar in self.query(LevelBar):  # none while the card is on its way in or out
            bar.level_db, bar.peak_db, bar.clipped = level.peak_db, level.peak_db, level.clipped
        for words in self.query("#level-words").results(Static):
            words.update(level_words(level))

    def on_key(self, event: events.Key) -> None:
        """Begin on enter and quit on q, while the card only asks."""
        if not self.has_class("-asking"):
            return
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self._begin()
        elif event.key == "q":
            event.stop()
            self.app.call_later(self.app.run_action, "leave")

    def action_devices(self) -> None:
        """Open the card with the devices."""
        self._choose_devices()

    @on(Button.Pressed, "#devices-button")
    def _devices_wanted(self) -> None:
        self._choose_devices()

    @on(Button.Pressed, "#skip")
    def _skipped(self) -> None:
        self.dismiss(None)

    @on(TextField.Submitted)
    def _next(self, message: TextField.Submitted) -> None:
        message.stop()
        if message.input.id == "name":
            self.set_focus(self.query_one("#link-field"))
        else:
            self._save()

    @on(Button.Pressed, "#save")
    def _save(self) -> None:
        name = self.query_one("#name", TextField).value.strip()
        link = self.query_one("#link-field", TextField).value.strip()
        problem = self._check_link(link)
        try:
            OPTIONS["name"].read(name)
        except ValueError:
            problem = f"your name must be {OPTIONS['name'].allowed}"
        self.query_one("#outcome", Static).update(problem)
        if not problem:
            self.dismiss(Chosen(name, link))
