"""The link of a command's own station, which the command waits for and asks after."""

from __future__ import annotations

from typing import Any

import trio

from app.console import note
from app.station.parrot import ParrotPorts
from app.station.parts import open_station_link
from transport.address import Address
from transport.links.base import Link

LISTEN_FIRST_S = 2.0
"""Time for which a command listens to the channel before it sends, in seconds.

The longest frame lasts 1.92 s (six packets of 320 ms): whoever talks is heard once in that time.
"""


class KeptLink:
    """The link that a station opens through `open`, kept within reach of whoever runs the station."""

    def __init__(self) -> None:
        """Begin without a link."""
        self._link: Link | None = None

    async def open(self, address: Address[Any], nursery: trio.Nursery, ports: ParrotPorts) -> tuple[Link, str]:
        """Open and keep it: `Parts.open_link` of the station. Raises LinkError."""
        self._link, station = await open_station_link(address, nursery, ports)
        return self._link, station

    @property
    def link(self) -> Link:
        """The link; there is one once the station is ready."""
        assert self._link is not None
        return self._link

    async def wait_for_caller(self, name: str) -> None:
        """Return when the link has a far end to send to, and say that it is waited for. name: the link's, as given."""
        if not self.link.ready:
            note(f"waiting for somebody to call {name}")
            await self.link.wait_ready()
