"""Strangers without the key against a relay, in virtual time: genuine frames said again on another link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import trio

from app import events
from app.relay.reports import OverRelayed
from tests.support.air import Air, WatchedRelay, clock, play, relaying, sealed_pair
from tests.support.station import ADA, BOB, Station, clip, running
from transport.links.memory import MemoryLink
from transport.protocol.frames import Mode, Type

pytestmark = pytest.mark.usefixtures("cheap_keys")

PACKETS = 12
KEY = {"passphrase": "secret"}


async def copy(near: Air, to: MemoryLink, copies: Callable[[bytes], bool], after_s: float = 0.0) -> None:
    """Say the frames of the first member of one air again on another link, a while later each, until cancelled."""
    done = 0
    while True:
        await trio.sleep(0.005)
        for said_s, member, frame in near.frames[done:]:
            if member == 0 and copies(frame):
                await trio.sleep_until(max(trio.current_time(), said_s + after_s))
                await to.send(frame)
        done = len(near.frames)


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
