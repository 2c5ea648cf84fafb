"""`gossamer text`: one short message, sent without a screen, and confirmed where that is asked for."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import Any

import trio

from app import events
from app.audio.devices import absent_devices
from app.cli import EXIT_UNCONFIRMED
from app.cli.event_log import add_log_level, begin_log, logged
from app.cli.interrupts import interruptible
from app.cli.kept_link import LISTEN_FIRST_S, KeptLink
from app.cli.link_hints import LinkHints
from app.cli.options import add_json, add_options, settings_from
from app.console import aside, note, say
from app.errors import GossamerError
from app.settings.model import Settings
from app.settings.protection import MODE_WORDS
from app.signals import Ending, run_until_signal
from app.station.engine import Engine
from app.station.messages import check_text
from app.station.parts import real_parts
from transport.link_kinds import explained_forms
from transport.protocol.frames import MAX_TEXT_BYTES, Mode


def add_text(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("link", metavar="LINK|NAME", help=f"{explained_forms()}; or a contact's name")
    parser.add_argument("text", metavar="TEXT", help=f"the message, at most {MAX_TEXT_BYTES} bytes")
    parser.add_argument("--confirm", action="store_true", help="wait until the one that it is for has confirmed it")
    add_options(parser, "text")
    add_log_level(parser)
    add_json(parser)
    parser.set_defaults(run=run_text)


@dataclass
class OutgoingText:
    """A message on its way, and what became of it."""

    text: str
    confirm: bool
    sent: bool = False
    confirmed: bool | None = None
    """None while nobody knows."""
    tries: int = 1
    mode: Mode = Mode.OPEN
    problem: str = ""
    hints: LinkHints = field(default_factory=LinkHints)
    changed: trio.Event = field(default_factory=trio.Event)

    def note(self, event: events.Event) -> None:
        """Take an event of the engine."""
        match event:
            case events.StationReady():
                self.mode = event.mode
            case events.TextSent():
                self.sent = True
            case events.TextConfirmed():
                self.confirmed = True
            case events.TextUnconfirmed(tries=tries):
                self.confirmed, self.tries = False, tries
            case events.LinkProblem() if event.lasting:
                self.problem = str(event)
            case events.LinkProblem():
                self.hints.failed(event)
            case events.LinkRecovered():
                self.hints.recovered()
            case events.ChannelProblem():
                note(str(event))
            case events.TextHeard():
                aside(str(event))
        self.changed.set()
        self.changed = trio.Event()

    @property
    def done(self) -> bool:
        """True when there is nothing to wait for any more."""
        works = self.hints.works.is_set()
        return self.problem != "" or self.confirmed is not None or (self.sent and not self.confirm and works)


def run_text(arguments: argparse.Namespace) -> int:
    """Send the message, and say what became of it. Raises GossamerError, LinkError."""
    settings = settings_from(arguments)
    check_text(arguments.text)
    if arguments.confirm and not settings.addressee:
        raise GossamerError("--confirm needs somebody to confirm it", "say whom it is for, --to NAME")
    begin_log(arguments)
    message = OutgoingText(arguments.text, arguments.confirm)
    run_until_signal(_send, settings, message)
    if not message.done:
        raise KeyboardInterrupt
    if message.problem and not message.confirmed:
        raise GossamerError(message.problem)
    say(_facts(settings, message), _words(settings, message), as_json=arguments.json)
    return EXIT_UNCONFIRMED if message.confirmed is False else 0


def _facts(settings: Settings, message: OutgoingText) -> dict[str, Any]:
    return {
        "link": settings.link,
        "text": message.text,
        "addressee": settings.addressee,
        "confirmed": message.confirmed,
        "tries": message.tries if message.confirmed is False else None,
        "protection": MODE_WORDS[message.mode],
    }


def _words(settings: Settings, message: OutgoingText) -> str:
    to = f" to {settings.addressee}" if settings.addressee else ""
    if message.confirmed is False and not message.tries:
        return f"not sent{to}: the channel was not free, or the link took nothing"
    if message.confirmed is False:
        return f"sent{to} {message.tries} times, not confirmed: is {settings.addressee} there, under that name?"
    return f"sent{to}, {'confirmed' if message.confirmed else MODE_WORDS[message.mode]}"


async def _send(ending: Ending, settings: Settings, message: OutgoingText) -> None:
    """Run a station without sound until the message is sent, or confirmed, or given up; then take leave."""
    kept, scope = KeptLink(), trio.CancelScope()
    parts = real_parts(recordings=None, confirms=False, open_link=kept.open, open_sound=absent_devices)
    engine = Engine(settings, logged(message.note), parts)
    async with interruptible(ending, scope.cancel) as nursery:
        with scope:
            await nursery.start(engine.run)
            await kept.wait_for_caller(settings.link)
            await trio.sleep(LISTEN_FIRST_S)  # whoever talks is heard by then, and the message waits for the end
            nursery.start_soon(message.hints.probe, engine)
            while not (message.hints.works.is_set() or message.done):
                await message.changed.wait()
            if not message.done:
                engine.send_text(message.text, confirm=message.confirm)
            while not message.done:
                await message.changed.wait()
            await trio.sleep(kept.link.drain_s())
        await engine.closed()
