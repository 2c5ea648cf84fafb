"""Relays that form a ring, or stand side by side: an over is carried to each link once, and nothing goes round."""

from __future__ import annotations

import itertools
import os
from typing import Any

import pytest
import trio

from app import events
from app.relay import carrier
from app.relay.link_end import LinkEnd
from app.relay.reports import OverNotRelayed, OverRelayed
from app.settings.model import SaysPresence, Settings
from tests.support.air import Air, WatchedRelay, clock, play, relaying
from tests.support.station import ADA, LeftOpen, Station, clip, running
from transport.links.memory import MemoryLink
from transport.protocol.frames import Beacon, Mode, Type
from transport.protocol.open_frames import HEADER, encode
from transport.protocol.relaying import station_of

pytestmark = pytest.mark.usefixtures("cheap_keys")

PACKETS = 12
OVER = clip(PACKETS * 0.32 - 0.1)
KEY = {"passphrase": "secret"}


def station(name: str, air: Air, presence: SaysPresence = "off", **changes) -> Station:
    settings = Settings(
        name=name, link=air.name, permit_tone=False, courtesy_tone=False, call_tone=False, presence=presence, **changes
    )
    return Station(settings, link=air.member(), clock=clock, speaks_clips=False)


def overs_on(air: Air) -> int:
    """Return how many overs were said on an air: each has BEGINs of its own, all with one number, from one member."""
    begins = {(member, frame[1]) for _, member, frame in air.frames if frame[0] & 15 == Type.BEGIN}
    return len(begins)


def those_here(one: Station) -> list[str]:
    """Return whom a station's host was told last to be there, with the ways."""
    return sorted(other.name for other in one.only(events.PresenceChanged)[-1].stations)


def voice_on(air: Air) -> int:
    return sum(frame[0] & 15 == Type.VOICE for _, _, frame in air.frames)


@pytest.mark.parametrize("protection", [{}, KEY], ids=["open", "sealed"])
@pytest.mark.parametrize("seed", range(6))
def test_three_relays_in_a_triangle(protection: dict, seed: int) -> None:
    """Each link has the over once, with all its packets; then it is quiet everywhere, also after an answer."""
    airs = [Air(f"udp://link{number}?k=1", delay_s=0.01 + 0.03 * ((seed + number) % 3)) for number in range(3)]
    people = [station(name, air, **protection) for name, air in zip(("Ada", "Bob", "Cid"), airs, strict=True)]
    relays = [
        WatchedRelay(f"R{one}{other}", airs[one], airs[other], presence="off", **protection)
        for one, other in ((0, 1), (1, 2), (2, 0))
    ]
    ada, bob, cid = people

    async def main() -> None:
        async with relaying(airs, *relays), running(*people):
            await trio.sleep(1.0)
            for talker in (ada, cid):
                for air in airs:
                    air.frames.clear()
                others = [one for one in people if one is not talker]
                before = [len(one.only(events.OverPlayed)) for one in others]
                talker.engine.play_clip(OVER)
                for one, count in zip(others, before, strict=True):
                    await one.until(events.OverPlayed, count + 1)
                await trio.sleep(30.0)
                for one, count in zip(others, before, strict=True):
                    *cut, whole = one.only(events.OverPlayed)[count:]
                    assert (PACKETS, 0, True) == (whole.packets, whole.lost, whole.complete)
                    assert whole.sender.startswith(f"{talker.settings.name} via R")
                    assert [] == [each for each in cut if each.packets > 1]
                for one, air in zip(people, airs, strict=True):
                    assert overs_on(air) <= 1 + (one is not talker)
                    assert PACKETS <= voice_on(air) <= PACKETS + 1

    play(main)
    assert ada.encoder.packets == cid.decoder.packets[-PACKETS:]
    assert cid.encoder.packets == ada.decoder.packets[-PACKETS:] == bob.decoder.packets[-PACKETS:]
    assert 4 == sum(report.complete for relay in relays for report in relay.only(OverRelayed))


@pytest.mark.parametrize("protection", [{}, KEY], ids=["open", "sealed"])
@pytest.mark.parametrize(("seed", "ks"), [*((seed, (1, 1, 1)) for seed in range(4)), (0, (1, 6, 1)), (1, (5, 1, 5))])
def test_two_relays_on_three_links(protection: dict, seed: int, ks: tuple[int, ...]) -> None:
    """An over comes to each of them on all links, before its first packet: every link has it once all the same, but for
    a frame where both begin at once."""
    airs = [Air(f"udp://link{n}?k={k}", delay_s=0.01 + 0.06 * ((seed + n) % 3)) for n, k in enumerate(ks)]
    people = [station(name, air, **protection) for name, air in zip(("Ada", "Bob", "Cid"), airs, strict=True)]
    relays = [WatchedRelay(name, *airs, presence="off", **protection) for name in ("Hill", "Bay")]

    async def main() -> None:
        async with relaying(airs, *relays), running(*people):
            await trio.sleep(1.0)
            for talker in people:
                for air in airs:
                    air.frames.clear()
                talker.engine.play_clip(OVER)
                await trio.sleep(60.0)
                assert [True] * 3 == [
                    PACKETS <= k * voice_on(air) <= PACKETS + 2 * k for k, air in zip(ks, airs, strict=True)
                ]
        for one in people:
            assert 2 == sum(played.packets == PACKETS and played.complete for played in one.only(events.OverPlayed))

    play(main)


def test_texts_in_a_ring_are_said_once_a_link() -> None:
    """A message goes to each other link once or twice, and does not go round."""
    airs = [Air(f"udp://link{number}") for number in range(3)]
    people = [station(name, air) for name, air in zip(("Ada", "Bob", "Cid"), airs, strict=True)]
    pairs = ((0, 1), (1, 2), (2, 0))
    relays = [WatchedRelay(f"R{one}{other}", airs[one], airs[other]) for one, other in pairs]

    async def main() -> None:
        async with relaying(airs, *relays), running(*people):
            people[0].engine.send_text("hello", "", confirm=False)
            await trio.sleep(60.0)

    play(main)
    said = [sum(frame[0] & 15 == Type.TEXT for _, _, frame in air.frames) for air in airs]
    assert 1 == said[0] and all(1 <= count <= 2 for count in said[1:])
    heard = [[text.text for text in one.only(events.TextHeard)] for one in people]
    assert [[], ["hello"], ["hello"]] == heard


@pytest.mark.parametrize("ways", [("N0HILL", "N0BAY", "N0TOP"), ("N0CALL-15", "N0A", "N0TOP")])
def test_a_long_name_in_a_ring_is_one(ways: tuple[str, ...]) -> None:
    """On a ham channel it is cut, and relays of other names leave more or less of it: said, shown and there once."""
    airs, protection = [Air(f"udp://link{number}") for number in range(3)], {**KEY, "mode": Mode.HAM}
    long = "AB1CDE Long Name Here 12"
    people = [station(name, air, "on", **protection) for name, air in zip((long, "Bob", "Cid"), airs, strict=True)]
    relays = [
        WatchedRelay(name, airs[one], airs[other], **protection)
        for name, (one, other) in zip(ways, ((0, 1), (1, 2), (2, 0)), strict=True)
    ]

    async def main() -> None:
        async with relaying(airs, *relays), running(*people):
            await trio.sleep(20.0)
            people[0].engine.send_text("hello", "", confirm=False)
            await trio.sleep(60.0)

    play(main)
    assert 1 == sum(frame[0] & 15 == Type.TEXT for _, _, frame in airs[0].frames)
    assert [[], ["hello"], ["hello"]] == [[text.text for text in one.only(events.TextHeard)] for one in people]
    assert [2, 2, 2] == [len(those_here(one)) for one in people]


def test_a_message_that_comes_two_ways_is_shown_once() -> None:
    """Two relays carry it at once: it is shown once, and its confirmation comes back."""
    near, far = Air("udp://near"), Air("udp://far", delay_s=0.4)
    ada, bob = station("Ada", near), station("Bob", far)
    relays = [WatchedRelay(name, near, far) for name in ("One", "Other")]

    async def main() -> None:
        async with relaying([near, far], *relays), running(ada, bob):
            ada.engine.send_text("hello", "", confirm=False)
            await trio.sleep(10.0)
            ada.engine.send_text("on my way", "Bob", confirm=True)
            await ada.until(events.TextConfirmed)
            await trio.sleep(60.0)

    play(main)
    assert ["hello", "on my way"] == [text.text for text in bob.only(events.TextHeard)]
    assert [] == ada.only(events.TextHeard)
    assert 1 == len(ada.only(events.TextConfirmed))


def test_of_two_relays_one_carries_a_message() -> None:
    """It listens before it says a message, as before an over; seldom do both say one."""
    near, far = Air("udp://near"), Air("udp://far", delay_s=0.01)
    ada, bob = station("Ada", near), station("Bob", far)
    relays = [WatchedRelay(name, near, far) for name in ("One", "Other")]
    messages = 40

    async def main() -> None:
        async with relaying([near, far], *relays), running(ada, bob):
            for number in range(messages):
                ada.engine.send_text(str(number), "", confirm=False)
                await trio.sleep(5.0)

    play(main)
    assert [str(number) for number in range(messages)] == [text.text for text in bob.only(events.TextHeard)]
    said = [sum(frame[0] & 15 == Type.TEXT for _, _, frame in air.frames) for air in (near, far)]
    assert messages == said[0] and said[1] <= 1.5 * messages


@pytest.mark.parametrize("delay_s", [0.02, 0.4], ids=["one is first", "both at once"])
def test_a_station_behind_two_relays_is_one(delay_s: float) -> None:
    """It is the only other one, so it confirms by itself, whichever relay carries; when it leaves, it is gone."""
    near, far = Air("udp://near"), Air("udp://far", delay_s=delay_s)
    ada, bob = station("Ada", near, "on"), station("Bob", far, "on")
    bob.wrap = ada.wrap = LeftOpen
    relays = [WatchedRelay(name, near, far) for name in ("One", "Other")]

    async def main() -> None:
        async with relaying([near, far], *relays), running(ada):
            async with running(bob):
                await trio.sleep(10.0)
                for one, name in ((ada, "Bob"), (bob, "Ada")):
                    assert [[f"{name} via One"], [f"{name} via Other"]].count(those_here(one))
                for count in range(1, 9):
                    ada.engine.play_clip(clip(1.0))
                    confirmed = await ada.until(events.OverConfirmed, count)
                    assert [confirmed.station] == those_here(ada)
                    await trio.sleep(5.0)
                ada.engine.send_text("hello", those_here(ada)[0], confirm=True)
                await ada.until(events.TextConfirmed, within_s=4.0)
            await trio.sleep(5.0)
            assert [] == those_here(ada)

    play(main)
    assert ["Bob"] == [text.addressee for text in bob.only(events.TextHeard)]
    assert [] == ada.only(events.Collision)


def test_those_in_a_ring_are_one_each() -> None:
    """Nobody is there twice, or sees himself; each is called by a way on which he is reached."""
    airs = [Air(f"udp://link{number}") for number in range(3)]
    people = [station(name, air, "on") for name, air in zip(("Ada", "Bob", "Cid"), airs, strict=True)]
    pairs = ((0, 1), (1, 2), (2, 0))
    relays = [WatchedRelay(f"R{one}{other}", airs[one], airs[other]) for one, other in pairs]
    ada = people[0]

    async def main() -> None:
        async with relaying(airs, *relays), running(*people):
            await trio.sleep(20.0)
            for one in people:
                others = {other.settings.name for other in people if other is not one}
                assert 2 == len(those_here(one)) and others == {station_of(name) for name in those_here(one)}
            for count, name in enumerate(3 * those_here(ada), start=1):
                ada.engine.set_addressee(name)
                ada.engine.play_clip(clip(1.0))
                assert name == (await ada.until(events.OverConfirmed, count)).station
                await trio.sleep(5.0)

    play(main)


@pytest.mark.parametrize("seed", range(6))
def test_two_relays_side_by_side(seed: int) -> None:
    """Both join the same two links: one of them carries the over, the other sees that it is there already."""
    near, far = Air("udp://near", delay_s=0.005 * (1 + seed)), Air("udp://far", delay_s=0.02)
    ada, bob = station("Ada", near), station("Bob", far)
    one, other = (WatchedRelay(name, near, far) for name in ("One", "Other"))

    async def main() -> None:
        async with relaying([near, far], one, other), running(ada, bob):
            await trio.sleep(1.0)
            ada.engine.play_clip(OVER)
            await bob.until(events.OverPlayed)
            await trio.sleep(70.0)

    play(main)
    assert 1 == overs_on(near)
    whole = [report for relay in (one, other) for report in relay.only(OverRelayed) if report.complete]
    assert 1 == len(whole) and PACKETS == whole[0].packets
    assert 1 <= sum(len(relay.only(OverNotRelayed)) for relay in (one, other))
    assert PACKETS == len([None for _, _, frame in near.frames if HEADER.unpack_from(frame)[0] == 0x12])
    assert ADA.name == "Ada" and ada.encoder.packets[-4:] == bob.decoder.packets[-4:]


class SlowToTake:
    """A link that takes a while for each frame, as a radio does: meanwhile others are heard."""

    def __init__(self, link: MemoryLink) -> None:
        self._link = link

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    async def send(self, frame: bytes) -> None:
        await trio.sleep(0.15)
        await self._link.send(frame)


def test_of_two_that_ask_at_once_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever hears another relay begin while his own BEGIN is on its way, which ends that one, does not yield."""
    near, far = Air("udp://near"), Air("udp://far?k=1")
    ada, bob = station("Ada", near), station("Bob", far)
    relays = [WatchedRelay(name, near, far) for name in ("One", "Other")]
    for relay in relays:
        slow: Any = SlowToTake(relay.links[far.name])
        relay.links[far.name] = slow
    draws, numbers = iter((0.0, 0.1)), itertools.count(0xFFFFFFFF, -1)  # the second one to begin goes before the first
    monkeypatch.setattr(LinkEnd, "listening_s", lambda end, sender: next(draws))
    monkeypatch.setattr(carrier, "relayed_nonce", lambda origin, *rest: origin + next(numbers).to_bytes(4))

    async def main() -> None:
        async with relaying([near, far], *relays), running(ada, bob):
            ada.engine.play_clip(OVER)
            await trio.sleep(30.0)

    play(main)
    said = [report for relay in relays for report in relay.only(OverRelayed)]
    assert [PACKETS] == [one.packets for one in said if one.complete]
    assert max(one.waited_s for one in said) < 1.0 and 2 == overs_on(far)
    assert PACKETS == bob.only(events.OverPlayed)[-1].packets


def test_two_relays_greet_for_everybody() -> None:
    """Who says a BEACON is drawn each time, and it counts for him alone: together they carry more than one of them."""
    near, far = Air("udp://near"), Air("udp://far")
    visitor, _ = near.member(), far.member()
    one, other = (WatchedRelay(name, near, far) for name in ("One", "Other"))

    async def main() -> None:
        async with relaying([near, far], one, other):
            for number in range(14):
                await visitor.send(encode(Beacon(number, 1, f"Ada{number}")))
                await trio.sleep(0.6)
            await trio.sleep(10.0)

    play(main)
    assert set(range(14)) == {frame[1] for _, _, frame in far.frames}


def test_two_that_begin_at_once() -> None:
    """Where both have begun before they heard each other, the one with the smaller nonce goes on, the other ends."""
    near, far = Air("udp://near"), Air("udp://far", delay_s=0.4)  # slower than anything they draw
    ada, bob = station("Ada", near), station("Bob", far)
    one, other = (WatchedRelay(name, near, far) for name in ("One", "Other"))

    async def main() -> None:
        async with relaying([near, far], one, other), running(ada, bob):
            await trio.sleep(1.0)
            ada.engine.play_clip(OVER)
            await trio.sleep(70.0)

    play(main)
    assert 2 == overs_on(far) and 1 == overs_on(near)
    first, second = sorted(one.only(OverRelayed) + other.only(OverRelayed), key=lambda report: report.packets)
    assert second.complete and PACKETS == second.packets
    assert not first.complete and first.packets <= 3


def test_two_that_begin_at_once_under_one_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """The END of the one that ends would be that of the other, which is heard to its own end."""
    near, far = Air("udp://near"), Air("udp://far", delay_s=0.4)
    ada, bob = station("Ada", near), station("Bob", far)
    relays = [WatchedRelay(name, near, far) for name in ("One", "Other")]
    drawn = os.urandom
    monkeypatch.setattr("app.relay.carrier.os.urandom", lambda count: b"7" if count == 1 else drawn(count))

    async def main() -> None:
        async with relaying([near, far], *relays), running(ada, bob):
            await trio.sleep(1.0)
            ada.engine.play_clip(OVER)
            await trio.sleep(70.0)

    play(main)
    assert ada.encoder.packets[-4:] == bob.decoder.packets[-4:]


@pytest.mark.parametrize("delay_s", [0.2, 0.4])
def test_a_relay_behind_two_that_begin_at_once(delay_s: float) -> None:
    """It goes on with the version that goes on: who is behind it hears the over once, whole."""
    near, far, beyond = Air("udp://near"), Air("udp://far", delay_s=delay_s), Air("udp://beyond")
    ada, cid = station("Ada", near), station("Cid", beyond)
    relays = [WatchedRelay(name, near, far) for name in ("One", "Other")]
    bay = WatchedRelay("Bay", far, beyond)

    async def main() -> None:
        async with relaying([near, far, beyond], *relays, bay), running(ada, cid):
            await trio.sleep(1.0)
            ada.engine.play_clip(OVER)
            await trio.sleep(30.0)

    play(main)
    (played,) = cid.only(events.OverPlayed)
    assert (PACKETS, 0, True) == (played.packets, played.lost, played.complete)
    assert ada.encoder.packets == cid.decoder.packets
    assert 1 == overs_on(near) == overs_on(beyond)
