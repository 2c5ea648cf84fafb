"""Opens the link that an address names."""

from __future__ import annotations

import trio

from transport.address import FORMS, Address, parse_address
from transport.errors import LinkError
from transport.links.base import Link
from transport.links.impaired import impair
from transport.links.kiss_tnc import open_kiss
from transport.links.serial_port import open_serial
from transport.links.udp import open_udp
from transport.protocol.frames import Beacon
from transport.protocol.open_frames import encode

KEEP_ALIVE = encode(Beacon(over=0, sequence=0))
"""What a link sends by itself to keep its path open: a beacon without a name."""


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
