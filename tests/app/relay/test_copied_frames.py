"""Strangers without the key against a relay, in virtual time: genuine frames said again on another link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import trio

from app import events
from app.relay.reports import OverRelayed
from tests.support.air import Air, WatchedRelay, clock, play, relaying, sealed_pair
from tests.support.attacker import forged
from tests.support.station import ADA, BOB, Station, clip, running
from transport.links.memory import MemoryLink
from transport.protocol.frames import Mode, Type

pytestmark = pytest.mark.usefixtures("cheap_keys")

PACKETS = 12
KEY: dict[str, Any] = {"passphrase": "secret"}


async def copy(near: Air, to: MemoryLink, copies: Callable[[bytes], bool], after_s: float = 0.0) -> None:
    """Say the frames of the first member of one air again on another link, a while later each, until cancelled."""
    async for said_s, frame in near.said_by(0):
        if copies(frame):
            await trio.sleep_until(max(trio.current_time(), said_s + after_s))
            await to.send(frame)


@pytest.mark.parametrize("protection", [KEY, {**KEY, "mode": Mode.HAM}], ids=["sealed", "ham"])
@pytest.mark.parametrize("after_s", [0.0, 1.2])
@pytest.mark.parametrize("voices", [0, 1], ids=["BEGIN alone", "BEGIN and a VOICE"])
def test_a_copied_begin_keeps_no_over_from_a_link(protection: dict, after_s: float, voices: int) -> None:
    """All packets of it are heard there, later than without: it is there as far as it is heard there."""
    near, far = Air("udp://near"), Air("udp://far")
    ada = Station(replace(ADA, link=near.name, **protection), link=near.member(), clock=clock, speaks_clips=False)
    intruder = far.member()
    bob = Station(replace(BOB, link=far.name, **protection), link=far.member(), clock=clock, speaks_clips=False)
    hill = WatchedRelay("Hill", near, far, **protection)
    left = {Type.BEGIN: 1, Type.VOICE: voices, Type.END: voices}

    def copies(frame: bytes) -> bool:
        kind = Type(frame[0] & 15)
        left[kind] = left.get(kind, 0) - 1
        return left[kind] >= 0

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob), trio.open_nursery() as nursery:
            await trio.sleep(8.0)
            nursery.start_soon(copy, near, intruder, copies, after_s)
            ada.engine.play_clip(clip(PACKETS * 0.32 - 0.1))
            await trio.sleep(30.0)
            nursery.cancel_scope.cancel()

    play(main)
    assert set(ada.encoder.packets) <= set(bob.decoder.packets)
    assert PACKETS - voices <= sum(one.packets for one in hill.only(OverRelayed)) <= PACKETS
    assert voices or [] == [one for one in bob.only(events.OverPlayed) if one.lost]


def numbered(kinds: set[Type], numbers: Callable[[int], bool]) -> Callable[[bytes], bool]:
    """Return what tells of frames of these types, and of VOICEs with such numbers."""
    return lambda frame: frame[0] & 15 in kinds or (frame[0] & 15 == Type.VOICE and numbers(int.from_bytes(frame[2:4])))


@pytest.mark.parametrize(
    ("copies", "waited_s"),
    [
        (lambda frame: frame[2:4] == bytes(2) or numbered(set(), lambda number: number % 8 == 2)(frame), 10.0),
        (numbered({Type.BEGIN, Type.END}, lambda number: number // 20 != 1), 60.0),
        (numbered({Type.BEGIN}, lambda number: number % 7 == 2), 10.0),
        (numbered({Type.BEGIN}, lambda number: number % 9 == 2), 10.0),
        (numbered({Type.BEGIN, Type.END}, lambda number: number % 2 == 0), 30.0),
        (numbered({Type.BEGIN, Type.END}, lambda number: number < 34), 30.0),
        (numbered({Type.BEGIN, Type.END}, lambda number: number > 34), 30.0),
    ],
    ids=[
        "now and then",
        "all but a row",
        "with BEGINs",
        "behind each BEGIN",
        "every second one",
        "the first half",
        "the second half",
    ],
)
def test_what_others_leave_out_is_said(copies: Callable[[bytes], bool], waited_s: float) -> None:
    """However much of an over a stranger has copied: all of it is heard, and while he says little, it does not wait."""
    packets = 60
    near, far = Air("udp://near?k=1"), Air("udp://far?k=1")
    ada = Station(replace(ADA, link=near.name, **KEY), link=near.member(), clock=clock, speaks_clips=False)
    intruder = far.member()
    bob = Station(replace(BOB, link=far.name, **KEY), link=far.member(), clock=clock, speaks_clips=False)
    hill = WatchedRelay("Hill", near, far, **KEY)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob), trio.open_nursery() as nursery:
            await trio.sleep(8.0)
            nursery.start_soon(copy, near, intruder, copies)
            ada.engine.play_clip(clip(packets * 0.32 - 0.1))
            await trio.sleep(60.0)
            nursery.cancel_scope.cancel()

    play(main)
    assert packets == len(ada.encoder.packets) and set(ada.encoder.packets) <= set(bob.decoder.packets)
    assert [] == [one for one in bob.only(events.OverPlayed) if one.lost and one.sender != "Ada"]
    assert waited_s > max(one.waited_s for one in hill.only(OverRelayed))


def test_a_copied_begin_just_before_the_relays_own_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The station follows the version that speaks, whichever began first."""
    monkeypatch.setattr("app.relay.link_end.random.uniform", lambda low, high: low)
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = sealed_pair(near, far)
    intruder = far.member()
    hill = WatchedRelay("Hill", near, far, **KEY)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob), trio.open_nursery() as nursery:
            await trio.sleep(8.0)
            nursery.start_soon(copy, near, intruder, lambda frame: frame[0] & 15 == Type.BEGIN)
            ada.engine.play_clip(clip(PACKETS * 0.32 - 0.1))
            await trio.sleep(15.0)
            nursery.cancel_scope.cancel()

    play(main)
    assert set(ada.encoder.packets) <= set(bob.decoder.packets)


def test_a_copied_begin_keeps_no_over_from_a_link_of_a_relay_without_the_key() -> None:
    """Without a packet behind it, it takes no floor from the over whose BEGIN it is."""
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = sealed_pair(near, far)
    intruder = far.member()
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob), trio.open_nursery() as nursery:
            await trio.sleep(8.0)
            nursery.start_soon(copy, near, intruder, lambda frame: frame[0] & 15 == Type.BEGIN)
            ada.engine.play_clip(clip(PACKETS * 0.32 - 0.1))
            played = await bob.until(events.OverPlayed, 1, 30.0)
            assert (PACKETS, 0) == (played.packets, played.lost)
            nursery.cancel_scope.cancel()

    play(main)


@pytest.mark.parametrize("after_s", [0.0, 0.5])
def test_frames_said_elsewhere_too_keep_none_from_a_link_of_a_relay_without_the_key(after_s: float) -> None:
    """Those who hear the copies have the speech from them."""
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = sealed_pair(near, far)
    intruder = far.member()
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob), trio.open_nursery() as nursery:
            await trio.sleep(8.0)
            nursery.start_soon(copy, near, intruder, lambda frame: True, after_s)
            ada.engine.play_clip(clip(PACKETS * 0.32 - 0.1))
            played = await bob.until(events.OverPlayed, 1, 30.0)
            assert (PACKETS, 0) == (played.packets, played.lost)
            nursery.cancel_scope.cancel()

    play(main)


@pytest.mark.parametrize(
    ("first", "packets", "heard"),
    [(Type.BEGIN, 40, 22), (Type.VOICE, PACKETS, PACKETS)],
    ids=["before the relay speaks", "while it does"],
)
def test_frames_with_the_same_numbers_are_not_said_elsewhere(first: Type, packets: int, heard: int) -> None:
    """Behind a copied BEGIN, a relay without the key takes only what it has heard byte by byte for said there.

    Who talks there before the relay does keeps an over from the link as long as the floor is his, and no longer.
    """
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = sealed_pair(near, far)
    intruder = far.member()
    hill = WatchedRelay("Hill", near, far)

    async def attack() -> None:
        while not (said := [frame for _, _, frame in near.frames if frame[0] & 15 == first]):
            await trio.sleep(0.005)
        over = said[0][1]
        for _, _, frame in near.frames:
            if frame[0] & 15 == Type.BEGIN and frame[1] == over:
                await intruder.send(frame)
        for sequence in range(1, 40):
            await intruder.send(forged(Type.VOICE, sequence, over=over))

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob), trio.open_nursery() as nursery:
            await trio.sleep(8.0)
            nursery.start_soon(attack)
            ada.engine.play_clip(clip(packets * 0.32 - 0.1))
            await ada.until(events.OverSent, 1, 30.0)
            await trio.sleep(10.0)

    play(main)
    assert heard <= len(bob.decoder.packets)
    (relayed,) = [one for one in hill.only(OverRelayed) if one.source == near.name]
    assert heard <= relayed.packets <= packets and relayed.complete == (heard == packets)


@pytest.mark.parametrize(("after_s", "heard"), [(0.0, 44), (0.4, 60)])
def test_what_is_forged_behind_a_copied_begin_keeps_no_over_from_a_link(after_s: float, heard: int) -> None:
    """With each BEGIN of the talker's a copy of it, and a VOICE with its number that is none of the over's.

    Before the first packet was heard where the over comes from, they begin an over there as anybody's would.
    """
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = sealed_pair(near, far)
    intruder = far.member()
    hill = WatchedRelay("Hill", near, far)

    async def attack() -> None:
        async for _, frame in near.said_by(0):
            if frame[0] & 15 == Type.BEGIN:
                await trio.sleep(after_s)
                await intruder.send(frame)
                sequence = int.from_bytes(frame[2:4]) + 1
                await intruder.send(forged(Type.VOICE, sequence, over=frame[1]))

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob), trio.open_nursery() as nursery:
            await trio.sleep(8.0)
            nursery.start_soon(attack)
            ada.engine.play_clip(clip(60 * 0.32 - 0.1))
            await ada.until(events.OverSent, 1, 40.0)
            await trio.sleep(10.0)
            nursery.cancel_scope.cancel()

    play(main)
    assert heard <= len(set(ada.encoder.packets) & set(bob.decoder.packets))
