"""A card for the first minute: name, link, passphrase, devices and a look at the microphone's level. It can be skipped.

The conversation goes on meanwhile. A new name, link or passphrase opens the station anew, and is written into the
settings file once that works.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
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
from app.settings.words import random_passphrase
from app.tui.dialogs.card import Card, CheckInput
from app.tui.dialogs.choice import TRYING
from app.tui.widgets.level_words import level_words
from app.tui.widgets.meter import LevelBar
from transport.link_kinds import explained_forms
from transport.links.serial_names import lasting_names

WELCOME = "First time here? enter sets up name, link, passphrase and devices. esc skips that; later s opens it."
SEALED_HINT = "Only who has the same one hears you: tell the others, or type theirs. Empty: everybody can listen."
KEPT_HINT = "Empty: the passphrase stays as it is."

SHOWN_PORTS = 3
"""Serial ports that are shown at the most: the form has to fit a small screen."""


def link_hint() -> str:
    """Return what a link can be, with the serial ports that are plugged in, by the names that stay."""
    ports = [f"serial://{quote(str(name))}?baud=57600" for name in lasting_names()[:SHOWN_PORTS]]
    return "\n".join([explained_forms(), *ports])


@dataclass(frozen=True)
class Chosen:
    """The name and the passphrase that the user wants, and the link to open."""

    name: str
    link: str
    passphrase: str | None = field(default=None, repr=False)
    """Passphrase of the channel; None: an open one."""


class SetupScreen(Card[Chosen | None]):
    """A form for name, link and devices. The result is what was chosen, or None where it was skipped."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "skip", show=False),
        Binding("ctrl+o", "devices", "devices", show=False, priority=True),
    ]

    def __init__(
        self,
        now: Chosen,
        check_link: CheckInput,
        passphrase_problem: Callable[[str, str], str],
        choose_devices: Callable[[], None],
        *,
        first: bool,
        offer_sealed: bool,
        problem: str = "",
    ) -> None:
        """Offer what is so now.

        check_link: looks at a link before the card closes. passphrase_problem: returns a line about what is wrong with
        a passphrase for a station of a name, or "". choose_devices: opens the card with the devices. first: ask whether
        to set up at all. offer_sealed: draw a passphrase where there is none. problem: a line to begin with.
        """
        super().__init__(classes="-asking" if first else "")
        self._now = now
        self._check_link = check_link
        self._passphrase_problem = passphrase_problem
        self._choose_devices = choose_devices
        self._drawn = random_passphrase() if offer_sealed and now.passphrase is None else ""
        self._problem = problem
        self._checked: Chosen | None = None
        """Entry that is being looked at."""

    def compose_card(self) -> ComposeResult:
        """Build the card."""
        with Vertical(id="card") as card:
            card.border_title = "set up"
            yield Static(WELCOME, id="welcome", markup=False)
            with Vertical(id="form"):
                with Horizontal(classes="row"):
                    yield Static("your name", classes="what")
                    yield TextField(self._now.name, id="name", select_on_focus=False)
                with Horizontal(classes="row"):
                    yield Static("link", classes="what")
                    yield TextField(self._now.link, id="link-field", select_on_focus=False)
                yield Static(link_hint(), id="link-hint", markup=False)
                with Horizontal(classes="row"):
                    yield Static("passphrase", classes="what")
                    yield TextField(self._drawn, id="passphrase", select_on_focus=False)
                yield Static(KEPT_HINT if self._now.passphrase else SEALED_HINT, id="passphrase-hint", markup=False)
                with Horizontal(classes="row"):
                    yield Static("level", classes="what")
                    yield LevelBar(id="level")
                yield Static("say something", id="level-words", markup=False)
                yield Static(self._problem, id="outcome", markup=False)
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
        following = {"name": "#link-field", "link-field": "#passphrase"}.get(message.input.id or "")
        if following is not None:
            self.set_focus(self.query_one(following))
        else:
            self._save()

    @on(Button.Pressed, "#save")
    def _save(self) -> None:
        name, link, passphrase = (
            self.query_one(field, TextField).value.strip() for field in ("#name", "#link-field", "#passphrase")
        )
        problem = self._passphrase_problem(passphrase, name) if passphrase not in ("", self._drawn) else ""
        try:
            OPTIONS["name"].read(name)
        except ValueError:
            problem = f"your name must be {OPTIONS['name'].allowed}"
        self._checked = None if problem else Chosen(name, link, passphrase or self._now.passphrase)
        self._say(problem or TRYING.format(what=link))
        if self._checked is not None:
            self._check_link(link, partial(self._found, self._checked))

    def _found(self, chosen: Chosen, problem: str) -> None:
        if not self.is_current or chosen is not self._checked:  # skipped meanwhile, or something else was chosen
            return
        self._say(problem)
        if not problem:
            self.dismiss(chosen)

    def _say(self, text: str) -> None:
        self.query_one("#outcome", Static).update(text)
