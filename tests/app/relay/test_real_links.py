"""A relay on real links, in real time: pseudo-terminals, UDP on loopback, and Mosquitto."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from app import events
from app.relay.relay import Relay
from app.relay.reports import OverNotRelayed, OverRelayed, RelayProblem, RelayReady, RelayRecovered, RelayReport
from app.settings.model import Settings
from tests.support.broker import Broker
from tests.support.processes import free_port
from tests.support.station import ADA, BOB, Station, clip, running
from tests.support.wires import Plug
from transport.address import parse_address
from transport.broker import Access
from transport.links.mqtt import open_mqtt
from transport.protocol.frames import Beacon
from transport.protocol.open_frames import encode

pytestmark = pytest.mark.usefixtures("cheap_keys")

PATIENCE_S = 20
PACKETS = 8
OVER = clip(PACKETS * 0.32 - 0.1)
KEY = {"passphrase": "secret", "channel": "harbour"}


class Bus:
    """A radio channel between serial ports: what one end writes comes out of all others."""

    def __init__(self, folder: Path, name: str, ends: int) -> None:
        self.plugs = [Plug(folder / f"{name}{number}") for number in range(ends)]
        self.links = [f"serial://{plug.path}?baud=57600&settle=0&k=1" for plug in self.plugs]

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            for plug in self.plugs:
                nursery.start_soon(self._carry, plug)

    async def _carry(self, plug: Plug) -> None:
        while True:
            octets = b""
            if not plug.path.exists():
                await trio.sleep(0.05)
                continue
            with trio.move_on_after(0.2):  # it may be another device by now
                octets = await plug.read_some()
            for other in self.plugs:
                if other is not plug and other.path.exists():
                    await other.write(octets)


class Watched:
    """A relay, and what it has reported."""

    def __init__(self, name: str, *links: str, **settings) -> None:
        self.reports: list[RelayReport] = []
        self._more = trio.Event()
        each = [replace(Settings(), name=name, link=link, **settings) for link in links]
        self.relay = Relay(each, self._note)

    def _note(self, report: RelayReport) -> None:
        self.reports.append(report)
        self._more.set()

    def only(self, kind: type) -> list:
        return [one for one in self.reports if isinstance(one, kind)]

    async def until(self, kind: type, fits: Callable[[Any], bool] = lambda one: True) -> Any:
        with trio.fail_after(PATIENCE_S):
            while not (found := [one for one in self.only(kind) if fits(one)]):
                self._more = trio.Event()
                await self._more.wait()
        return found[0]


@asynccontextmanager
async def relaying(*relays: Watched, buses: tuple[Bus, ...] = ()) -> AsyncGenerator[None, None]:
    async with trio.open_nursery() as nursery:
        for bus in buses:
            nursery.start_soon(bus.run)
        for one in relays:
            nursery.start_soon(one.relay.run)
        for one in relays:
            await one.until(RelayReady)
        yield
        for one in relays:
            one.relay.close()
        await trio.sleep(0.3)
        nursery.cancel_scope.cancel()


def station(settings: Settings, link: str, **changes) -> Station:
    return Station(replace(settings, link=link, **changes), speaks_clips=False)


def missing(one: Station) -> int:
    """Return how many packets never came, apart from those that a busy machine was too late to play."""
    counts = [events.PacketCounts(0, 0, 0, 0, 0), *one.only(events.PacketCounts)][-1]
    return counts.lost - counts.late


async def over(talker: Station, listeners: list[Station], way: str) -> None:
    """Have one speak; all others hear it whole."""
    before = [len(one.only(events.OverPlayed)) for one in listeners]
    talker.engine.play_clip(OVER)
    for one, count in zip(listeners, before, strict=True):
        played = await one.until(events.OverPlayed, count + 1, PATIENCE_S)
        while played.packets < PACKETS:  # of two relays that began at once, one ends as soon as it hears the other
            count += 1
            played = await one.until(events.OverPlayed, count + 1, PATIENCE_S)
        assert (PACKETS, 0, True) == (played.packets, missing(one), played.complete)
        assert played.sender.startswith(f"{talker.settings.name} via {way}")


def test_a_triangle_of_serial_radios(tmp_path: Path) -> None:
    """Three sealed channels on pseudo-terminals, three relays between them: everybody hears the over, once a link."""
    buses = tuple(Bus(tmp_path, name, 3) for name in "abc")
    quiet = {**KEY, "presence": "off"}
    people = [
        station(replace(ADA, name=name), bus.links[0], **quiet)
        for name, bus in zip(("Ada", "Bob", "Cid"), buses, strict=True)
    ]
    relays = [
        Watched(f"R{one}{other}", buses[one].links[1], buses[other].links[2], **quiet)
        for one, other in ((0, 1), (1, 2), (2, 0))
    ]

    async def main() -> None:
        async with relaying(*relays, buses=buses), running(*people):
            await trio.sleep(0.5)
            await over(people[0], people[1:], "R")
            await trio.sleep(2.0)
            await over(people[1], [people[0], people[2]], "R")
            await trio.sleep(2.0)

    trio.run(main)
    carried = [report for relay in relays for report in relay.only(OverRelayed)]
    assert 4 == sum(report.complete for report in carried)
    assert [] == [report for report in carried if not report.complete and report.packets >= PACKETS]


@pytest.mark.mosquitto
def test_a_serial_radio_and_a_broker(tmp_path: Path) -> None:
    """Sealed, with tags of 4 and of 8 bytes: both ways, with the receipt; also after the broker has died in an over."""
    own, bus = Broker(tmp_path), Bus(tmp_path, "radio", 2)
    broker = f"mqtt://127.0.0.1:{own.port}/harbour"
    ada, bob = station(ADA, bus.links[0], addressee="Bob", **KEY), station(BOB, broker, **KEY)
    hill = Watched("Hill", bus.links[1], broker, **KEY)

    async def main() -> None:
        async with relaying(hill, buses=(bus,)), running(ada, bob):
            await trio.sleep(0.5)
            await over(ada, [bob], "Hill")
            assert PACKETS == (await ada.until(events.OverConfirmed, 1, PATIENCE_S)).heard
            await over(bob, [ada], "Hill")
            ada.engine.play_clip(clip(5.0))
            await bob.until(events.OverBegan, 2, PATIENCE_S)
            await trio.sleep(1.0)
            own.kill()
            await hill.until(RelayProblem, lambda one: one.link.startswith("mqtt"))
            await hill.until(OverNotRelayed)
            own.start()
            await hill.until(RelayRecovered)
            with trio.fail_after(PATIENCE_S):
                while not bob.only(events.LinkRecovered):
                    await trio.sleep(0.1)
            await ada.until(events.OverSent, 2, PATIENCE_S)
            await trio.sleep(1.0)
            heard = len(bob.only(events.OverPlayed))
            ada.engine.play_clip(OVER)
            played = await bob.until(events.OverPlayed, heard + 1, PATIENCE_S)
            assert (PACKETS, True) == (played.packets, played.complete)

    trio.run(main)
    own.kill()


@pytest.mark.mosquitto
def test_a_broker_tells_who_has_gone(tmp_path: Path) -> None:
    """Whoever has gone without a BEACON that says so is gone on the other link too, where nobody hears the broker."""
    own, port = Broker(tmp_path), free_port()
    broker = f"mqtt://127.0.0.1:{own.port}/harbour"
    bob = station(BOB, f"udp://127.0.0.1:{port}", presence="on")
    hill = Watched("Hill", broker, f"udp://:{port}")

    def those_there() -> list[str]:
        return [one.name for told in bob.only(events.PresenceChanged)[-1:] for one in told.stations]

    async def main() -> None:
        async with relaying(hill), running(bob), trio.open_nursery() as nursery:
            await trio.sleep(0.5)
            ada = await open_mqtt(parse_address(broker).with_access(Access()), nursery, b"")
            await ada.send(encode(Beacon(1, 2, "Ada", mark=ada.leave_mark)))
            with trio.fail_after(PATIENCE_S):
                while those_there() != ["Ada via Hill"]:
                    await trio.sleep(0.1)
                await ada.aclose()
                while those_there():
                    await trio.sleep(0.1)
            nursery.cancel_scope.cancel()

    trio.run(main)
    own.kill()


def test_a_port_that_is_pulled_out(tmp_path: Path) -> None:
    """The over does not reach it, its talker is told so, and the next one does when it is back."""
    bus, port = Bus(tmp_path, "radio", 2), free_port()
    ada, bob = station(ADA, f"udp://127.0.0.1:{port}"), station(BOB, bus.links[0])
    hill = Watched("Hill", f"udp://:{port}", bus.links[1])

    async def main() -> None:
        async with relaying(hill, buses=(bus,)), running(ada, bob):
            await trio.sleep(1.0)
            await over(ada, [bob], "Hill")
            bus.plugs[1].unplug()
            await hill.until(RelayProblem, lambda one: one.link.startswith("serial"))
            ada.engine.play_clip(OVER)
            await hill.until(OverNotRelayed)
            assert "was unplugged" in hill.only(OverNotRelayed)[0].reason
            text = await ada.until(events.TextHeard, 1, PATIENCE_S)
            assert "your over did not reach link 2 (serial): that link does not work now" == text.text
            bus.plugs[1].plug()
            await hill.until(RelayRecovered)
            await trio.sleep(1.0)
            await over(ada, [bob], "Hill")

    trio.run(main)
