"""Whose fault it is: ours (`UsageError`), the set-up's (`LinkError`), or the far end's (`FrameError`)."""

from __future__ import annotations


class TransportError(Exception):
    """Base of everything this package raises on purpose."""


class UsageError(TransportError):
    """The calling code broke a rule of this package: a bug of ours, never something the far end did."""


class LinkError(TransportError):
    """The link cannot be had or has failed. The message is one line for the user: the cause, then the cure."""


class PeerUnreachable(LinkError):
    """The far end's machine answered that nobody listens there. The link stays usable: the peer may still start."""


class NoPeerYet(LinkError):
    """A link that waits for its peer was asked to send before anybody called."""


class LinkClosed(TransportError):
    """The link was closed, by us or (where that can be known) by the far end: nothing more will come."""


class FrameError(TransportError):
    """The link delivered something that is no frame of ours: count it and go on."""


class NewerVersion(FrameError):
    """An intact frame of a later version of the format: say it to the user, do not play it."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"the far end speaks version {version} of the Gossamer format, this program only version 1: update this one"
        )
        self.version = version


class OtherMode(FrameError):
    """A frame of a channel that is protected in another way than this one."""

    def __init__(self, mode: int) -> None:
        super().__init__(f"mode {mode} is not the mode of this channel")
        self.mode = mode


class BadTag(FrameError):
    """Damaged on the way, forged, or sealed with another passphrase: these look the same."""


class Replayed(FrameError):
    """An authentic frame that came before, too long after its turn, or from ourselves."""


class Stale(FrameError):
    """An authentic frame whose time is too far from ours: a wrong clock, or an old frame sent again."""

    def __init__(self, sender: str, ahead_s: int) -> None:
        """ahead_s: how far the sender's clock is ahead of ours, negative behind. sender: "" where it is not known."""
        super().__init__(f"a frame of {sender or 'somebody'} is {abs(ahead_s)} s {'ahead' if ahead_s > 0 else 'old'}")
        self.sender = sender
        self.ahead_s = ahead_s


class UnknownOver(FrameError):
    """Of an over whose BEGIN was not heard: without that nothing can be said about it."""


class Muted(FrameError):
    """Not looked at: its source sent too many bad tags."""
