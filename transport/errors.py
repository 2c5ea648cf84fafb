"""The errors of a link, by whose fault they are.

`UsageError` is a mistake of the calling code, `LinkError` a fault of the link or of how it was set up, `FrameError`
rubbish from the far end or from the link.
"""

from __future__ import annotations


class TransportError(Exception):
    """Base of every error that this package raises on purpose.

    `str()` gives one line: the cause and, where there is a cure, ": " and the cure.
    """

    def __init__(self, cause: str, cure: str = "") -> None:
        super().__init__(cause, cure)
        self.cause = cause
        """The fault, in words for the user."""
        self.cure = cure
        """Advice to the user; empty where nothing can be done."""

    def __str__(self) -> str:
        return f"{self.cause}: {self.cure}" if self.cure else self.cause


class UsageError(TransportError):
    """A broken rule of this package: a mistake in the calling code, never something that the far end did."""


class LinkError(TransportError):
    """A link that cannot be opened or has failed, with a cause and a cure for the user."""


class PeerUnreachable(LinkError):
    """A report that nobody answers at the far end. The link stays usable, because the peer may start later."""


class NetworkReport(PeerUnreachable):
    """A report of the network that datagrams do not arrive. Anybody can forge one."""

    QUIET_S = 1.0
    """Time of sending without another such report after which datagrams arrive again, in seconds."""


class LinkRemade(PeerUnreachable):
    """A report that the link has lost what it was bound to, and works again over something else: it is told once."""


class LineFull(NetworkReport):
    """A report that the station that was called serves as many others as it can. It has no tag.

    Whoever is refused is not heard for a while, and then refused again.
    """

    QUIET_S = 15.0

    def __init__(self, where: str, places: int, *, of_one_address: bool = False) -> None:
        """Take what to call that station, and how many it serves, in all or from one address."""
        if of_one_address:
            cause = (
                f"{where} has no place free for this address, it serves {places} of one address without a passphrase"
            )
            super().__init__(cause, "call again later, agree on a passphrase, or meet on a broker")
        else:
            super().__init__(f"{where} has no place free, it serves {places}", "call again later, or meet on a broker")


class NoPeerYet(LinkError):
    """An attempt to send on a link that waits for its peer, before anybody has called."""


class LinkClosed(TransportError):
    """A link that was closed, by this side or (where that can be known) by the far end: nothing more will come."""


class FrameError(TransportError):
    """Bytes from the link that are no frame of this channel. The receiver counts them and goes on."""


class NewerVersion(FrameError):
    """An intact frame of a later version of the format. The user is told; the frame is not played."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"the far end speaks version {version} of the Gossamer format, this program only version 1",
            "update this one",
        )
        self.version = version


class OtherMode(FrameError):
    """A frame of a channel that is protected in another way than this one."""

    def __init__(self, mode: int) -> None:
        super().__init__(f"mode {mode} is not the mode of this channel")
        self.mode = mode


class BadTag(FrameError):
    """A frame that was damaged, forged, or sealed with another passphrase; the three cannot be told apart."""


class Replayed(FrameError):
    """An authentic frame that was received before, that comes too late in its over, or that this station sent."""


class Stale(FrameError):
    """An authentic frame whose time is too far from this station's: a wrong clock, or an old frame sent again."""

    def __init__(self, sender: str, ahead_s: int) -> None:
        """Take who sent it ("" where that is not known), and how far the sender's clock is ahead (< 0: behind)."""
        super().__init__(f"a frame of {sender or 'somebody'} is {abs(ahead_s)} s {'ahead' if ahead_s > 0 else 'old'}")
        self.sender = sender
        self.ahead_s = ahead_s


class UnknownOver(FrameError):
    """A frame of an over whose BEGIN was not received, or an answer to what nobody asked: nothing else proves it."""


class Muted(FrameError):
    """A frame that was not checked, because more came than this machine can check."""
