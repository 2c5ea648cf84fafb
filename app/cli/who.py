"""`gossamer who LINK`: who is on the channel, how long ago heard, without a screen, sound or models."""

from __future__ import annotations

import argparse
import math

import trio

from app.cli.link_hints import LinkHints
from app.cli.options import add_json, add_options, settings_from
from app.console import aside, note, say
from app.errors import GossamerError, first_error
from app.events import ChannelProblem, Event, LinkProblem, LinkRecovered, StationPresent, TextHeard
from app.settings.broker import access_of
from app.settings.model import Settings
from app.settings.protection import MODE_WORDS, channel_mode, secret_of
from app.signals import Ending, run_until_signal
from app.station.channel_end import ChannelEnd, wall_clock_s
from app.station.invitation import waits_for_callers
from app.station.link_health import LinkHealth, next_frame
from app.station.messages import Messages
from app.station.parrot import ParrotPorts
from app.station.parts import open_station_link
from app.station.presence_end import PresenceEnd
from app.station.transmitter import Transmitter
from transport.address import parse_address
from transport.errors import LinkClosed, LinkError, PeerUnreachable
from transport.link_kinds import explained_forms
from transport.links.base import Link
from transport.planning.airtime_budget import AirtimeBudget
from transport.planning.planner import link_model
from transport.protocol.frames import Text
from transport.protocol.receiver import Answer

LISTEN_S = 6.0
"""Time for which the channel is listened to unless another one is asked for: those on IP answer within 3 s."""
LONGEST_S = 3600.0
"""Longest time that may be asked for, in seconds."""
LEAVE_S = 0.5
"""Time that our leave gets, in seconds."""
EXIT_NOBODY = 1
"""Exit code where nobody was heard."""


def add_who(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("link", metavar="LINK|NAME", help=f"{explained_forms()}; or a contact's name")
    parser.add_argument("--seconds", metavar="S", default=str(LISTEN_S), help=f"how long to listen ({LISTEN_S:.0f})")
    add_options(parser, "who")
    add_json(parser)
    parser.set_defaults(run=run_who)


class Heard:
    """Findings about a channel."""

    def __init__(self) -> None:
        self.stations: tuple[StationPresent, ...] = ()
        self.problem: LinkProblem | None = None
        """The error of the link; None while it works."""
        self.hints = LinkHints()

    def gone(self, problem: PeerUnreachable) -> None:
        """Tell that the link is away: who looks for long would take that for the silence of the others."""
        self.hints.failed(LinkProblem(problem.cause, problem.cure))

    def note(self, event: Event) -> None:
        """Print what the user should know."""
        match event:
            case ChannelProblem():
                note(str(event))
            case TextHeard():
                aside(str(event))
            case LinkProblem():
                self.problem = event
            case LinkRecovered():
                self.problem = None
                self.hints.recovered()


def run_who(arguments: argparse.Namespace) -> int:
    """Listen, and print who is there. Raises GossamerError, LinkError."""
    settings = settings_from(arguments)
    seconds = _seconds(arguments.seconds)
    heard = Heard()
    run_until_signal(_listen, settings, seconds, heard)
    if heard.problem is not None:
        if not heard.stations:
            raise LinkError(heard.problem.cause, heard.problem.cure)
        heard.hints.failed(heard.problem)  # once: what is away is told of at once
    lines = [_line(station) for station in heard.stations] or ["nobody was heard"]
    facts = {
        "link": settings.link,
        "protection": MODE_WORDS[channel_mode(settings)],
        "listened_s": seconds,
        "stations": heard.stations,
    }
    say(facts, "\n".join(lines), as_json=arguments.json)
    return 0 if heard.stations else EXIT_NOBODY


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= LONGEST_S:
        raise GossamerError(f"--seconds {text}", f"it must be a number of seconds up to {LONGEST_S:.0f}")
    return seconds


def _line(station: StationPresent) -> str:
    return f"{station.name}: heard {station.heard_ago_s:.0f} s ago"


async def _listen(ending: Ending, settings: Settings, seconds: float, heard: Heard) -> None:
    """Open the link, and listen for so long or until a signal."""
    address = parse_address(settings.link)
    if address.kind.within_program:
        raise GossamerError("a parrot is on this machine alone", "name a link to another station")
    secret = await trio.to_thread.run_sync(secret_of, settings)
    try:
        async with trio.open_nursery() as nursery:
            to_open = address.with_access(access_of(settings, secret))
            link, _ = await open_station_link(to_open, nursery, ParrotPorts(_ignore, secret))
            if waits_for_callers(address):
                aside(f"waiting for callers on {settings.link}")
            channel = ChannelEnd("", link, secret, wall_clock_s, heard.note)
            transmitter = Transmitter(link, channel.encode, AirtimeBudget(link_model(address)))
            messages, health = Messages(settings.name, transmitter, heard.note, lambda: True), LinkHealth(heard.note)
            presence = PresenceEnd(settings, address, link, transmitter.send, heard.note)
            channel.watch(presence.watch)
            nursery.start_soon(transmitter.run, health.failed, health.sent)
            nursery.start_soon(presence.run)
            nursery.start_soon(_receive, link, channel, transmitter, messages, health, heard)
            with trio.move_on_after(seconds):
                await ending.asked.wait()
            heard.stations = presence.present
            if presence.leave():
                with trio.move_on_after(LEAVE_S):
                    await transmitter.drained()
            await link.aclose()
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise first_error(group) from group


async def _receive(
    link: Link, channel: ChannelEnd, transmitter: Transmitter, messages: Messages, health: LinkHealth, heard: Heard
) -> None:
    """Receive until the link is closed, answer as any station does but for overs, and show messages."""
    while True:
        try:
            octets = await next_frame(link, health, heard.gone)
        except LinkClosed:
            return
        for fact in channel.receive(octets):
            health.take(fact, trio.current_time())
            match fact:
                case Answer(frame):
                    transmitter.answer(frame)
                case Text():
                    messages.hear(fact, trio.current_time())


def _ignore(over: int, sequence: int, at_s: float) -> None:
    """Do nothing: no delay is measured."""
