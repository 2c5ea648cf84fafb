"""`--log-level` of the commands that run a station for a while: its events as lines on standard error."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable

from app.events import Event
from app.headless.logs import LEVELS, log_words, set_up_log

LOG = logging.getLogger("gossamer.station")
Take = Callable[[Event], None]


def add_log_level(parser: argparse.ArgumentParser) -> None:
    """Add the flag."""
    parser.add_argument(
        "--log-level",
        choices=LEVELS,
        help="what of the station's events goes to standard error, besides what the command says (nothing)",
    )


def begin_log(arguments: argparse.Namespace) -> None:
    """Begin the log that --log-level asks for, if it does.

    Called once the native libraries are silenced, which gives standard error another descriptor.
    """
    if arguments.log_level is not None:
        set_up_log(arguments.log_level)


def logged(take: Take) -> Take:
    """Return a function that logs an event before it is taken; `take` itself where no log was begun."""
    if not logging.getLogger("gossamer").handlers:
        return take

    def both(event: Event) -> None:
        level, words = log_words(event)
        LOG.log(level, "%s", words)
        take(event)

    return both
