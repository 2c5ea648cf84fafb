"""What every link can do, and how an address becomes one."""

from __future__ import annotations

from typing import Protocol

import trio

from transport.address import FORMS, Address, parse_address
from transport.errors import LinkError
from transport.impairment import Impairment
from transport.links.impaired import ImpairedLink
from transport.links.kiss_tnc import open_kiss
from transport.links.serial_port import open_serial
from transport.links.traffic import LayerBytes, Traffic
from transport.links.udp import open_udp
from transport.protocol.open_frames import Beacon, encode

__all__ = ["KEEP_ALIVE", "Address", "LayerBytes", "Link", "Traffic", "impair", "open_link", "parse_address"]

KEEP_ALIVE = encode(Beacon(over=0, sequence=0))
"""What a link sends by itself to keep its path open: a beacon without a name."""


class Link(Protocol):
    """Carries whole frames, as bytes; may lose, damage, delay, reorder or repeat them, never joins or splits them."""

    @property
    def name(self) -> str:
        """What to call it on the screen: the address."""

    @property
    def layers(self) -> tuple[LayerBytes, ...]:
        """What the layers below add to every frame; "framing" is the link's own, the rest is the carrier's."""

    @property
    def max_frame_bytes(self) -> int:
        """Longer frames cannot be sent."""

    @property
    def tag_bytes(self) -> int:
        """Bytes of the tag of a sealed frame on this link: 4 on radios, where every byte is air, 8 elsewhere."""

    @property
    def sent(self) -> Traffic:
        """What went out since the link was opened."""

    @property
    def received(self) -> Traffic:
        """What came in since the link was opened, rubbish included."""

    @property
    def ready(self) -> bool:
        """Somebody can be sent to: False while a link waits for its peer, or for a port that was unplugged."""

    async def wait_ready(self) -> None:
        """Return as soon as `ready`. Another task must be receiving meanwhile: that is how a peer is found. After
        `receive` raised PeerUnreachable this is no longer so: a port is opened again by a task of the link's own."""

    async def send(self, frame: bytes) -> None:
        """Hand over one frame, waiting while the link is busy with earlier ones.

        Raises PeerUnreachable, NoPeerYet (the frame is lost, the link can be used again), LinkError, LinkClosed.
        """

    def drain_s(self) -> float:
        """Seconds until what was handed over has left; an estimate where the link cannot tell."""

    async def receive(self) -> bytes:
        """The next frame as it arrived, perhaps damaged; empty where something came that was no frame of this link's.
        Raises PeerUnreachable (receive again), LinkError, LinkClosed."""

    async def aclose(self) -> None:
        """Close it: whoever waits in it gets LinkClosed."""


async def open_link(address: Address | str, nursery: trio.Nursery, keep_alive: bytes = KEEP_ALIVE) -> Link:
    """Open what the address says, wrapped in the impairment layer if it asks for that.

    The link's own tasks (keep-alive, delayed delivery) run in `nursery` and end with `aclose`. Raises LinkError.
    """
    if isinstance(address, str):
        address = parse_address(address)
    link: Link
    match address.scheme:
        case "udp":
            link = await open_udp(address, nursery, keep_alive)
        case "serial":
            link = await open_serial(address, nursery)
        case "kiss":
            link = await open_kiss(address, nursery)
        case _:
            raise LinkError(f"{address.text} is no link to another machine", f"write {FORMS}")
    return impair(link, address.impairment, nursery) if address.impairment else link


def impair(link: Link, impairment: Impairment, nursery: trio.Nursery) -> Link:
    """The same link, worse, in both directions. Its tasks run in `nursery` and end with `aclose`."""
    return ImpairedLink(link, impairment, nursery)
