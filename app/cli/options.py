"""Flags of the commands that open a station, made from the settings. They win over the file, the file over defaults."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.errors import GossamerError
from app.settings.model import OPTIONS, Settings, Synth, read_synth
from transport.address import parse_address

if TYPE_CHECKING:  # the file is read by the commands that need it: decoding must not wait for it
    from app.settings.file import Configuration

PREFIX = "setting_"
"""Of the settings among argparse's names."""
SYNTHS = OPTIONS["synth"].metavar


def add_options(parser: argparse.ArgumentParser, command: str) -> None:
    """The flags of every setting that the command uses, and --config. They are checked when the settings are made, so
    that a wrong one is a line like any other."""
    parser.add_argument(
        "--config", metavar="FILE", default=argparse.SUPPRESS, help="read the settings from here (README: Settings)"
    )
    if command in OPTIONS["passphrase_file"].used_by:
        parser.add_argument(
            "--passphrase", action="store_true", default=argparse.SUPPRESS, help="ask for the passphrase at the start"
        )
    for name, option in OPTIONS.items():
        if command not in option.used_by:
            continue
        more: dict[str, Any] = {"dest": PREFIX + name, "default": argparse.SUPPRESS, "help": option.help}
        if option.is_switch:
            parser.add_argument(option.flag, action=argparse.BooleanOptionalAction, **more)
        else:
            parser.add_argument(option.flag, metavar=option.metavar, **more)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the flag --json, which `app.console.say` takes as its `as_json`."""
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, nothing else")


def synth(text: str) -> Synth:
    """The flag --synth of commands that open no station."""
    try:
        return read_synth(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not {OPTIONS['synth'].allowed}") from None


def configuration_from(arguments: argparse.Namespace) -> Configuration:
    """The settings file that counts. Raises FileProblem."""
    from app.settings.file import read_configuration

    path = getattr(arguments, "config", None)
    return read_configuration(Path(path) if path is not None else None)


def settings_from(arguments: argparse.Namespace, configuration: Configuration | None = None) -> Settings:
    """The station that the command line and the file ask for. Raises GossamerError, LinkError."""
    from app.settings.contacts import resolve
    from app.settings.passphrase import with_passphrase

    configuration = configuration or configuration_from(arguments)
    values = dict(configuration.values)
    for name, option in OPTIONS.items():
        given = getattr(arguments, PREFIX + name, None)
        if given is None:
            continue
        try:
            values[name] = option.read(given)
        except (ValueError, TypeError):
            raise GossamerError(f"{option.flag} {given}", f"it must be {option.allowed}") from None
    if link := getattr(arguments, "link", None):
        values["link"] = link
    if "link" in values:
        values["link"] = resolve(values["link"], configuration.contacts, configuration.path)
    try:
        settings = Settings(**values)
    except ValueError as problem:
        raise GossamerError(str(problem), "correct it") from None
    parse_address(settings.link)
    return with_passphrase(settings, ask=getattr(arguments, "passphrase", False))
