"""`gossamer talk`: a station with a screen."""

from __future__ import annotations

import argparse
import sys

from app.audio.portaudio import check_devices, silence_native_libraries
from app.cli.options import add_options, configuration_from, settings_from
from app.errors import GossamerError
from transport.link_kinds import explained_forms


def add_talk(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("link", metavar="LINK|NAME", nargs="?", help=f"{explained_forms()}; or a contact's name")
    add_options(parser, "talk")
    parser.set_defaults(run=run_talk)


def run_talk(arguments: argparse.Namespace) -> int:
    """Open the talk screen until the user quits. Raises GossamerError without a terminal, LinkError."""
    configuration = configuration_from(arguments)
    settings = settings_from(arguments, configuration)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise GossamerError("talk needs a terminal", "use `gossamer send` and `gossamer listen` without one")
    silence_native_libraries()
    check_devices(settings)
    from app import tui  # after the mistakes: it takes a while to import

    return tui.run_talk(settings, configuration=configuration)
