"""`gossamer relay`: overs and messages carried from each link to the others, without sound or models."""

from __future__ import annotations

import argparse
import contextlib
import logging
import re
from dataclasses import replace
from pathlib import Path

import trio

from app.cli.interrupts import interruptible
from app.cli.options import add_json, add_options, configuration_from, settings_from
from app.errors import FileProblem, GossamerError
from app.headless.logs import LEVELS, set_up_log
from app.headless.output import LAST_LINES_S, EventWriter
from app.paths import nonces_file
from app.relay.relay import Relay, RelayParts
from app.relay.reports import RelayReport, report_words
from app.settings.broker import with_password
from app.settings.contacts import resolve
from app.settings.model import Settings
from app.settings.passphrase import warn_of_amateur_radio
from app.settings.protection import channel_mode
from app.signals import Ending, run_until_signal
from transport.errors import UsageError
from transport.framing.ax25 import parse_callsign
from transport.link_kinds import explained_forms
from transport.protocol.frames import Mode
from transport.protocol.relaying import MAX_CUTTING_BYTES

LOG = logging.getLogger("gossamer.relay")


def add_relay(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "links", metavar="LINK|NAME", nargs="+", help=f"two or more: {explained_forms()}; or a contact's name"
    )
    parser.add_argument("--log-level", choices=LEVELS, default="info", help="what goes to standard error (info)")
    add_options(parser, "who")
    add_json(parser, "a JSON object a line on standard output for all that happens, and figures every 10 s")
    parser.set_defaults(run=run_relay)


def run_relay(arguments: argparse.Namespace) -> int:
    """Relay until a signal ends it in order. Raises GossamerError, LinkError."""
    set_up_log(arguments.log_level)
    each = _settings(arguments)
    writer = EventWriter() if arguments.json else None

    def report(one: RelayReport) -> None:
        if writer is not None:
            writer.put(one)
        level, words = report_words(one)
        LOG.log(level, "%s", words)

    relay = Relay(each, report, RelayParts(nonces=_nonces()))
    run_until_signal(_run, relay, writer)
    return 0


def _settings(arguments: argparse.Namespace) -> list[Settings]:
    """Return the settings of a station on each link. Raises GossamerError, LinkError."""
    configuration = configuration_from(arguments)
    first, *others = [resolve(link, configuration.contacts, configuration.path) for link in arguments.links]
    arguments.link = first
    settings = settings_from(arguments, configuration)
    if channel_mode(settings) is Mode.HAM:
        _check_ham_name(settings.name)
    each = [settings, *(with_password(replace(settings, link=link)) for link in others)]
    for one in each[1:]:
        warn_of_amateur_radio(one)
    return each


def _check_ham_name(name: str) -> None:
    if not holds_callsign(name):
        raise GossamerError(f"'{name}' holds no callsign", "a relay in ham mode needs one, --name AB1CDE")
    if len(name.encode()) > MAX_CUTTING_BYTES:
        cure = f"give --name at most {MAX_CUTTING_BYTES} bytes"
        raise GossamerError(f"'{name}' leaves no room for a talker's name", cure)


def holds_callsign(name: str) -> bool:
    """Tell whether a name is a callsign, or has one among its words, as DL/AB1CDE/P does."""
    for word in re.split(r"[^\w-]+", name):
        with contextlib.suppress(UsageError):
            parse_callsign(word)
            return True
    return False


def _nonces() -> Path | None:
    """Return the file of nonces; None where this user has no home."""
    try:
        return nonces_file()
    except FileProblem:
        return None


async def _run(ending: Ending, relay: Relay, writer: EventWriter | None) -> None:
    async with trio.open_nursery() as lines:
        if writer is not None:
            lines.start_soon(writer.run)
        try:
            async with interruptible(ending, relay.close):
                await relay.run()
        finally:
            lines.cancel_scope.deadline = trio.current_time() + LAST_LINES_S
            if writer is not None:
                writer.end()
