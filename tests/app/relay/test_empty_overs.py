"""Overs without a packet on a relay, in virtual time: whoever says nothing takes no turn of others."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace

import pytest
import trio

from app import events
from app.relay.empty_overs import EMPTY_AGAIN_S, EmptyOvers
from app.relay.reports import OverRelayed
from tests.support.air import UTC_S, Air, WatchedRelay, clock, play, relaying, sealed_pair
from tests.support.attacker import forged
from tests.support.overs import over_frames
from tests.support.station import BOB, CODEC_ID, Station, clip, running
from transport.protocol.frames import PACKET_S, Begin, End, Type, Voice
from transport.protocol.open_frames import encode

pytestmark = pytest.mark.usefixtures("cheap_keys")


def test_an_over_that_ends_before_a_packet_of_it_came() -> None:
    """It counts for a minute; one with a packet does not, nor does another's END end it."""
    overs = EmptyOvers()
    overs.begins(1, 0.0)
    overs.speaks()
    overs.ends(1, 1.0)
    overs.begins(2, 1.0)
    overs.ends(1, 2.0)
    assert (True, False) == (overs.waits, overs.may_be_one(2.0))
    overs.ends(2, 2.0)
    assert (False, True) == (overs.waits, overs.may_be_one(1.9 + EMPTY_AGAIN_S))
    assert not overs.may_be_one(2.0 + EMPTY_AGAIN_S)


def test_an_over_that_gives_way_before_a_packet_of_it_came() -> None:
    """It counts when the next one begins, also under the same number."""
    overs = EmptyOvers()
    overs.begins(5, 0.0)
    overs.begins(5, 1.0)
    assert (True, True) == (overs.waits, overs.may_be_one(1.0))


@pytest.mark.parametrize("said_s", [1.0, 2.2])
def test_overs_without_a_packet_cost_other_links_nothing(said_s: float) -> None:
    """BEGIN and END every 2.3 s: one of them is said elsewhere, before it is known what they are, and no other."""
    near, far = Air("udp://near"), Air("udp://far")
    intruder = near.member()
    hill = WatchedRelay("Hill", near, far)
    bob = Station(BOB, link=far.member(), clock=clock)

    async def key_in_vain() -> None:
        for number in itertools.count():
            await intruder.send(encode(Begin(number % 256, 0, number.to_bytes(4) * 2, UTC_S, CODEC_ID, 1, "Eve")))
            await trio.sleep(said_s)
            await intruder.send(encode(End(number % 256, 1, 0)))
            await trio.sleep(2.3 - said_s)

    async def main() -> None:
        async with relaying([near, far], hill), running(bob), trio.open_nursery() as nursery:
            nursery.start_soon(key_in_vain)
            await trio.sleep(5.0)
            for number in range(1, 25):
                bob.engine.play_clip(clip(2.0))
                await bob.until(events.OverSent, number, 3.0)
                await trio.sleep(3.1)
            nursery.cancel_scope.cancel()

    play(main)
    assert 1 == len({frame[1] for _, member, frame in far.frames if member == 0 and frame[0] & 15 == Type.BEGIN})


def test_an_over_after_one_without_a_packet_is_carried_whole() -> None:
    """It is said elsewhere from its first packet on that comes, whichever that is."""
    near, far = Air("udp://near"), Air("udp://far")
    talker = near.member()
    hill = WatchedRelay("Hill", near, far)
    bob = Station(BOB, link=far.member(), clock=clock)

    async def main() -> None:
        async with relaying([near, far], hill), running(bob):
            await talker.send(encode(Begin(3, 0, b"too late", UTC_S, CODEC_ID, 1, "Ada")))
            await talker.send(encode(End(3, 1, 0)))
            await trio.sleep(1.0)
            for frame in over_frames(10):
                if frame.sequence not in (1, 2):
                    await talker.send(encode(replace(frame, codec_id=CODEC_ID) if isinstance(frame, Begin) else frame))
                await trio.sleep(PACKET_S * isinstance(frame, Voice))
            played = await bob.until(events.OverPlayed)
            assert ("Ada via Hill", 10, 2, True) == (played.sender, played.packets, played.lost, played.complete)

    play(main)
    (carried,) = hill.only(OverRelayed)
    assert (10, 2, 0.0, True) == (carried.packets, carried.lost, carried.waited_s, carried.complete)


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("on_far", [False, True])
def test_they_keep_nothing_of_others_from_a_relay_without_the_key(on_far: bool, sealed: bool, ends: bool) -> None:
    """One every 2.3 s on either link, sealed by its shape or open: all overs and messages of others are passed on."""
    near, far = Air("udp://near"), Air("udp://far")
    intruder = (far if on_far else near).member()
    ada, bob = sealed_pair(near, far)
    hill = WatchedRelay("Hill", near, far)

    async def key_in_vain() -> None:
        for number in itertools.count():
            over, nonce = number % 256, hashlib.sha256(bytes([number])).digest()[:8]
            begin, end = Begin(over, 0, nonce, 0, CODEC_ID, 1, "Eve"), End(over, 1, 0)
            await intruder.send(forged(Type.BEGIN, 0, over=over, nonce=nonce) if sealed else encode(begin))
            await trio.sleep(2.2)
            if ends:
                await intruder.send(forged(Type.END, 1, over=over) if sealed else encode(end))
            await trio.sleep(0.1)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob), trio.open_nursery() as nursery:
            nursery.start_soon(key_in_vain)
            await trio.sleep(5.0)
            for number in range(12):
                ada.engine.play_clip(clip(2.0))
                await trio.sleep(5.1)
                ada.engine.send_text(str(number), "")
                await trio.sleep(1.0)
            nursery.cancel_scope.cancel()

    play(main)
    assert [(7, True)] * 12 == [(one.packets, one.complete) for one in bob.only(events.OverPlayed)]
    assert [str(number) for number in range(12)] == [one.text for one in bob.only(events.TextHeard)]
