"""The interface of all links, and that of links which hear several senders."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol, runtime_checkable

import trio

from transport.errors import LinkClosed
from transport.link_kinds import LayerBytes
from transport.links.traffic import Traffic, TrafficCount
from transport.protocol.open_frames import MAX_FRAME_BYTES


class Link(Protocol):
    """A carrier of whole frames, as bytes.

    It may lose, damage, delay, reorder or repeat frames. It never joins or splits them.
    """

    @property
    def name(self) -> str:
        """The link's name on the screen: its address."""

    @property
    def layers(self) -> tuple[LayerBytes, ...]:
        """Layers below the frame, with their bytes; "framing" is the link's own, the rest is the carrier's."""

    @property
    def max_frame_bytes(self) -> int:
        """Length of the longest frame that can be sent."""

    @property
    def tag_bytes(self) -> int:
        """Bytes of the tag of a sealed or ham frame on this link: 4 on radios, where every byte is air, 8 elsewhere."""

    @property
    def sent(self) -> Traffic:
        """Count of what was sent since the link was opened."""

    @property
    def received(self) -> Traffic:
        """Count of what was received since the link was opened, rubbish included."""

    @property
    def dropped(self) -> int:
        """Number of frames that came and were dropped unseen, because more came than the link takes."""

    @property
    def ready(self) -> bool:
        """Return whether there is somebody to send to: not while a link waits for its peer or for an unplugged port."""

    @property
    def copies(self) -> int:
        """How many times a frame goes out over one wire: on a line with several callers once for each."""

    async def wait_ready(self) -> None:
        """Return as soon as the link is `ready`.

        Another task must be receiving meanwhile, because that is how a peer is found. After `receive` has raised
        PeerUnreachable this is no longer needed: the link opens its port again in a task of its own.
        """

    async def send(self, frame: bytes) -> None:
        """Hand over one frame, waiting while the link is busy with earlier ones.

        Raise PeerUnreachable or NoPeerYet where the frame is lost and the link can be used again; LinkError or
        LinkClosed where it cannot.
        """

    def drain_s(self) -> float:
        """Return the seconds until all that was handed over has left; an estimate where the link cannot tell."""

    async def receive(self) -> bytes:
        """Return the next frame as it arrived, perhaps damaged; empty where what came was no frame of this link's.

        Raise PeerUnreachable (call `receive` again), LinkError or LinkClosed.
        """

    async def aclose(self) -> None:
        """Close the link; every task that waits in it gets LinkClosed."""


class BaseLink:
    """The common part of the links in this package: their facts, and the count of what passed."""

    def __init__(
        self, name: str, layers: tuple[LayerBytes, ...], tag_bytes: int, max_frame_bytes: int = MAX_FRAME_BYTES
    ) -> None:
        self.name = name
        self.layers = layers
        self.max_frame_bytes = max_frame_bytes
        self.tag_bytes = tag_bytes
        self._sent = TrafficCount()
        self._received = TrafficCount()
        self.dropped = 0

    @property
    def sent(self) -> Traffic:
        """Return the counts of what went out since the link was opened."""
        return self._sent.traffic()

    @property
    def received(self) -> Traffic:
        """Return the counts of what came in since the link was opened, rubbish included."""
        return self._received.traffic()

    @property
    def ready(self) -> bool:
        """Return whether there is somebody to send to: always, on a link that waits for nobody."""
        return True

    @property
    def copies(self) -> int:
        """Return 1: a frame goes out once, whoever hears it."""
        return 1

    async def wait_ready(self) -> None:
        """Return at once, on a link that is always ready."""
        await trio.lowlevel.checkpoint()

    def drain_s(self) -> float:
        """Return 0, on a link that hands everything over at once."""
        return 0.0

    def _count_sent(self, frame: bytes) -> None:
        self._sent.add(frame, self.layers)

    def _count_received(self, frame: bytes) -> None:
        self._received.add(frame, self.layers)

    def _was_closed(self) -> LinkClosed:
        return LinkClosed(f"{self.name} was closed")


@runtime_checkable
class SourceFinder(Protocol):
    """A link that tells senders apart, and on a protected channel learns from authentic frames alone: UDP."""

    def protect(self, make_keep_alive: Callable[[], bytes]) -> None:
        """Learn, from now on, only from frames that are vouched for, and make every keep-alive anew.

        On a protected channel the same bytes count once, so that a keep-alive cannot be sent twice.
        """

    def source(self, frame: bytes) -> Hashable | None:
        """Return who sent these bytes, received a moment ago; None where that is not known, or cannot differ."""

    def vouch(self, frame: bytes) -> None:
        """Take note that these bytes, received a moment ago, are authentic and new."""

    async def reply(self, heard: bytes, frame: bytes) -> None:
        """Send a frame to whoever sent `heard` a moment ago, without learning anything; lose it if that is forgotten.

        Raise what `Link.send` raises.
        """


async def reply(link: Link, heard: bytes, frame: bytes) -> None:
    """Send a frame to whoever sent `heard` a moment ago, or, where the link tells nobody apart, as always.

    Raise what `Link.send` raises.
    """
    finder = source_finder(link)
    await (link.send(frame) if finder is None else finder.reply(heard, frame))


@runtime_checkable
class LeaveTeller(Protocol):
    """A link that tells who comes and goes, by marks that stations tell each other: a channel on a broker."""

    def tell(self, on_leave: Callable[[bytes], None], on_hello: Callable[[], None]) -> None:
        """Tell `on_leave` the mark of every station that leaves, and `on_hello` that somebody came, from now on."""

    @property
    def leave_mark(self) -> bytes:
        """Return the mark by which the others know, once they were told it, that this station has left."""


@runtime_checkable
class CallTeller(Protocol):
    """A link that tells when somebody has called."""

    def tell_calls(self, on_call: Callable[[], None]) -> None:
        """Tell `on_call` of every caller that gets a place from now on."""


def call_teller(link: Link) -> CallTeller | None:
    """Return the link, or the one that it wraps, if it tells when somebody has called."""
    inner = getattr(link, "inner", link)
    return inner if isinstance(inner, CallTeller) else None


def leave_teller(link: Link) -> LeaveTeller | None:
    """Return the link, or the one that it wraps, if it tells who comes and goes."""
    inner = getattr(link, "inner", link)
    return inner if isinstance(inner, LeaveTeller) else None


def source_finder(link: Link) -> SourceFinder | None:
    """Return the link, or the one that it wraps, if it is a source finder."""
    inner = getattr(link, "inner", link)
    return inner if isinstance(inner, SourceFinder) else None
