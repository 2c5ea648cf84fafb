"""The relay from the opening of its first link to the closing of its last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import trio

from app.errors import GossamerError
from app.history.nonce_file import NonceFile
from app.relay.junction import Junction
from app.relay.link_end import LinkEnd
from app.relay.report_limit import ReportLimiter
from app.relay.reports import RelayClosed, RelayedLink, RelayReady, RelayReport
from app.settings.broker import access_of
from app.settings.model import Settings
from app.settings.protection import channel_mode, secret_of
from app.settings.words import fingerprint_words
from app.station.channel_end import next_second, wall_clock_s
from app.threads import InThread, one_worker
from transport.address import Address, parse_address
from transport.links.base import Link
from transport.links.registry import open_link
from transport.protocol.frames import Mode, Repeat

MOST_LINKS = 8
"""Most links of one relay."""


class OpenLink(Protocol):
    """A function that opens a link."""

    async def __call__(self, address: Address[Any], nursery: trio.Nursery) -> Link:
        """Open what the address says; the link's tasks run in the nursery. Raise LinkError."""


@dataclass(frozen=True, slots=True)
class RelayParts:
    """Functions that give a relay its pieces. Tests put in others."""

    open_link: OpenLink = open_link
    clock: Callable[[], int] = wall_clock_s
    """Function that returns UTC seconds since 1970, 0 where there is no clock."""
    in_thread: Callable[[], InThread] = one_worker
    nonces: Path | None = None
    """File of the nonces that outlive a restart; None keeps none."""


class Relay:
    """A relay between links."""

    def __init__(
        self, each: Sequence[Settings], report: Callable[[RelayReport], None], parts: RelayParts | None = None
    ) -> None:
        """Take the settings of a station on each link, which differ in the link alone. Raise GossamerError, LinkError.

        report: given what happens, in order.
        """
        self._addresses = [parse_address(settings.link) for settings in each]
        check_links(self._addresses)
        self._each = each
        self._mode = channel_mode(each[0])
        self._report = ReportLimiter(report).report
        self._parts = parts or RelayParts()
        self._closing = trio.Event()

    def close(self) -> None:
        """End the relay in order: overs that are being carried get their END."""
        self._closing.set()

    async def run(self) -> None:
        """Relay until `close`. Raise GossamerError or LinkError where a link cannot be opened or fails for good."""
        async with trio.open_nursery() as nursery:
            junction = Junction(self._each[0], self._mode, await self._open(nursery), nursery, self._report)
            junction.start()
            await self._closing.wait()
            await junction.say_goodbye()
            nursery.cancel_scope.cancel()
        self._report(RelayClosed())

    async def _open(self, nursery: trio.Nursery) -> list[LinkEnd]:
        """Open all links. They are closed when the nursery ends."""
        in_thread, parts = self._parts.in_thread(), self._parts
        asked_utc_s = parts.clock()
        secrets = [await in_thread(secret_of, settings) for settings in self._each]
        nonce_file = None
        if self._mode is not Mode.OPEN:
            if parts.nonces is not None:
                nonce_file = await in_thread(NonceFile, parts.nonces, parts.clock)
            await next_second(parts.clock, asked_utc_s)
        ends: list[LinkEnd] = []
        for settings, address, secret in zip(self._each, self._addresses, secrets, strict=True):
            link = await parts.open_link(address.with_access(access_of(settings, secret)), nursery)
            nursery.start_soon(_close_in_the_end, link)
            # Made before the link's first keep-alive asks for the channel: nothing is awaited in between.
            ends.append(LinkEnd(len(ends), settings, address, link, secret, parts.clock, self._report, nonce_file))
        if nonce_file is not None:
            nursery.start_soon(nonce_file.run, in_thread, ends[0].note)
        words = [fingerprint_words(secret.key) if secret is not None else "" for secret in secrets]
        links = tuple(RelayedLink(end.name, end.k, said) for end, said in zip(ends, words, strict=True))
        self._report(RelayReady(self._each[0].name, self._mode, links))
        return ends


async def _close_in_the_end(link: Link) -> None:
    try:
        await trio.sleep_forever()
    finally:
        with trio.CancelScope(shield=True):
            await link.aclose()


def check_links(addresses: Sequence[Address[Any]]) -> None:
    """Raise GossamerError where these links cannot be joined."""
    if len(addresses) < 2:
        raise GossamerError("a relay joins two links or more", "name another one")
    if len(addresses) > MOST_LINKS:
        raise GossamerError(f"a relay joins {MOST_LINKS} links at the most", f"leave {len(addresses) - MOST_LINKS} out")
    for number, address in enumerate(addresses):
        if address.kind.within_program:
            raise GossamerError("a parrot is on this machine alone", "name a link to other stations")
        if address.repeat is Repeat.COPIES:
            cause = f"{address.text}: a relay knows no codec and makes no coarse copies"
            raise GossamerError(cause, "write repeat=1, which repeats packets, or leave repeat out")
        if any(address.settings == other.settings for other in addresses[:number]):
            raise GossamerError(f"{address.text} is named twice", "name another link")
