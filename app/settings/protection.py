"""The protection of a channel as the settings have it, the key that follows, and how both are shown."""

from __future__ import annotations

from app.errors import GossamerError
from app.events import ChannelCounts
from app.settings.model import Settings
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


def secret_of(settings: Settings) -> Secret | None:
    """Return the key of the settings' channel, None for an open one. Slow on purpose: for a thread.

    Raises GossamerError where mode and passphrase contradict each other.
    """
    mode = channel_mode(settings)
    if settings.passphrase is None:
        return None
    return Secret(mode, derive_key(settings.passphrase, settings.channel, settings.key_version))


def channel_words(settings: Settings) -> str:
    """Return the line that the screen shows all the time: "open channel", "sealed: harbour", "signed (ham): harbour".

    Raises GossamerError where mode and passphrase contradict each other.
    """
    mode = channel_mode(settings)
    return MODE_WORDS[mode] if mode is Mode.OPEN else f"{MODE_WORDS[mode]}: {settings.channel}"


def refusal_words(counts: ChannelCounts | None) -> str:
    """Return what was refused, such as "3 bad tag, 1 replayed"; empty where nothing was."""
    if counts is None:
        return ""
    return ", ".join(f"{getattr(counts, field)} {name}" for field, name in REFUSALS if getattr(counts, field))
