"""Two stations on a protected channel, and somebody in between who does what he can."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
import trio.testing

from app import events
from app.settings.model import Settings
from tests.support.station import Station, clip
from transport.errors import LinkClosed
from transport.links.memory import MemoryLink, memory_pair
from transport.protocol.frames import Mode

UTC_S = 1_700_000_000


SECONDS = 4.0


PACKETS = 13
"""Of a clip of four seconds."""


Meddle = Callable[[bytes], Iterable[bytes]]
"""What becomes of a frame on its way."""


def utc() -> int:
    """Return the seconds of a wall clock that goes with the virtual one."""
    return UTC_S + int(trio.current_time() - STARTED_S[0])


STARTED_S = [0.0]


def settings(
    name: str, passphrase: str | None = "secret", mode: Mode | None = None, channel: str = "harbour"
) -> Settings:
    """Return the settings of a station that sends no BEACONs, since these scenes count every frame that passes."""
    return Settings("udp://:7800", name=name, mode=mode, channel=channel, passphrase=passphrase, presence="off")


@dataclass
class Wire:
    """The connection of two stations, in the hands of an attacker."""

    to_bob: Meddle = lambda octets: [octets]
    to_ada: Meddle = lambda octets: [octets]
    passed: list[bytes] = field(default_factory=list)
    """From Ada."""
    answered: list[bytes] = field(default_factory=list)
    """From Bob."""

    def __post_init__(self) -> None:
        self.adas, self._near_ada = memory_pair()
        self._near_bob, self.bobs = memory_pair()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._carry, self._near_ada, self._near_bob, self.passed, "to_bob")
            nursery.start_soon(self._carry, self._near_bob, self._near_ada, self.answered, "to_ada")

    async def _carry(self, here: MemoryLink, there: MemoryLink, seen: list[bytes], meddle: str) -> None:
        with contextlib.suppress(LinkClosed):  # a station that ends closes its link
            while True:
                octets = await here.receive()
                seen.append(octets)
                for changed in getattr(self, meddle)(octets):
                    await there.send(changed)

    async def say_to_ada(self, *octets: bytes) -> None:
        for one in octets:
            await self._near_ada.send(one)

    async def say_to_bob(self, *octets: bytes) -> None:
        for one in octets:
            await self._near_bob.send(one)


@dataclass
class Scene:
    """A scene with the stations Ada and Bob, and the wire between them."""

    wire: Wire
    ada: Station
    bob: Station

    async def over(self, talker: Station | None = None) -> None:
        """Say an over of four seconds, and wait until it was heard out."""
        talker = talker or self.ada
        before = len(talker.only(events.OverSent))
        talker.engine.play_clip(clip(SECONDS, seed=before + 1))
        await talker.until(events.OverSent, before + 1)
        await trio.sleep(3)

    @property
    def said(self) -> list[bytes]:
        return self.ada.encoder.packets

    @property
    def heard(self) -> list[bytes | None]:
        return self.bob.decoder.packets

    @property
    def counts(self) -> events.ChannelCounts:
        """Return the counts of what Bob refused."""
        return (self.bob.only(events.ChannelCounts) or [events.ChannelCounts()])[-1]


@asynccontextmanager
async def playing(
    wire: Wire | None = None,
    ada: Settings | None = None,
    bob: Settings | None = None,
    **clocks: Callable[[], int],
) -> AsyncGenerator[Scene, None]:
    """Run two stations, ready until the end of the context; then close everything."""
    wire = wire or Wire()
    STARTED_S[0] = trio.current_time()
    scene = Scene(
        wire,
        Station(ada or settings("Ada"), link=wire.adas, clock=clocks.get("ada_clock", utc)),
        Station(bob or settings("Bob"), link=wire.bobs, clock=clocks.get("bob_clock", utc)),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wire.run)
        for station in (scene.ada, scene.bob):
            await nursery.start(station.engine.run)
        yield scene
        await trio.sleep(0.5)  # the counts come four times a second
        for station in (scene.ada, scene.bob):
            station.engine.close()
        await trio.sleep(5)
        nursery.cancel_scope.cancel()


def problems(station: Station) -> list[str]:
    return [problem.cause for problem in station.only(events.ChannelProblem)]
