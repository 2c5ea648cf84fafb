"""Stations that know of each other: on two ends of a wire, on one line, sealed, and where nobody says anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import trio
import trio.testing

from app.events import OverConfirmed, OverPlayed, OverSent, PresenceChanged
from app.settings.model import Settings
from app.station.presence_end import HELLOS_AT_ONCE, HELLOS_PER_S
from tests.support.processes import free_port
from tests.support.station import ADA, BOB, LeftOpen, Station, clip, in_virtual_time, running
from transport.links.base import Link
from transport.links.memory import memory_pair
from transport.links.udp import KEEP_ALIVE_S

CALLS = "udp://192.0.2.1"
RADIO = "serial:///dev/ttyUSB0?baud=57600"


def names(station: Station) -> list[str]:
    """Whom a station's host was told last to be there."""
    return sorted(other.name for other in station.only(PresenceChanged)[-1].stations)


def frames_of(station: Station) -> int:
    """How many frames a station has sent."""
    running: Any = station.engine._station
    return int(running._link.sent.frames)


def both(link: str, **changes: Any) -> tuple[Station, Station]:
    """Ada and Bob at the two ends of a wire that they take for this link."""
    here, there = memory_pair()
    ada, bob = replace(ADA, link=link, **changes), replace(BOB, link=link, **changes)
    return Station(ada, link=here, wrap=LeftOpen), Station(bob, link=there, wrap=LeftOpen)


@pytest.mark.parametrize("passphrase", [None, "correct horse battery staple"])
@pytest.mark.usefixtures("cheap_keys")
def test_two_know_of_each_other_before_anybody_talks(
    virtual_time: trio.testing.MockClock, passphrase: str | None
) -> None:
    """Within seconds, by BEACONs, open and sealed; and that one has left within a moment."""

    async def play(ada: Station, bob: Station) -> None:
        assert [] == names(ada)
        await trio.sleep(3.0)
        assert (["Bob"], ["Ada"]) == (names(ada), names(bob))
        assert 3 >= frames_of(bob)
        bob.engine.close()
        await trio.sleep(3.0)
        assert [] == names(ada)

    in_virtual_time(virtual_time, play, *both(CALLS, passphrase=passphrase))


@pytest.mark.parametrize("after_s", [0.0, 1.0, 3.0], ids=["before the over", "in it", "at its end"])
def test_whoever_has_left_says_nothing_more(virtual_time: trio.testing.MockClock, after_s: float) -> None:
    """Neither a BEACON that the over put off, nor the rest of that over: nobody is there who has gone."""

    async def play(ada: Station, bob: Station) -> None:
        await trio.sleep(3.0)
        if after_s:
            bob.engine.play_clip(clip(2.5))  # in which a BEACON is due
            await trio.sleep(min(after_s, 2.5))
        if after_s > 2.5:
            await bob.until(OverSent)
        bob.engine.close()
        await trio.sleep(8.0)
        assert [] == names(ada)

    in_virtual_time(virtual_time, play, *both(CALLS))


def test_the_only_other_one_confirms_without_being_asked(virtual_time: trio.testing.MockClock) -> None:
    """And how well it heard is known; everybody is addressed where the user says so."""

    async def play(ada: Station, bob: Station) -> None:
        await trio.sleep(3.0)
        ada.engine.play_clip(clip(2.0))
        confirmed = await ada.until(OverConfirmed)
        assert ("Bob", 7, 7) == (confirmed.station, confirmed.heard, confirmed.packets)
        await trio.sleep(5.0)
        (present,) = ada.only(PresenceChanged)[-1].stations
        assert ("Bob", 7, 7) == (present.name, present.confirmed, present.of_packets)
        ada.engine.set_addressee("")
        ada.engine.play_clip(clip(2.0))
        await bob.until(OverPlayed, 2)
        await trio.sleep(5.0)
        assert 1 == len(ada.only(OverConfirmed))
        ada.engine.set_addressee(None)
        ada.engine.play_clip(clip(2.0))
        await ada.until(OverConfirmed, 2)

    in_virtual_time(virtual_time, play, *both(CALLS))


def test_three_on_one_line(virtual_time: trio.testing.MockClock) -> None:
    """A waits, B and C call: all know of all, what A says both hear, what B says too; one leaves, and is gone."""
    port = free_port()
    ada = Station(replace(ADA, link=f"udp://:{port}"))
    bob = Station(replace(BOB, link=f"udp://127.0.0.1:{port}"))
    cid = Station(replace(BOB, name="Cid", link=f"udp://127.0.0.1:{port}"))

    async def play(ada: Station, bob: Station, cid: Station) -> None:
        await trio.sleep(10.0)
        assert [["Bob", "Cid"], ["Ada", "Cid"], ["Ada", "Bob"]] == [names(one) for one in (ada, bob, cid)]
        bob.engine.play_clip(clip(2.0))
        for other in (ada, cid):
            heard = await other.until(OverPlayed)
            assert ("Bob", 7, 0) == (heard.sender, heard.packets, heard.lost)
        assert [] == bob.only(OverConfirmed)
        cid.engine.close()
        await trio.sleep(3.0)
        assert [["Bob"], ["Ada"]] == [names(one) for one in (ada, bob)]
        ada.engine.play_clip(clip(2.0))
        assert "Ada" == (await bob.until(OverPlayed)).sender
        assert "Bob" == (await ada.until(OverConfirmed)).station

    in_virtual_time(virtual_time, play, ada, bob, cid)


def test_who_calls_before_anybody_waits(virtual_time: trio.testing.MockClock) -> None:
    """B calls, and half a minute later A is there: with B's next keep-alive both know of each other."""
    port = free_port()
    ada = Station(replace(ADA, link=f"udp://:{port}"))
    bob = Station(replace(BOB, link=f"udp://127.0.0.1:{port}"))

    async def main() -> None:
        async with running(bob):
            await trio.sleep(30.0)
            async with running(ada):
                await trio.sleep(KEEP_ALIVE_S + 5.0)
                assert (["Bob"], ["Ada"]) == (names(ada), names(bob))

    trio.run(main, clock=virtual_time)


@pytest.mark.parametrize(("link", "presence"), [(RADIO, "auto"), (CALLS, "off"), (RADIO, "off")])
def test_who_says_nothing(virtual_time: trio.testing.MockClock, link: str, presence: str) -> None:
    """No BEACON on radios unless it is wanted, and nowhere if it is not; who talks is known all the same."""

    async def play(ada: Station, bob: Station) -> None:
        await trio.sleep(15.0)
        assert (0, 0) == (frames_of(ada), frames_of(bob))
        ada.engine.play_clip(clip(2.0))
        await bob.until(OverPlayed)
        await trio.sleep(2.0)
        assert (["Ada"], []) == (names(bob), names(ada))
        bob.engine.play_clip(clip(2.0))
        await ada.until(OverPlayed)
        await trio.sleep(5.0)
        assert (1 if presence == "auto" else 0) == len(bob.only(OverConfirmed))

    in_virtual_time(virtual_time, play, *both(link, presence=presence))


def test_on_a_radio_if_it_is_wanted(virtual_time: trio.testing.MockClock) -> None:
    """One at the start; that another one has come changes nothing, and the next is ten minutes away."""

    async def play(ada: Station, bob: Station) -> None:
        await trio.sleep(15.0)
        assert (1, ["Bob"]) == (frames_of(ada), names(ada))

    in_virtual_time(virtual_time, play, *both(RADIO, presence="on"))


def test_with_a_parrot_nothing_is_said(virtual_time: trio.testing.MockClock) -> None:
    """Everything is known of it."""

    async def play(ada: Station) -> None:
        await trio.sleep(20.0)
        assert [] == ada.only(PresenceChanged)

    in_virtual_time(virtual_time, play, Station(Settings(link="parrot://", name="Ada")))


class Greeted:
    """A link on which anybody can say that somebody has come, as on a broker."""

    leave_mark = bytes(8)

    def __init__(self, link: Link) -> None:
        self._link = link
        self.greet: Callable[[], None] = lambda: None

    def tell(self, on_leave: Callable[[bytes], None], on_hello: Callable[[], None]) -> None:
        self.greet = on_hello

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)


def test_who_greets_for_ever_is_not_answered_for_ever(virtual_time: trio.testing.MockClock) -> None:
    """A greeting has no tag, and a BEACON is one frame to everybody on the channel."""
    here, there = memory_pair()
    greeted = Greeted(here)
    ada, bob = Station(replace(ADA, link=CALLS), link=greeted), Station(replace(BOB, link=CALLS), link=there)

    async def play(ada: Station, bob: Station) -> None:
        await trio.sleep(10.0)
        before = frames_of(ada)
        for _ in range(400):
            greeted.greet()
            await trio.sleep(3.0)
        beacons = frames_of(ada) - before
        assert HELLOS_AT_ONCE <= beacons <= HELLOS_AT_ONCE + 1200 * HELLOS_PER_S + 1200 / 180 + 2

    in_virtual_time(virtual_time, play, ada, bob)
