"""Overs of talkers on slow links, and in frames of any length, come whole to a station behind a relay."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import trio

from app import events
from tests.support.air import Air, WatchedRelay, clock, play, relaying
from tests.support.overs import numbered_packet, over_frames
from tests.support.station import BOB, CODEC_ID, Station, running
from transport.links.memory import MemoryLink
from transport.protocol.frames import PACKET_S, Begin, Frame, Repeat, Voice
from transport.protocol.open_frames import encode

BITS_A_BYTE = 10
"""Bits of a byte on a serial line, with its start and its end."""
PACKETS = 40


async def say(link: MemoryLink, frames: Sequence[Frame], k: int, baud: int, after_s: float = 0.0) -> None:
    """Say an over at the pace of speech, one frame after another, each of which takes its time on the line."""
    start_s, said = trio.current_time() + after_s, 0
    for frame in frames:
        said += isinstance(frame, Voice)
        await trio.sleep_until(start_s + said * k * PACKET_S)
        await trio.sleep(len(encode(frame)) * BITS_A_BYTE / baud)
        await link.send(encode(frame))


@pytest.mark.parametrize("far_k", range(1, 7))
@pytest.mark.parametrize(
    ("baud", "k", "repeat"),
    [(1200, 6, Repeat.NONE), (2400, 5, Repeat.PACKETS), (4800, 4, Repeat.PACKETS)]
    + [(57600, k, Repeat.NONE) for k in range(2, 7)],
)
def test_all_of_an_over_is_heard(baud: int, k: int, repeat: Repeat, far_k: int) -> None:
    """The first frame comes 2 s after the BEGIN, the second one takes longer where frames repeat packets, and the ends
    of frames need not be those of frames on the other link."""
    options = f"?baud={baud}&k={k}" + "&repeat=1" * (repeat is Repeat.PACKETS)
    near, far = Air(f"serial:///dev/slow{options}"), Air(f"udp://far?k={far_k}")
    talker = near.member()
    bob = Station(replace(BOB, link=far.name), link=far.member(), clock=clock)
    hill = WatchedRelay("Hill", near, far)
    frames: list[Any] = over_frames(PACKETS, k, repeat=repeat)
    frames = [replace(one, codec_id=CODEC_ID) if isinstance(one, Begin) else one for one in frames]

    async def main() -> None:
        async with relaying([near, far], hill), running(bob):
            await trio.sleep(2.0)
            await say(talker, frames, k, baud)
            played = await bob.until(events.OverPlayed)
            assert (PACKETS, 0, True) == (played.packets, played.lost, played.complete)

    play(main)
    assert [numbered_packet(number) for number in range(PACKETS)] == bob.decoder.packets


@pytest.mark.parametrize(
    ("ks", "early_s"), [((1, 4, 1), 0.0), ((4, 3, 1), 0.0), ((1, 3, 2), 0.0), ((4, 1), 0.4), ((3, 1), 0.3)]
)
@pytest.mark.parametrize("seed", range(3))
def test_an_over_that_is_ahead_of_its_begin_goes_on_evenly(ks: tuple[int, ...], early_s: float, seed: int) -> None:
    """As one is that was begun before the key, or that another relay says: through one relay, and through two."""
    random.seed(seed)
    airs = [Air(f"udp://link{number}?k={k}") for number, k in enumerate(ks)]
    talker = airs[0].member()
    bob = Station(replace(BOB, link=airs[-1].name), link=airs[-1].member(), clock=clock)
    hills = [WatchedRelay(f"R{number}", *pair) for number, pair in enumerate(itertools.pairwise(airs))]
    frames: list[Any] = over_frames(PACKETS, ks[0])
    frames = [replace(one, codec_id=CODEC_ID) if isinstance(one, Begin) else one for one in frames]

    async def main() -> None:
        async with relaying(airs, *hills), running(bob):
            await trio.sleep(2.0)
            await talker.send(encode(frames[0]))
            await say(talker, frames[1:], ks[0], 10**6, -max(0.2, early_s))
            played = await bob.until(events.OverPlayed)
            assert (PACKETS, 0, True) == (played.packets, played.lost, played.complete)

    play(main)
