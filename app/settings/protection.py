"""What the settings say of how a channel is protected, and the key that follows."""

from __future__ import annotations

from app.errors import GossamerError
from app.events import ChannelCounts
from app.settings.model import Settings
from transport.protection.cipher import Secret, derive_key
from transport.protocol.frames import Mode

MODE_WORDS = {Mode.OPEN: "open channel", Mode.SEALED: "sealed", Mode.HAM: "signed (ham)"}
"""As shown."""
REFUSALS = (
    ("bad_tags", "bad tag"),
    ("replayed", "replayed"),
    ("stale", "wrong time"),
    ("foreign", "other mode"),
    ("muted", "muted"),
)
"""What is shown of the counts. VOICE without its BEGIN is no refusal: everybody who joins late gets some."""


def secret_of(settings: Settings) -> Secret | None:
    """The key of the channel that the settings name, None for the open one. Slow on purpose: for a thread.

    Raises GossamerError where mode and passphrase contradict each other.
    """
    check_mode(settings)
    if settings.passphrase is None:
        return None
    return Secret(channel_mode(settings), derive_key(settings.passphrase, settings.channel))


def channel_mode(settings: Settings) -> Mode:
    """Open without a passphrase, sealed with one, unless the settings say ham."""
    if settings.passphrase is None:
        return Mode.OPEN
    return Mode.HAM if settings.mode == "ham" else Mode.SEALED


def check_mode(settings: Settings) -> None:
    """Raises GossamerError where mode and passphrase contradict each other."""
    if settings.passphrase is None and settings.mode in ("sealed", "ham"):
        raise GossamerError(f"mode {settings.mode} needs a passphrase", "give --passphrase or --passphrase-file FILE")
    if settings.passphrase is not None and settings.mode == "open":
        raise GossamerError("mode open and a passphrase contradict each other", "leave one out")


def channel_words(settings: Settings) -> str:
    """What the screen says all the time: "open channel", "sealed: harbour", "signed (ham): harbour"."""
    mode = channel_mode(settings)
    return MODE_WORDS[mode] if mode is Mode.OPEN else f"{MODE_WORDS[mode]}: {settings.channel}"


def refusal_words(counts: ChannelCounts | None) -> str:
    """ "3 bad tag, 1 replayed"; empty where nothing was refused."""
    if counts is None:
        return ""
    return ", ".join(f"{getattr(counts, field)} {name}" for field, name in REFUSALS if getattr(counts, field))
