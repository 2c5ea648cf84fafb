"""The change to another link or name: what is chosen is tried first, and written down once it works.

The new link is opened beside the running station. Only where that cannot be, because both need the same port, the
station is closed first; then `app.tui.run_talk` opens the old one again if the new one does not open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from textual.app import App

from app.errors import GossamerError
from app.paths import settings_file
from app.settings.broker import lacks_password, user_of
from app.settings.contacts import recent_links, remember, resolve
from app.settings.file import Configuration, read_configuration, write_configuration
from app.settings.model import PARROT_LINK, Settings
from app.settings.strength import check_strength
from app.storage import write_whole
from app.tui.dialogs.card import Tell
from app.tui.dialogs.choice import ChoiceScreen
from app.tui.dialogs.password import PasswordScreen
from app.tui.dialogs.setup import Chosen, SetupScreen
from app.tui.talk.log import Log
from app.tui.talk.screen import TalkScreen
from transport.address import Address, parse_address
from transport.errors import LinkError, TransportError
from transport.link_kinds import kind_of
from transport.protocol.frames import Mode

PASSPHRASE_FILE = "passphrase.txt"
"""Name of the file beside the settings that holds a passphrase chosen in the set-up."""
Passwords = tuple[tuple[str, str], ...]
"""Passwords of users of brokers, each with its USER@HOST."""
AMATEUR = "amateur radio forbids nearly everywhere to hide what is said: start with --mode ham, which signs it in clear"


@dataclass(frozen=True)
class Start:
    """The way in which a station begins, and what the one before leaves to it."""

    settings: Settings
    configuration: Configuration | None = None
    """The settings file, for contacts and set-up; None: neither is offered."""
    changes: dict[str, Any] = field(default_factory=dict)
    """Settings to write down once this station works, by name."""
    log: Log | None = None
    """Log of the conversation so far."""
    back_to: Settings | None = None
    """Settings of the station to open again if this one cannot be opened."""
    problem: str = ""
    """Reason why another station could not be opened, and this is the old one again; "" where there was none."""

    def explained(self, problem: Exception) -> Exception:
        """Return why this station could not be opened, with the way out where its link is from the settings file."""
        known = self.configuration
        if not isinstance(problem, LinkError) or known is None or "link" not in known.values:
            return problem
        if self.settings.link != resolve(known.values["link"], known.contacts, known.path):
            return problem
        way_out = f"`gossamer talk LINK` opens another than the one in {known.path}"
        return LinkError(problem.cause, f"{problem.cure}; {way_out}" if problem.cure else way_out)

    def back(self, problem: Exception) -> Start:
        """Return how to begin again with the old station."""
        assert self.back_to is not None
        return Start(self.back_to, self.configuration, log=self.log, problem=str(problem))


def same_port(one: str, other: str) -> bool:
    """Tell whether two addresses name the same place, so that only one of them can be open.

    Raise LinkError for what is no address.
    """
    return _place(parse_address(one)) == _place(parse_address(other))


def _place(address: Address[Any]) -> tuple[Any, ...]:
    """Return what of an address says where the link is, whatever its options are: a device may have any kind."""
    host, port, device, channel = (
        getattr(address.settings, name, None) for name in ("host", "port", "device", "channel")
    )
    return ("device", device) if device else (address.scheme, host, port, channel)


class NextStation:
    """The cards on which another station is chosen, and what follows from a choice."""

    def __init__(
        self,
        app: App[int],
        start: Start,
        screen: TalkScreen,
        try_link: Callable[[str, Passwords, Tell], None],
        leave_for: Callable[[Start], None],
    ) -> None:
        """Show the cards in `app`.

        try_link: opens a link beside this station's, and tells what is wrong with it. leave_for: ends this station and
        begins the next.
        """
        self._app = app
        self._start = start
        self._screen = screen
        self._try_link = try_link
        self._leave_for = leave_for
        self._typed: Passwords = ()
        """Password that was typed here, for the link that was chosen last."""
        self.configuration = start.configuration

    def begin(self) -> None:
        """Show a card at once where one is needed: on the first run, and where another station could not be opened."""
        first = self.configuration is not None and not self.configuration.exists and not self._start.changes
        if self._start.problem:
            self._screen.note("link", f"not changed: {self._start.problem}")
        if first:
            self.set_up(first=not self._start.problem, problem=self._start.problem)
        elif self._start.problem:
            self.links(self._start.problem)

    def opened(self) -> None:
        """Write down what was chosen: the station works."""
        if self.configuration is not None and kind_of(self._start.settings.link) is not kind_of(PARROT_LINK):
            remember(self._start.settings.link)
        if self._start.changes:
            self._write(self._start.changes, self._start.settings.passphrase)

    def links(self, problem: str = "") -> None:
        """Choose another link. problem: why the one that was chosen before could not be opened."""
        contacts = self.configuration.contacts if self.configuration else {}
        choices = list(contacts.items()) + [(link, link) for link in recent_links() if link not in contacts.values()]
        choices += [("parrot", PARROT_LINK)]
        card = ChoiceScreen("open another link", choices, "or a link, and enter", self._check_link, problem)
        self._app.push_screen(card, self._open)

    def set_up(self, *, first: bool, problem: str = "") -> None:
        """Set up name, link, passphrase and devices. first: ask whether to set up at all."""
        settings, screen = self._start.settings, self._screen
        card = SetupScreen(
            Chosen(settings.name, settings.link, settings.passphrase),
            self._check_link,
            self._passphrase_problem,
            screen.action_devices,
            first=first,
            offer_sealed=self.configuration is None or not self.configuration.exists,
            problem=problem,
        )
        self._app.push_screen(card, self._set_up_done)

    def _check_link(self, link: str, tell: Tell) -> None:
        """Tell what is wrong with a link, "" where it opens."""
        try:
            resolved = self._resolved(link)
            address = parse_address(resolved)
        except (GossamerError, TransportError) as problem:
            tell(str(problem))
            return
        if address.kind.within_program or same_port(resolved, self._start.settings.link):
            tell("")
        elif lacks_password(replace(self._start.settings, link=resolved)):
            self._ask_password(resolved, address, tell)
        else:
            self._try_link(resolved, (), tell)

    def _ask_password(self, link: str, address: Address[Any], tell: Tell) -> None:
        """Ask for the password of a broker's user, try the link with it, and forget one that is wrong."""
        who = user_of(address)

        def take(password: str | None) -> None:
            if password is None:
                self._app.call_later(tell, f"no password of {who} was given")
                return
            self._typed = ((who, password),)
            self._try_link(link, self._typed, found)

        def found(problem: str) -> None:
            if problem:
                self._typed = ()
            tell(problem)

        self._app.push_screen(PasswordScreen(who, in_clear=not address.settings.tls), take)

    def _passphrase_problem(self, passphrase: str, name: str) -> str:
        try:
            check_strength(passphrase, [self._start.settings.channel, name])
        except GossamerError as problem:
            return str(problem)
        return ""

    def _resolved(self, link: str) -> str:
        known = self.configuration
        return resolve(link, known.contacts if known else {}, known.path if known else settings_file())

    def _open(self, link: str | None) -> None:
        if link is not None:
            self._go_on(replace(self._start.settings, link=self._resolved(link)), {})

    def _go_on(self, settings: Settings, changes: dict[str, Any]) -> None:
        """End this station and have another one opened. changes: what to write down once it works."""
        log = self._screen.state.log
        log.cut_off()
        settings = replace(settings, broker_passwords=(*settings.broker_passwords, *self._typed))
        self._leave_for(Start(settings, self.configuration, changes, log, back_to=self._start.settings))

    def _set_up_done(self, chosen: Chosen | None) -> None:
        """Write down what was chosen, at once where the station stays as it is."""
        changes: dict[str, Any] = dict(self._screen.chosen_sound) if chosen else {}
        now = self._start.settings
        if chosen is None:
            self._write(changes)
            return
        changes |= {"name": chosen.name, "link": chosen.link}
        settings = replace(now, name=chosen.name, link=self._resolved(chosen.link))
        if chosen.passphrase != now.passphrase:
            changes["passphrase_file"] = str(self._free_file())
            settings = replace(settings, passphrase=chosen.passphrase, passphrase_file=changes["passphrase_file"])
            if now.mode is Mode.OPEN:
                settings, changes["mode"] = replace(settings, mode=None), None
        if settings == now:
            self._write(changes)
        else:
            self._go_on(settings, changes)

    def _free_file(self) -> Path:
        """Return a path beside the settings for a new passphrase: one that was kept there is not lost."""
        folder = (settings_file() if self.configuration is None else self.configuration.path).parent
        stem, suffix = PASSPHRASE_FILE.split(".")
        names = [PASSPHRASE_FILE, *(f"{stem}-{number}.{suffix}" for number in range(2, 1000))]
        return next(folder / name for name in names if not (folder / name).exists())

    def _write(self, changes: dict[str, Any], passphrase: str | None = None) -> None:
        path = settings_file() if self.configuration is None else self.configuration.path
        secret = changes.get("passphrase_file") if passphrase is not None else None
        try:
            if secret is not None:
                write_whole(Path(secret), f"{passphrase}\n")
            write_configuration(path, changes)
            self.configuration = read_configuration(path)
        except GossamerError as problem:
            self._screen.note("settings", str(problem))
            return
        if changes:
            told = f"saved in {path}" + (f"; the passphrase to tell the others is in {secret}" if secret else "")
            self._screen.note("settings", told, trouble=False)
        if passphrase is not None and (kind := kind_of(self._start.settings.link)) and kind.amateur:
            self._screen.note("channel", AMATEUR)
