"""Links on which everybody hears everybody, in virtual time: what one says comes to all others a moment later."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import trio
import trio.testing

from app.relay.relay import Relay, RelayParts
from app.relay.reports import RelayReport
from app.settings.model import Settings
from tests.support.station import ADA, Station, at_once
from transport.address import Address
from transport.errors import LinkClosed
from transport.links.base import Link
from transport.links.impaired import ImpairedLink
from transport.links.memory import MemoryLink, memory_pair

UTC_S = 1_700_000_000


def clock() -> int:
    """Return the seconds of the clock of relays and stations: it goes as virtual time does."""
    return UTC_S + int(trio.current_time())


def play(main: Callable[[], Awaitable[None]]) -> None:
    """Run a conversation in virtual time."""
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


class Air:
    """A channel that its members share. Its name is the address of the link, as a relay names it."""

    def __init__(self, name: str, delay_s: float = 0.02, loses: Callable[[bytes], bool] = lambda frame: False) -> None:
        """Take the time that a frame is on its way, and what tells of a frame that nobody gets."""
        self.name = name
        self._delay_s = delay_s
        self._loses = loses
        self._ears: list[MemoryLink] = []
        self.frames: list[tuple[float, int, bytes]] = []
        """All frames that were said: when, by which member, and the frame."""

    def member(self) -> MemoryLink:
        """Return the link of one more member."""
        near, far = memory_pair(self.name, self.name)
        self._ears.append(far)
        return near

    async def said_by(self, member: int) -> AsyncGenerator[tuple[float, bytes], None]:
        """Yield the frames of one member, and when it said them, from the first one on, until cancelled."""
        done = 0
        while True:
            await trio.sleep(0.005)
            said, done = self.frames[done:], len(self.frames)
            for said_s, by, frame in said:
                if by == member:
                    yield said_s, frame

    async def run(self) -> None:
        """Carry frames until cancelled."""
        async with trio.open_nursery() as nursery:
            for number in range(len(self._ears)):
                nursery.start_soon(self._carry, number, nursery)

    async def _carry(self, number: int, nursery: trio.Nursery) -> None:
        put, take = trio.open_memory_channel[tuple[float, bytes]](1000)
        nursery.start_soon(self._deliver, number, take)
        while True:
            try:
                frame = await self._ears[number].receive()
            except LinkClosed:
                return
            self.frames.append((trio.current_time(), number, frame))
            if not self._loses(frame):
                put.send_nowait((trio.current_time() + self._delay_s, frame))

    async def _deliver(self, number: int, take: trio.MemoryReceiveChannel[tuple[float, bytes]]) -> None:
        async for at_s, frame in take:
            await trio.sleep_until(at_s)
            for other, ear in enumerate(self._ears):
                if other != number:
                    with contextlib.suppress(LinkClosed):
                        await ear.send(frame)


class WatchedRelay:
    """A relay between airs, and everything that it has reported."""

    def __init__(self, name: str, *airs: Air, **settings: Any):
        """Take the relay's name and what it joins."""
        links = {air.name: air.member() for air in airs}
        self.links = links
        """The relay's ends of the airs, by their names."""
        self.reports: list[RelayReport] = []

        async def open_link(address: Address[Any], nursery: trio.Nursery) -> Link:
            link = links[address.text]
            return link if address.impairment is None else ImpairedLink(link, address.impairment, nursery)

        each = [replace(Settings(), name=name, link=air.name, **settings) for air in airs]
        parts = RelayParts(open_link=open_link, clock=clock, in_thread=lambda: at_once)
        self.relay = Relay(each, self.reports.append, parts)

    def only(self, kind: type) -> list[Any]:
        """Return the reports of this kind."""
        return [one for one in self.reports if isinstance(one, kind)]


def sealed_pair(near: Air, far: Air) -> tuple[Station, Station]:
    """Return two stations with a key, Ada and Bob, on the two sides of a relay without it."""
    ada, bob = (
        Station(replace(ADA, name=name, link=air.name, passphrase="secret"), link=air.member(), clock=clock)
        for name, air in (("Ada", near), ("Bob", far))
    )
    return ada, bob


@asynccontextmanager
async def relaying(airs: Sequence[Air], *relays: WatchedRelay) -> AsyncGenerator[None, None]:
    """Run airs and relays inside the context. All other members have joined before."""
    async with trio.open_nursery() as nursery:
        for air in airs:
            nursery.start_soon(air.run)
        for one in relays:
            nursery.start_soon(one.relay.run)
        yield
        for one in relays:
            one.relay.close()
        await trio.sleep(1.0)
        nursery.cancel_scope.cancel()
