"""`gossamer station`: two ways without a screen, for a machine with a button, or for a face of one's own."""

from __future__ import annotations

import argparse

from app.cli.interrupts import interruptible
from app.cli.options import add_json, add_options, configuration_from, settings_from
from app.headless.button import split_button
from app.headless.host import StationHost
from app.headless.logs import LEVELS, set_up_log
from app.headless.output import EventWriter
from app.signals import Ending, run_until_signal
from transport.link_kinds import explained_forms


def add_station(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("link", metavar="LINK|NAME", nargs="?", help=f"{explained_forms()}; or a contact's name")
    parser.add_argument(
        "--button",
        metavar="DEVICE[,KEY]",
        help="an input device as talk key: its path or part of its name, and one of its keys (any)",
    )
    parser.add_argument("--log-level", choices=LEVELS, default="warning", help="what goes to standard error (warning)")
    add_options(parser, "station")
    add_json(parser, "events are JSON lines always; accepted as on other commands")
    parser.set_defaults(run=run_station)


def run_station(arguments: argparse.Namespace) -> int:
    """Run a station until a signal or the command quit ends it in order. Raises GossamerError, LinkError."""
    from app.audio.portaudio import check_devices, silence_native_libraries

    configuration = configuration_from(arguments)
    settings = settings_from(arguments, configuration)
    button = split_button(arguments.button) if arguments.button else None
    silence_native_libraries()
    set_up_log(arguments.log_level)  # after it, which gives standard error another descriptor
    check_devices(settings)

    def resolved(link: str) -> str:
        from app.settings.contacts import resolve
        from transport.address import parse_address

        address = resolve(link, configuration.contacts, configuration.path)
        parse_address(address)
        return address

    host = StationHost(settings, EventWriter(), resolve=resolved, button=button)
    run_until_signal(_run, host)
    return 0


async def _run(ending: Ending, host: StationHost) -> None:
    async with interruptible(ending, host.close):
        await host.run()
