"""The protection of a channel as the settings have it, its name, the key that follows, and how all are shown."""

from __future__ import annotations

from app.errors import GossamerError
from app.events import ChannelCounts
from app.settings.model import DEFAULT_CHANNEL, Settings
from transport.address import parse_address
from transport.errors import LinkError
from transport.protection.cipher import Secret, derive_key
from transport.protocol.frames import Mode

MODE_WORDS = {Mode.OPEN: "open channel", Mode.SEALED: "sealed", Mode.HAM: "signed (ham)"}
"""The modes in words for the user."""
REFUSALS = (
    ("bad_tags", "bad tag"),
    ("replayed", "replayed"),
    ("stale", "wrong time"),
    ("foreign", "other mode"),
    ("muted", "muted"),
)
"""Fields of ChannelCounts that are shown, with their words.

VOICE without its BEGIN is no refusal: everybody who joins late gets some.
"""


def channel_mode(settings: Settings) -> Mode:
    """Return how the channel is protected: open without a passphrase, sealed with one, unless the settings say ham.

    Raises GossamerError where mode and passphrase contradict each other.
    """
    if settings.passphrase is None:
        if settings.mode in (Mode.SEALED, Mode.HAM):
            cure = "give --passphrase or --passphrase-file FILE"
            raise GossamerError(f"mode {settings.mode.word} needs a passphrase", cure)
        return Mode.OPEN
    if settings.mode is Mode.OPEN:
        raise GossamerError("mode open and a passphrase contradict each other", "leave one out")
    return settings.mode or Mode.SEALED


def channel_name(settings: Settings) -> str:
    """Return the name of the channel: that of the settings; where they name none, that of the link's address, if any.

    The name goes into the key, so every station of a channel must arrive at the same one.
    """
    if settings.channel != DEFAULT_CHANNEL:
        return settings.channel
    try:
        return parse_address(settings.link).channel or settings.channel
    except LinkError:  # which is told where the link is opened
        return settings.channel


def secret_of(settings: Settings) -> Secret | None:
    """Return the key of the settings' channel, None for an open one. Slow on purpose: for a thread.

    Raises GossamerError where mode and passphrase contradict each other.
    """
    mode = channel_mode(settings)
    if settings.passphrase is None:
        return None
    return Secret(mode, derive_key(settings.passphrase, channel_name(settings), settings.key_version))


def channel_words(settings: Settings) -> str:
    """Return the line that the screen shows all the time: "open channel", "sealed: harbour", "signed (ham): harbour".

    Raises GossamerError where mode and passphrase contradict each other.
    """
    mode = channel_mode(settings)
    return MODE_WORDS[mode] if mode is Mode.OPEN else f"{MODE_WORDS[mode]}: {channel_name(settings)}"


def refusal_words(counts: ChannelCounts | None) -> str:
    """Return what was refused, such as "3 bad tag, 1 replayed"; empty where nothing was."""
    if counts is None:
        return ""
    return ", ".join(f"{getattr(counts, field)} {name}" for field, name in REFUSALS if getattr(counts, field))
