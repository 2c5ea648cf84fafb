"""Somebody sends a few frames that claim a long over, to several links of an open relay: the next over goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import trio

from tests.support.air import Air, WatchedRelay, clock, play, relaying
from tests.support.attacker import FORGED
from tests.support.overs import numbered_packet, over_frames
from tests.support.station import BOB, CODEC_ID, Station, running
from transport.links.memory import MemoryLink
from transport.protocol.frames import PACKET_S, Begin, End, Frame, Voice
from transport.protocol.open_frames import encode

GENUINE = [numbered_packet(number) for number in range(12)]
THIRDS = tuple(range(0, 62, 3))


def claimed(over: int, places: Sequence[int], k: int) -> list[Frame]:
    """Return an over of a few packets that says it is the longest there can be."""
    begin = Begin(over, 0, bytes([over]) * 8, clock(), CODEC_ID, k, f"E{over}")
    voices = [Voice(over, 1 + place, (bytes([FORGED, over, place]) + bytes(29),) * k) for place in places]
    return [begin, *voices, End(over, 2 + max(places), 0xFFFF)]


async def say(link: MemoryLink, frames: Sequence[Frame]) -> None:
    """Say an over at the pace of speech."""
    start_s, said = trio.current_time(), 0
    for frame in frames:
        said += isinstance(frame, Voice)
        await trio.sleep_until(start_s + said * PACKET_S)
        await link.send(encode(frame))


@pytest.mark.parametrize(
    ("sources", "places", "k", "overs", "late_s"),
    [
        (1, (0, 61), 1, 1, 4.0),
        (2, (0, 61), 1, 1, 6.0),
        (4, (0, 61), 1, 1, 8.0),
        (6, (0, 61), 1, 1, 12.0),
        (2, (61,), 1, 1, 10.0),
        (4, (61,), 1, 1, 18.0),
        (2, THIRDS, 1, 1, 18.0),
        (4, THIRDS, 1, 1, 32.0),
        (4, (0, 10), 6, 1, 18.0),
        (1, (0, 61), 1, 4, 6.0),
        (3, (0, 61), 1, 4, 8.0),
    ],
)
def test_the_next_over_is_heard_whole_and_soon(
    sources: int, places: tuple[int, ...], k: int, overs: int, late_s: float
) -> None:
    """From a link on which such an over came, too: each of them takes as long as the packets that came of it."""
    *near, far = (Air(f"udp://link{number}") for number in range(sources + 1))
    intruders, talker = [air.member() for air in near], near[0].member()
    bob = Station(replace(BOB, link=far.name), link=far.member(), clock=clock)
    hill = WatchedRelay("Hill", *near, far)
    frames: list[Any] = over_frames(len(GENUINE))
    frames = [replace(one, codec_id=CODEC_ID) if isinstance(one, Begin) else one for one in frames]

    async def main() -> None:
        async with relaying([*near, far], hill), running(bob):
            await trio.sleep(2.0)
            for round_ in range(overs):
                for number, intruder in enumerate(intruders):
                    for frame in claimed(10 + 10 * round_ + number, places, k):
                        await intruder.send(encode(frame))
                await trio.sleep(0.05)
            await trio.sleep(1.0)
            await say(talker, frames)
            with trio.move_on_after(late_s):
                while GENUINE != [packet for packet in bob.decoder.packets if packet in GENUINE]:
                    await trio.sleep(0.05)

    play(main)
    assert GENUINE == [packet for packet in bob.decoder.packets if packet in GENUINE]
