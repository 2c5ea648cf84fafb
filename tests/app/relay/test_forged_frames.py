"""Strangers against a relay without the key, in virtual time: frames that look sealed, which it cannot check, cost
other links no more than somebody who talks."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from app import events
from app.relay.link_end import LIMIT_MARGIN_S, MAX_PASSED
from app.relay.passing import MAX_RESUMED
from app.relay.reasons import NO_AIRTIME
from app.relay.reports import OverNotRelayed, OverRelayed, RelayFigures
from tests.support.air import Air, WatchedRelay, play, relaying, sealed_pair
from tests.support.attacker import forged
from tests.support.station import clip, running
from transport.address import parse_address
from transport.links.memory import MemoryLink
from transport.planning.airtime_budget import WINDOW_S, AirtimeBudget
from transport.planning.planner import link_model
from transport.protocol.frames import PACKET_S, Type
from transport.protocol.over_pace import AHEAD_S, TALK_LIMIT_S

pytestmark = pytest.mark.usefixtures("cheap_keys")

NONCE = b"Mallory!"
RADIO = "kiss://{}?call=N0CALL&radio=lora-sf7"


def said_by_the_relay(air: Air, kind: Type = Type.VOICE) -> list[float]:
    """Return when the relay said frames of this kind on an air, of which it is the last member."""
    last = len(air._ears) - 1
    return [at_s for at_s, member, frame in air.frames if member == last and frame[0] == 0x20 | kind]


async def flood(link: MemoryLink, first: int, count: int, per_s: float, packets: int = 1) -> None:
    """Send so many VOICE a second."""
    for sequence in range(first, first + count):
        if sequence % 9:
            await link.send(forged(Type.VOICE, sequence, packets))
            await trio.sleep(1 / per_s)


@pytest.mark.parametrize("packets", [1, 12])
def test_nobody_speaks_faster_than_time_passes(packets: int) -> None:
    """Of ten thousand VOICE in ten seconds as much goes on as somebody who waited for a slow BEGIN may have said."""
    near, far = Air("udp://near"), Air("udp://far")
    intruder, _ = near.member(), far.member()
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill):
            await intruder.send(forged(Type.BEGIN, 0))
            await intruder.send(forged(Type.VOICE, 1))
            await flood(intruder, 2, 10_000, 1000.0, packets)
            await trio.sleep(11.0)

    play(main)
    said = said_by_the_relay(far)
    assert 1 <= len(said) <= (11.5 + AHEAD_S) / PACKET_S
    assert hill.only(RelayFigures)[-1].links[0].dropped > 1000


@pytest.mark.parametrize("source", ["udp://near", "udp://near?rate=900"])
def test_nobody_talks_for_longer_than_anybody_may(source: str) -> None:
    """A forged over at the pace of speech ends on the other link where everybody's does, also from a slow link."""
    near, far = Air(source), Air("udp://far")
    intruder, _ = near.member(), far.member()
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill):
            await intruder.send(forged(Type.BEGIN, 0))
            await flood(intruder, 1, 900, 1 / PACKET_S)

    play(main)
    said = said_by_the_relay(far)
    most_s = TALK_LIMIT_S + LIMIT_MARGIN_S
    assert TALK_LIMIT_S - 1.0 <= said[-1] - said[0] <= most_s and len(said) <= most_s / PACKET_S + 1
    assert [False] == [one.complete for one in hill.only(OverRelayed)]


def test_a_genuine_over_does_not_wait_behind_a_forged_one() -> None:
    """Few frames wait for a slow link: the over that comes after a flood is heard there while it is spoken."""
    near, side, far = Air("udp://near"), Air("udp://side?k=2"), Air("udp://far?rate=3000&k=2")
    intruder = near.member()
    ada, bob = sealed_pair(side, far)
    hill = WatchedRelay("Hill", near, side, far)

    async def main() -> None:
        async with relaying([near, side, far], hill), running(ada, bob):
            await trio.sleep(5.0)
            await intruder.send(forged(Type.BEGIN, 0))
            for sequence in range(1, 4000):
                await intruder.send(forged(Type.VOICE, sequence, 2))
                await trio.sleep(0.01)
            await intruder.send(forged(Type.END, 4000))
            await trio.sleep(6.0)
            began_s = trio.current_time()
            ada.engine.play_clip(clip(3.0))
            played = await bob.until(events.OverPlayed, 1, 60.0)
            assert (10, 0) == (played.packets, played.lost)
            assert trio.current_time() - began_s < 8.0

    play(main)
    assert hill.only(RelayFigures)[-1].links[2].dropped > 0


def test_a_duty_cycle_is_kept_whatever_is_forged() -> None:
    """Neither an over nor messages and receipts take more airtime of a radio than it may be on air."""
    near, far = Air(RADIO.format("near")), Air(RADIO.format("far"))
    intruder, _ = near.member(), far.member()
    hill = WatchedRelay("Hill", near, far)
    for link in hill.links.values():
        link.tag_bytes = 4

    async def main() -> None:
        async with relaying([near, far], hill):
            for number in range(40):
                await intruder.send(forged(Type.BEGIN, 0, over=number, nonce=number.to_bytes(4) * 2, tag=4))
                for sequence in range(1, 100):
                    if sequence % 4:
                        await intruder.send(forged(Type.VOICE, sequence, 3, over=number, tag=4))
                        await trio.sleep(3 * PACKET_S)
                for single in range(8):
                    await intruder.send(forged(Type.TEXT, 7, nonce=bytes([number, single]) + NONCE[2:], tag=4))
                    await trio.sleep(1.0)

    play(main)
    model = link_model(parse_address(far.name))
    radio = AirtimeBudget(model)
    spent_s = sum(radio.airtime_s(len(frame)) for at_s, _, frame in far.frames if at_s < WINDOW_S)
    assert model.duty is not None and 0.8 * model.duty * WINDOW_S < spent_s <= model.duty * WINDOW_S
    assert NO_AIRTIME in {one.reason for one in hill.only(OverNotRelayed)}


def test_an_over_without_room_takes_no_floor() -> None:
    """Where the link takes nothing more, a BEGIN counts as sent no more than the VOICE behind it."""
    near, far = Air("udp://near"), Air("udp://far")
    intruder, _ = near.member(), far.member()
    hill = WatchedRelay("Hill", near, far)
    stuck = trio.Event()

    async def send(frame: bytes) -> None:
        await stuck.wait()

    link: Any = hill.links[far.name]
    link.send = send

    async def main() -> None:
        async with relaying([near, far], hill):
            await intruder.send(forged(Type.BEGIN, 0))
            for sequence in range(1, 100):
                await intruder.send(forged(Type.VOICE, sequence))
                await trio.sleep(PACKET_S)

    play(main)
    figures = [one.links[1] for one in hill.only(RelayFigures)]
    assert "on air" not in {one.state.value for one in figures}
    assert 60 - MAX_PASSED <= figures[-1].dropped


def test_whoever_says_next_to_nothing_is_no_talker() -> None:
    """A forged VOICE every two seconds does not keep a relay from following somebody else."""
    near, far = Air("udp://near"), Air("udp://far")
    intruder = near.member()
    ada, bob = sealed_pair(near, far)
    hill = WatchedRelay("Hill", near, far)

    async def trickle() -> None:
        await intruder.send(forged(Type.BEGIN, 0))
        for sequence in range(1, 60):
            await intruder.send(forged(Type.VOICE, sequence))
            await trio.sleep(2.0)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob), trio.open_nursery() as nursery:
            nursery.start_soon(trickle)
            await trio.sleep(10.0)
            ada.engine.play_clip(clip(10.0))
            played = await bob.until(events.OverPlayed, 1, 30.0)
            assert ("Ada", True) == (played.sender, played.complete)
            nursery.cancel_scope.cancel()

    play(main)


def test_a_trickle_of_begins_locks_nobody_out_for_longer_than_anybody_may() -> None:
    """A forged BEGIN every 2.3 s, of another over every 125 s, holds a link for 130 s: then overs are passed on."""
    near, far = Air("udp://near"), Air("udp://far")
    intruder = far.member()
    ada, bob = sealed_pair(near, far)
    hill = WatchedRelay("Hill", near, far)

    async def trickle() -> None:
        for _ in range(1000):
            number = int(trio.current_time() / 125.0)
            await intruder.send(forged(Type.BEGIN, 0, over=number, nonce=number.to_bytes(8)))
            await trio.sleep(2.3)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob), trio.open_nursery() as nursery:
            nursery.start_soon(trickle)
            await trio.sleep(TALK_LIMIT_S + LIMIT_MARGIN_S + 5.0)
            for number in range(1, 7):
                ada.engine.play_clip(clip(2.0))
                await trio.sleep(20.0)
                assert number == len(bob.only(events.OverPlayed))
            nursery.cancel_scope.cancel()

    play(main)


@pytest.mark.parametrize("ends", [1, 19])
def test_an_end_of_another_nonce_counts_for_nothing(ends: int) -> None:
    """Whoever has not heard the BEGIN of an over ends it with no END of its number."""
    near, far = Air("udp://near"), Air("udp://far")
    intruder = near.member()
    ada, bob = sealed_pair(near, far)
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            await trio.sleep(5.0)
            ada.engine.play_clip(clip(6.0))
            await bob.until(events.OverBegan)
            for _ in range(ends):
                _, _, said = near.frames[-1]
                await intruder.send(forged(Type.END, said[3] + 2, over=said[1]))
                await trio.sleep(PACKET_S)
            played = await bob.until(events.OverPlayed)
            assert (19, 0) == (played.packets, played.lost)

    play(main)
    assert [(19, True)] == [(one.packets, one.complete) for one in hill.only(OverRelayed)]


def test_an_end_that_is_anothers_ends_nothing() -> None:
    """After a forged END the over goes on, and holds the floor of the other link as before."""
    near, far = Air("udp://near"), Air("udp://far")
    intruder = near.member()
    ada, bob = sealed_pair(near, far)
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            await trio.sleep(5.0)
            ada.engine.play_clip(clip(6.0))
            await bob.until(events.OverBegan)
            _, _, said = near.frames[-1]
            (begin, *_) = [frame for _, _, frame in near.frames if frame[0] & 15 == Type.BEGIN]
            await intruder.send(forged(Type.END, said[3] + 2, over=said[1], nonce=begin[4:12]))
            played = await bob.until(events.OverPlayed)
            assert ("Ada", 19, True) == (played.sender, played.packets, played.complete) and played.lost <= 1

    play(main)
    first, second = hill.only(OverRelayed)
    assert 19 - 2 <= first.packets + second.packets and second.packets > 10


def test_an_over_that_ends_again_and_again_costs_no_more_than_it_says() -> None:
    """VOICE and END in turn: the over ends when any does, nothing of it is said twice, and few lines tell of it."""
    near, far = Air("udp://near"), Air("udp://far")
    intruder, _ = near.member(), far.member()
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill):
            await intruder.send(forged(Type.BEGIN, 0))
            for sequence in range(1, 600, 2):
                await intruder.send(forged(Type.VOICE, sequence))
                await intruder.send(forged(Type.END, sequence + 1))
                await trio.sleep(0.7)

    play(main)
    said = [frame for _, member, frame in far.frames if member == 1]
    assert len(said) == len(set(said))
    assert said_by_the_relay(far)[-1] <= TALK_LIMIT_S + LIMIT_MARGIN_S
    assert 1 <= len(hill.only(OverRelayed)) <= 1 + MAX_RESUMED


def test_a_forged_over_goes_on_for_no_longer_than_anybody_may() -> None:
    """An END now and then does not give an over another two minutes."""
    near, far = Air("udp://near"), Air("udp://far")
    intruder, _ = near.member(), far.member()
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill):
            await intruder.send(forged(Type.BEGIN, 0))
            for sequence in range(1, 900):
                end = sequence in (100, 300)
                if sequence % 9:
                    await intruder.send(forged(Type.END if end else Type.VOICE, sequence))
                    await trio.sleep(PACKET_S)

    play(main)
    said = said_by_the_relay(far)
    assert TALK_LIMIT_S - 2.0 <= said[-1] - said[0] <= TALK_LIMIT_S + LIMIT_MARGIN_S


def test_a_straggler_takes_no_floor() -> None:
    """A VOICE that comes behind the END of its over, on a link where somebody talked till then, is no over."""
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = near.member(), far.member()
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill):
            for sequence, kind in enumerate((Type.BEGIN, Type.VOICE)):
                await bob.send(forged(kind, sequence, over=5, nonce=b"Somebody"))
            await trio.sleep(1.0)
            for sequence, kind in enumerate((Type.BEGIN, Type.VOICE)):
                await ada.send(forged(kind, sequence))
            await ada.send(forged(Type.END, 3))
            await trio.sleep(6.0)
            await ada.send(forged(Type.VOICE, 1, nonce=b"straggle")[:-1] + b"\1")
            await trio.sleep(200.0)

    play(main)
    assert "idle" == hill.only(RelayFigures)[-1].links[1].state.value
