"""Somebody sends a few frames that claim a long over, to several links of an open relay: the next over goes on.

Nor is anything of a genuine over dropped for that, with gaps of any length, a late BEGIN, or where it has to wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import trio

from app.relay.reports import OverNotRelayed, OverRelayed
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


async def say(
    link: MemoryLink, frames: Sequence[Frame], k: int = 1, lost: Sequence[int] = (), begin_s: float = 0.0
) -> None:
    """Say an over at the pace of speech, without these of its VOICE, all at once that comes before the BEGIN."""
    start_s, said = trio.current_time(), 0
    for frame in frames:
        said += isinstance(frame, Voice)
        await trio.sleep_until(start_s + max(begin_s, said * k * PACKET_S))
        if not isinstance(frame, Voice) or said - 1 not in lost:
            await link.send(encode(frame))


def over(packets: int, k: int = 1, **changes: Any) -> list[Any]:
    """Return the frames of an over that Bob understands."""
    frames = over_frames(packets, k, **changes)
    return [replace(one, codec_id=CODEC_ID) if isinstance(one, Begin) else one for one in frames]


@pytest.mark.parametrize(
    ("sources", "places", "k", "overs", "late_s"),
    [
        (1, (0, 61), 1, 1, 4.0),
        (2, (0, 61), 1, 1, 6.0),
        (4, (0, 61), 1, 1, 10.0),
        (6, (0, 61), 1, 1, 14.0),
        (2, (61,), 1, 1, 10.0),
        (4, (61,), 1, 1, 18.0),
        (2, THIRDS, 1, 1, 22.0),
        (4, THIRDS, 1, 1, 40.0),
        (4, (0, 10), 6, 1, 22.0),
        (1, (0, 61), 1, 4, 6.0),
        (3, (0, 61), 1, 4, 12.0),
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

    async def main() -> None:
        async with relaying([*near, far], hill), running(bob):
            await trio.sleep(2.0)
            for round_ in range(overs):
                for number, intruder in enumerate(intruders):
                    for frame in claimed(10 + 10 * round_ + number, places, k):
                        await intruder.send(encode(frame))
                await trio.sleep(0.05)
            await trio.sleep(1.0)
            await say(talker, over(len(GENUINE)))
            with trio.move_on_after(late_s):
                while GENUINE != [packet for packet in bob.decoder.packets if packet in GENUINE]:
                    await trio.sleep(0.05)

    play(main)
    assert GENUINE == [packet for packet in bob.decoder.packets if packet in GENUINE]


@pytest.mark.parametrize(
    ("k", "far_k", "lost", "begin_s", "rival", "heard"),
    [
        (1, 1, (11, 12, 13, 14, 15), 0.0, 16, 54),
        (1, 1, (1, 2, 3, 4), 0.0, 16, 55),
        (1, 1, (10, 11, 12), 0.3, 80, 57),
        (1, 1, (10, 11, 12), 1.0, 80, 57),
        (4, 4, (1, 2), 0.0, 16, 52),
        (4, 1, (0,), 0.0, 16, 52),
        (6, 1, (0,), 0.0, 16, 54),
        (6, 6, (4,), 0.3, 80, 54),
    ],
)
def test_nothing_that_came_is_dropped_where_another_one_waits(
    k: int, far_k: int, lost: tuple[int, ...], begin_s: float, rival: int, heard: int
) -> None:
    """With a row of frames lost, a BEGIN that comes late, and an over on a third link at the same time."""
    near, side, far = Air(f"udp://near?k={k}"), Air("udp://side?k=1"), Air(f"udp://far?k={far_k}")
    talker, other = near.member(), side.member()
    bob = Station(replace(BOB, link=far.name), link=far.member(), clock=clock)
    hill = WatchedRelay("Hill", near, side, far)

    async def main() -> None:
        async with relaying([near, side, far], hill), running(bob), trio.open_nursery() as nursery:
            await trio.sleep(2.0)
            if rival > 60:  # has begun before
                nursery.start_soon(say, other, over(rival, over=9, nonce=b"Cid said", sender="Cid"))
            await trio.sleep(0.5)
            nursery.start_soon(say, talker, over(60, k), k, lost, begin_s)
            await trio.sleep(0.1)
            if rival < 60:
                nursery.start_soon(say, other, over(rival, over=9, nonce=b"Cid said", sender="Cid"))
            await trio.sleep(90.0)

    play(main)
    reports = [one for one in hill.only(OverRelayed) if (one.sender, one.link) == ("Ada", "udp://far")]
    assert heard <= sum(one.packets - one.lost for one in reports) and [] == hill.only(OverNotRelayed)
    assert rival in [one.packets for one in hill.only(OverRelayed) if one.sender == "Cid"]


@pytest.mark.parametrize("links", [3, 4, 6])
def test_a_word_that_waits_is_not_pushed_out(links: int) -> None:
    """By overs without a packet, or by longer ones, on its own link while somebody talks on another one."""
    airs = [Air(f"udp://link{number}") for number in range(links)]
    near, side, *_, far = airs
    talker, intruder, other = near.member(), near.member(), side.member()
    bob = Station(replace(BOB, link=far.name), link=far.member(), clock=clock)
    hill = WatchedRelay("Hill", *airs)

    async def main() -> None:
        async with relaying(airs, hill), running(bob), trio.open_nursery() as nursery:
            await trio.sleep(2.0)
            nursery.start_soon(say, other, over(40, over=9, nonce=b"Cid said", sender="Cid"))
            await trio.sleep(0.5)
            await say(talker, over(3))
            await trio.sleep(1.0)
            for number in (30, 31):
                for frame in (
                    Begin(number, 0, bytes([number]) * 8, clock(), CODEC_ID, 1, "Eve"),
                    *claimed(number + 9, (0,), 4),
                ):
                    await intruder.send(encode(frame))
            await trio.sleep(60.0)

    play(main)
    whole = {one.link for one in hill.only(OverRelayed) if ("Ada", 3, 0) == (one.sender, one.packets, one.lost)}
    assert {air.name for air in airs[1:]} == whole


@pytest.mark.parametrize("spacing_s", [1.6, 2.4])
@pytest.mark.parametrize("waits_s", [0.0, 10.0])
def test_who_says_hardly_anything_holds_nobody_up(spacing_s: float, waits_s: float) -> None:
    """With a packet now and then, in its place, and after he had to wait himself: others have their turns."""
    near, side, far = (Air(f"udp://link{number}?k=1") for number in range(3))
    talker, intruder, other = near.member(), side.member(), far.member()
    hill = WatchedRelay("Hill", near, side, far)

    async def trickle() -> None:
        start_s, begin = trio.current_time(), Begin(9, 0, b"trickles", clock(), CODEC_ID, 1, "Eve")
        await intruder.send(encode(begin))
        while trio.current_time() < start_s + 90.0:
            await trio.sleep(spacing_s)
            place = int((trio.current_time() - start_s) / PACKET_S)
            await intruder.send(encode(Voice(9, 1 + place, (bytes([FORGED, 9, place % 256]) + bytes(29),))))

    async def main() -> None:
        async with relaying([near, side, far], hill), trio.open_nursery() as nursery:
            await trio.sleep(2.0)
            nursery.start_soon(say, other, over(round(waits_s / PACKET_S), over=5, nonce=b"Bob said", sender="Bob"))
            nursery.start_soon(trickle)
            await trio.sleep(waits_s + 10.0)
            for number in range(3):
                await say(talker, over(12, over=20 + number, nonce=bytes([number]) * 8))
                await trio.sleep(12.0)
            nursery.cancel_scope.cancel()

    play(main)
    whole = [
        one
        for one in hill.only(OverRelayed)
        if ("Ada", "udp://link2", 12, 0) == (one.sender, one.link, one.packets, one.lost)
    ]
    assert 3 == len(whole)
