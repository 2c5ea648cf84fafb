"""The passphrase of a sealed or ham channel: from a file, or asked for before the screen opens."""

from __future__ import annotations

import getpass
import sys
from dataclasses import replace
from pathlib import Path

from app.console import note
from app.errors import FileProblem, GossamerError, os_reason
from app.settings.model import DEFAULT_CHANNEL, Settings
from app.settings.protection import channel_mode, channel_name
from app.settings.strength import check_strength
from app.storage import open_input, warn_of_readers
from transport.link_kinds import kind_of
from transport.protocol.frames import Mode

PROMPT = "Passphrase of the channel '{channel}': "
"""Text before the cursor; {channel} is the channel's name."""
MAX_FILE_BYTES = 4096
"""Longest passphrase file: a longer one is some other file."""


def with_passphrase(settings: Settings, ask: bool, *, weak: bool = False) -> Settings:
    """Return the settings with the passphrase that they need, and tell the user what makes it weaker than it could be.

    ask: ask for it on the terminal. weak: take one that is soon guessed, since it was used already. Raises
    GossamerError for an empty or weak passphrase, no terminal to ask on, a file that cannot be read, or a mode that
    contradicts what is there.
    """
    if ask and settings.passphrase_file:
        raise GossamerError(
            "--passphrase and a passphrase file (--passphrase-file) exclude each other", "leave one out"
        )
    file = None
    if ask:
        settings = replace(settings, passphrase=_ask(channel_name(settings)))
    elif settings.passphrase_file and settings.mode is not Mode.OPEN:
        file = Path(settings.passphrase_file).expanduser()
        settings = replace(settings, passphrase=_read(file))
    if settings.passphrase is not None and not weak:
        check_strength(settings.passphrase, [channel_name(settings), settings.name])
    channel_mode(settings)  # what is refused comes before any remark, and so stands alone
    if file is not None:
        warn_of_readers(file)
    if not weak:
        _warn_of_channel(settings)
    warn_of_amateur_radio(settings)
    return settings


def warn_of_amateur_radio(settings: Settings) -> None:
    """Tell the user where a sealed channel is to go over amateur radio."""
    if channel_mode(settings) is Mode.SEALED and (kind := kind_of(settings.link)) and kind.amateur:
        note("amateur radio forbids nearly everywhere to hide what is said: --mode ham signs it and leaves it in clear")


def _warn_of_channel(settings: Settings) -> None:
    if settings.passphrase is not None and channel_name(settings) == DEFAULT_CHANNEL:
        note(f"many channels are called '{DEFAULT_CHANNEL}', and one guess tries them all: --channel NAME of your own")
    if settings.passphrase is None and settings.channel != DEFAULT_CHANNEL and settings.mode is not Mode.OPEN:
        note(f"the channel '{settings.channel}' is open to everybody: a name protects nothing without --passphrase")


def _ask(channel: str) -> str:
    if sys.stdin is None or not sys.stdin.isatty():
        raise GossamerError("--passphrase asks on a terminal, and there is none", "use --passphrase-file FILE")
    try:
        passphrase = getpass.getpass(PROMPT.format(channel=channel))
    except EOFError:
        passphrase = ""
    if not passphrase:
        raise GossamerError("an empty passphrase protects nothing", "type one, or leave out --passphrase")
    return passphrase


def _read(path: Path) -> str:
    """Return the first line of the file, without its end. Raises FileProblem."""
    try:
        with open_input(path, "the passphrase file ") as file:
            octets = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise FileProblem(f"cannot read the passphrase file {path}: {os_reason(error)}") from error
    try:
        passphrase = octets.decode("utf-8-sig").partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError:
        raise FileProblem(f"the passphrase file {path} is not text in UTF-8", "write it anew") from None
    if not passphrase or len(octets) > MAX_FILE_BYTES:
        size = "too long" if passphrase else "empty"
        raise FileProblem(f"the passphrase file {path} is {size}", "its first line is the passphrase")
    return passphrase
