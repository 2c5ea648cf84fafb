"""Flags that several commands share, those of the settings above all.

A flag wins over the settings file, the file over the defaults.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.errors import GossamerError
from app.settings.model import OPTIONS, Settings, Synth, read_synth
from transport.protocol.frames import Mode

if TYPE_CHECKING:  # the file is read by the commands that need it: decoding must not wait for it
    from app.settings.file import Configuration

PREFIX = "setting_"
"""Prefix of the settings' names among argparse's."""
CONFIG, PASSPHRASE = "config", "passphrase"
"""Names of the flags beside those of the settings."""
SYNTHS = OPTIONS["synth"].metavar
"""Values of --synth, for the help."""
MODEL_HELP = "in float32 or in 8-bit numbers (standard)"
"""Help of --model."""


def add_options(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the flags of every setting that the command uses, and --config.

    They are read in `settings_from`, so that a wrong one is reported like any other problem.
    """
    add_config(parser)
    used = [PREFIX + name for name, option in OPTIONS.items() if command in option.used_by]
    parser.set_defaults(takes=frozenset([CONFIG, PASSPHRASE, *used]))
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


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add the flag --config, for commands that read the settings file; `configuration_from` takes it."""
    parser.add_argument(
        f"--{CONFIG}",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="read the settings from here (app/docs/manual.md has all of them)",
    )
    parser.set_defaults(takes=frozenset([CONFIG]))


def without_effect(arguments: argparse.Namespace) -> str:
    """Return a flag that was given before a command which does not know it, or ""."""
    flags = {CONFIG: f"--{CONFIG}", PASSPHRASE: f"--{PASSPHRASE}"}
    flags |= {PREFIX + name: option.flag for name, option in OPTIONS.items()}
    return next((flag for name, flag in flags.items() if hasattr(arguments, name) and name not in arguments.takes), "")


def refuse_given(arguments: argparse.Namespace, why: str, *names: str) -> None:
    """Refuse settings that were given as flags where they have no effect. Raises GossamerError.

    why: in words that follow the flag. names: of the settings.
    """
    for name in names:
        if hasattr(arguments, PREFIX + name):
            raise GossamerError(f"{OPTIONS[name].flag} {why}", "leave it out")


def add_json(parser: argparse.ArgumentParser, what: str = "one JSON object on standard output, nothing else") -> None:
    """Add the flag --json, which `app.console.say` takes as its `as_json`. what: its line in the help."""
    parser.add_argument("--json", action="store_true", help=what)


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add the flag --force, which `app.file_kinds.check_output` takes."""
    parser.add_argument("--force", action="store_true", help="replace a file of another kind, under any name")


def add_synth(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the flag --synth, for commands that open no station. what: its line in the help."""
    parser.add_argument("--synth", type=_synth, default="neural", metavar=SYNTHS, help=what)


def add_model(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the flag --model, for commands that open no station. what: its line in the help."""
    from codec.models import MODELS, STANDARD  # here: it imports numpy

    parser.add_argument("--model", choices=MODELS, default=STANDARD, help=what)


def _synth(text: str) -> Synth:
    try:
        return read_synth(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not {OPTIONS['synth'].allowed}") from None


def configuration_from(arguments: argparse.Namespace) -> Configuration:
    """Return what the settings file says: that of --config, or the default one. Raises FileProblem."""
    from app.settings.file import read_configuration

    path = getattr(arguments, "config", None)
    return read_configuration(Path(path) if path is not None else None)


def settings_from(arguments: argparse.Namespace, configuration: Configuration | None = None) -> Settings:
    """Return the settings that the command line and the settings file ask for. Raises GossamerError, LinkError.

    configuration: what the file says, where it has been read already.
    """
    from app.settings.broker import with_password
    from app.settings.contacts import resolve
    from app.settings.passphrase import with_passphrase
    from transport.address import parse_address

    configuration = configuration or configuration_from(arguments)
    values = dict(configuration.values)
    for name, option in OPTIONS.items():
        given = getattr(arguments, PREFIX + name, None)
        if given is None:
            continue
        values[name] = option.value_of(given, f"{option.flag} {given}")
    if link := getattr(arguments, "link", None):
        values["link"] = link
    if "link" in values:
        values["link"] = resolve(values["link"], configuration.contacts, configuration.path)
    settings = Settings(**values)
    if settings.mode is Mode.OPEN and hasattr(arguments, PREFIX + "passphrase_file"):  # the file's is left alone
        raise GossamerError("mode open and a passphrase contradict each other", "leave one out")
    if settings.mode is Mode.OPEN and hasattr(arguments, PREFIX + "channel"):
        raise GossamerError("mode open and --channel contradict each other", "leave one out")
    links = getattr(arguments, "links", [settings.link])  # a relay has several: one with it is enough
    addresses = [parse_address(resolve(link, configuration.contacts, configuration.path)) for link in links]
    if hasattr(arguments, PREFIX + "ca") and not any(address.has_certificate for address in addresses):
        cause = f"--ca is for mqtts://, and {addresses[0].scheme}:// has no certificate"
        raise GossamerError(cause, "write mqtts://, or leave it out")
    settings = with_password(replace(settings, broker_passwords=tuple(configuration.passwords.items())))
    return with_passphrase(settings, ask=getattr(arguments, "passphrase", False))
