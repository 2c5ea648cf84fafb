"""Registry of links: it opens the one that an address names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pkgutil import resolve_name
from typing import Any, TypeAlias

import trio

from transport.address import Address, parse_address
from transport.errors import LinkError
from transport.link_kinds import LinkKind, written_forms
from transport.links.base import Link
from transport.links.impaired import impair
from transport.protocol.frames import Beacon
from transport.protocol.open_frames import encode

KEEP_ALIVE = encode(Beacon(over=0, sequence=0))
"""Frame that a link sends by itself to keep its path open: a beacon without a name."""

Opener: TypeAlias = Callable[[Address[Any], trio.Nursery, bytes], Awaitable[Link]]
"""Function that opens a link. Its tasks run in the nursery; the bytes are its keep-alive, where it needs one."""


def opener_of(kind: LinkKind) -> Opener | None:
    """Return the function that opens links of this kind; None for one that a station opens inside itself.

    Its module is imported here, so that a station on UDP does not load what serial ports need.
    """
    opener: Opener | None = resolve_name(kind.opener) if kind.opener is not None else None
    return opener


async def open_link(address: Address[Any] | str, nursery: trio.Nursery, keep_alive: bytes = KEEP_ALIVE) -> Link:
    """Open what the address says, wrapped in the impairment layer if it asks for that.

    The link's own tasks (keep-alive, delayed delivery) run in `nursery` and end with `aclose`. Raise LinkError.
    """
    if isinstance(address, str):
        address = parse_address(address)
    opener = opener_of(address.kind)
    if opener is None:
        raise LinkError(f"{address.text} is no link to another machine", f"write {written_forms()}")
    link = await opener(address, nursery, keep_alive)
    return impair(link, address.impairment, nursery) if address.impairment else link
