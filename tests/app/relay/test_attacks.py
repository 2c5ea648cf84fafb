"""Strangers against a relay on open channels, in virtual time: nothing is raised, nothing grows, the air is theirs no
longer than anybody's."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import trio

from app import events
from app.relay.carrying import LONGEST_WAIT_S
from app.relay.message_way import MAX_WAITING
from app.relay.over_queue import MAX_QUEUED_OVERS
from app.relay.passing import OVERS_AT_ONCE, OVERS_PER_S
from app.relay.reasons import TOO_MANY_OVERS, TOO_MANY_WAIT
from app.relay.reports import OverNotRelayed, OverRelayed, RelayFigures
from tests.support.air import UTC_S, Air, WatchedRelay, clock, play, relaying
from tests.support.attacker import Attacker
from tests.support.overs import over_frames
from tests.support.station import ADA, BOB, CODEC_ID, Station, clip, running
from transport.protocol.frames import PACKET_S, Beacon, Begin, End, Receipt, Text, Type
from transport.protocol.known_names import KnownNames
from transport.protocol.open_frames import decode, encode
from transport.protocol.over_pace import AHEAD_S, TALK_LIMIT_S
from transport.protocol.relaying import MAX_KNOWN

SEQUENCES = 60


@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_dice_says(seed: int) -> None:
    """Sequences of frames on two links at once: afterwards the relay is at rest, and carries an over whole."""
    near, far = Air("udp://near"), Air("udp://far?k=2")
    intruders = [near.member(), far.member()]
    hill = WatchedRelay("Hill", near, far)
    ada, bob = (Station(s, link=air.member(), clock=clock) for s, air in ((ADA, near), (BOB, far)))

    async def attack(number: int) -> None:
        dice = random.Random(seed * 2 + number)
        attacker = Attacker(dice, replays=True)
        for _ in range(SEQUENCES):
            for pause_s, octets in attacker.move():
                await trio.sleep(pause_s)
                await intruders[number].send(octets)
                attacker.hear(octets)
            await trio.sleep(dice.choice((0.0, PACKET_S, 2.0)))

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            async with trio.open_nursery() as nursery:
                for number in range(2):
                    nursery.start_soon(attack, number)
            began_s = trio.current_time()
            await trio.sleep(LONGEST_WAIT_S + 2 * TALK_LIMIT_S)
            figures = hill.only(RelayFigures)[-1].links
            assert [0, 0] == [link.waiting for link in figures]
            assert ["idle", "idle"] == [link.state.value for link in figures]
            before = len(bob.only(events.OverPlayed))
            ada.engine.play_clip(clip(3.0))
            played = await bob.until(events.OverPlayed, before + 1)
            assert (10, 0, True) == (played.packets, played.lost, played.complete)
            assert trio.current_time() > began_s

    play(main)
    assert hill.only(OverRelayed)


def test_a_flood_of_overs_is_a_few() -> None:
    """A thousand in ten seconds: two a second are taken, four of them wait behind the one that is being said, and a
    line a second tells of the rest."""
    near, far = Air("udp://near"), Air("udp://far")
    intruder, _ = near.member(), far.member()
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill):
            for number in range(1000):
                nonce = number.to_bytes(4) + bytes(4)
                begin = Begin(number % 256, 0, nonce, UTC_S, 1, 1, f"Eve{number}")
                for frame in (begin, *over_frames(1, over=number % 256, nonce=nonce)[1:3]):
                    await intruder.send(encode(frame))
                await trio.sleep(0.01)
            await trio.sleep(LONGEST_WAIT_S + 10.0)

    play(main)
    assert max(link.waiting for one in hill.only(RelayFigures) for link in one.links) <= MAX_QUEUED_OVERS + 1
    carried = {frame[1] for _, _, frame in far.frames if frame[0] & 15 == Type.BEGIN}
    taken = OVERS_AT_ONCE + 10 * OVERS_PER_S
    assert 1 <= len(carried) <= taken
    figures, spoken = hill.only(RelayFigures)[-1].links[1], (10 + AHEAD_S) / PACKET_S
    assert 0.9 * spoken <= figures.relayed + figures.not_relayed <= spoken + 2  # all others have no packet
    reasons = Counter(one.reason for one in hill.only(OverNotRelayed))
    assert 1 <= reasons[TOO_MANY_OVERS] <= 11 and 1 <= reasons[TOO_MANY_WAIT] <= 11


def test_overs_of_one_link_keep_none_of_another_from_a_third() -> None:
    """A stranger begins one every 0.4 s: all that is said on another link is heard, soon after it was said."""
    near, far, side = Air("udp://near"), Air("udp://far"), Air("udp://side")
    intruder = near.member()
    ada, bob = (
        Station(replace(one, link=air.name, presence="off"), link=air.member(), clock=clock)
        for one, air in ((ADA, side), (BOB, far))
    )
    hill = WatchedRelay("Hill", near, far, side)

    async def flood() -> None:
        for number in itertools.count():
            nonce = number.to_bytes(4) + bytes(4)
            for frame in over_frames(1, over=number % 256, nonce=nonce, sender=f"Eve{number}"):
                await intruder.send(encode(frame))
            await trio.sleep(0.4)

    async def main() -> None:
        async with relaying([near, far, side], hill), running(ada, bob), trio.open_nursery() as nursery:
            nursery.start_soon(flood)
            await trio.sleep(6.0)
            for _ in range(6):
                ada.engine.play_clip(clip(1.8))
                await trio.sleep(12.0)
            nursery.cancel_scope.cancel()

    play(main)
    heard = [one for one in bob.only(events.OverPlayed) if one.sender.startswith("Ada")]
    assert [6] * 6 == [one.packets for one in heard] and not sum(one.lost for one in heard)


def test_a_flood_of_messages_is_a_few() -> None:
    """A thousand in ten seconds: what the other link is given is bounded, and what is remembered."""
    near, far = Air("udp://near"), Air("udp://far")
    intruder, _ = near.member(), far.member()
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill):
            for number in range(2 * MAX_KNOWN):
                await intruder.send(encode(Text(number % 256, number, "Eve", "hello")))
                await intruder.send(encode(Beacon(number % 256, number, f"Eve{number}")))
                await trio.sleep(0.01)
            await trio.sleep(60.0)

    play(main)
    said = [frame[0] & 15 for _, _, frame in far.frames]
    assert 8 <= said.count(Type.TEXT) <= 8 + 0.5 * 21 + 1
    assert 1 <= said.count(Type.BEACON) <= 8 + 21 / 3 + 1


def test_what_is_refused_costs_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whom a message is for is looked up for those that a link may be given, and for no others."""
    near, far = Air("udp://near"), Air("udp://far")
    intruder, _ = near.member(), far.member()
    hill = WatchedRelay("Hill", near, far)
    addressee, asked = KnownNames.addressee, []

    def watched(names: KnownNames, name: str, *rest: Any) -> str:
        asked.append(name)
        return addressee(names, name, *rest)

    monkeypatch.setattr(KnownNames, "addressee", watched)

    async def main() -> None:
        async with relaying([near, far], hill):
            for number in range(1000):
                await intruder.send(encode(Text(number % 256, number, "Eve", "hello", "Zed via Foo")))
                await trio.sleep(0.01)

    play(main)
    assert 8 <= len(asked) <= 8 + 0.5 * 10 + 1


@pytest.mark.parametrize("others", [0, 6])
def test_messages_push_out_no_receipt_of_an_over(others: int) -> None:
    """Neither those that are refused, nor those that go to many links: the over is confirmed, late as it is."""
    near, far, *more = airs = [Air("udp://near"), Air("udp://far", delay_s=5.0)] + [
        Air(f"udp://other{number}") for number in range(others)
    ]
    intruder, _ = near.member(), [air.member() for air in more]
    hill = WatchedRelay("Hill", *airs)
    ada = Station(replace(ADA, link=near.name, addressee="Bob"), link=near.member(), clock=clock)
    bob = Station(replace(BOB, link=far.name), link=far.member(), clock=clock)

    async def main() -> None:
        async with relaying(airs, hill), running(ada, bob):
            await trio.sleep(15.0)
            ada.engine.play_clip(clip(2.0))
            while not hill.only(OverRelayed):
                await trio.sleep(0.1)
            for number in range(200):
                await intruder.send(encode(Text(number, number, "Eve", "hello", "Zed")))
                await trio.sleep(0.05)
            assert 7 == (await ada.until(events.OverConfirmed)).heard

    play(main)


def test_a_forged_receipt_keeps_no_genuine_one_away() -> None:
    """One of more packets than the over had is dropped, and the next one passed back."""
    near, far = Air("udp://near"), Air("udp://far")
    ada = Station(replace(ADA, link=near.name, addressee="Bob"), link=near.member(), clock=clock)
    listener = far.member()
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada):
            await trio.sleep(1.0)
            ada.engine.play_clip(clip(2.0))
            while not isinstance(end := decode(await listener.receive()), End):
                pass
            for packets in (100, 7):
                await listener.send(encode(Receipt(end.over, end.sequence, packets)))
            assert 7 == (await ada.until(events.OverConfirmed)).heard

    play(main)


def test_a_flood_of_leaves_is_a_few() -> None:
    """That somebody leaves waits until it may be said; of a thousand that is said no more often than anything."""
    near, far = Air("udp://near"), Air("udp://far")
    intruder, _ = near.member(), far.member()
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill):
            for number in range(1000):
                await intruder.send(encode(Beacon(number % 256, number, f"Eve{number}", leaves=True)))
                await trio.sleep(0.01)
            await trio.sleep(600.0)

    play(main)
    said = [at_s for at_s, _, frame in far.frames]
    assert 8 <= len(said) <= 8 + MAX_WAITING + 10 / 3 + 1
    assert said[-1] <= 10 + 3 * MAX_WAITING + 1


def test_nobody_holds_a_link_for_longer_than_anybody_may() -> None:
    """An over that never ends is carried in pieces of two minutes, between which others have the floor."""
    near, far = Air("udp://near"), Air("udp://far")
    intruder = near.member()
    hill = WatchedRelay("Hill", near, far)
    bob = Station(BOB, link=far.member(), clock=clock)

    async def main() -> None:
        async with relaying([near, far], hill), running(bob), trio.open_nursery() as nursery:
            nursery.start_soon(talk)
            await bob.until(events.OverPlayed, 1, 300.0)
            bob.engine.play_clip(clip(2.0))
            await bob.until(events.OverSent, 1, 10.0)

    async def talk() -> None:
        for frame in over_frames(900):
            frame = replace(frame, codec_id=CODEC_ID) if isinstance(frame, Begin) else frame
            await intruder.send(encode(frame))
            if frame.sequence % 9:
                await trio.sleep(PACKET_S)

    play(main)
    first, *rest = hill.only(OverRelayed)
    assert TALK_LIMIT_S <= first.packets * PACKET_S <= TALK_LIMIT_S + 10.0 and first.lost == 0
    assert [] != [one for one in rest if one.link == "udp://far"]
