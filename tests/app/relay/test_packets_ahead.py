"""Somebody sends packets of another's over before they are said, in the open: a relay carries all those on time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import trio

from app import events
from app.relay.reports import OverRelayed
from tests.support.air import Air, WatchedRelay, clock, play, relaying
from tests.support.attacker import FORGED
from tests.support.overs import numbered_packet, over_frames
from tests.support.station import BOB, CODEC_ID, Station, running
from transport.links.memory import MemoryLink
from transport.protocol.frames import PACKET_S, Begin, Frame, Voice
from transport.protocol.open_frames import encode
from transport.protocol.over import voice_number

SOON_S = 0.05
"""Time after a frame of the talker's at which the other one sends his, in seconds."""
AHEAD = [(2,), (5,), (30,), (60,), (64,), (5, 30, 60, 64), (60, 61, 62), tuple(range(2, 9)), tuple(range(20, 64))]
"""Sequences, counted from the frame that was heard before."""


async def say(link: MemoryLink, frames: Sequence[Frame], k: int) -> None:
    """Say an over at the pace of speech."""
    start_s, said = trio.current_time(), 0
    for frame in frames:
        said += isinstance(frame, Voice)
        await trio.sleep_until(start_s + said * k * PACKET_S)
        await link.send(encode(frame))


async def say_ahead(link: MemoryLink, frame: Frame, k: int, sequences: Sequence[int]) -> None:
    """Say packets of the over that a frame is of, ahead of it."""
    for sequence in (frame.sequence + ahead for ahead in sequences):
        if voice_number(sequence, k) is not None:
            await link.send(encode(Voice(frame.over, sequence, (bytes([FORGED] * 32),) * k)))


@pytest.mark.parametrize("sequences", AHEAD)
@pytest.mark.parametrize(
    ("packets", "k", "far_k", "behind"),
    [(12, 1, 1, 0), (12, 1, 1, 6), (60, 1, 1, 0), (60, 1, 1, 33), (12, 1, 3, 0), (60, 2, 1, 0), (60, 2, 2, 20)],
)
def test_packets_on_time_are_carried(packets: int, k: int, far_k: int, behind: int, sequences: tuple[int, ...]) -> None:
    """One far ahead, or many, at its beginning or in its middle: all of the over is heard behind the relay."""
    near, far = Air("udp://near"), Air(f"udp://far?k={far_k}")
    talker, intruder = near.member(), near.member()
    bob = Station(replace(BOB, link=far.name), link=far.member(), clock=clock)
    hill = WatchedRelay("Hill", near, far)
    genuine = [numbered_packet(number) for number in range(packets)]
    frames: list[Any] = over_frames(packets, k)
    frames = [replace(one, codec_id=CODEC_ID) if isinstance(one, Begin) else one for one in frames]
    behind_s = SOON_S + k * PACKET_S * sum(isinstance(one, Voice) for one in frames[: behind + 1])

    async def main() -> None:
        async with relaying([near, far], hill), running(bob), trio.open_nursery() as nursery:
            await trio.sleep(2.0)
            nursery.start_soon(say, talker, frames, k)
            await trio.sleep(behind_s)
            await say_ahead(intruder, frames[behind], k, sequences)
            played = await bob.until(events.OverPlayed)
            assert (packets, 0, True) == (played.packets, played.lost, played.complete)

    play(main)
    assert genuine == [packet for packet in bob.decoder.packets if packet in genuine]
    assert [(packets, 0, True)] == [(one.packets, one.lost, one.complete) for one in hill.only(OverRelayed)]


def test_one_in_the_first_place_costs_three_at_the_most() -> None:
    """Behind the BEGIN it may be what was said before the key: with one packet a frame it is carried as that."""
    near, far = Air("udp://near"), Air("udp://far")
    talker, intruder = near.member(), near.member()
    bob = Station(replace(BOB, link=far.name), link=far.member(), clock=clock)
    hill = WatchedRelay("Hill", near, far)
    frames: list[Any] = over_frames(60)
    frames = [replace(one, codec_id=CODEC_ID) if isinstance(one, Begin) else one for one in frames]

    async def main() -> None:
        async with relaying([near, far], hill), running(bob), trio.open_nursery() as nursery:
            await trio.sleep(2.0)
            nursery.start_soon(say, talker, frames, 1)
            await trio.sleep(SOON_S)
            await say_ahead(intruder, frames[0], 1, (1,))
            played = await bob.until(events.OverPlayed)
            assert (60, True) == (played.packets, played.complete)

    play(main)
    genuine = [numbered_packet(number) for number in range(60)]
    heard = [packet for packet in bob.decoder.packets if packet in genuine]
    assert genuine[-len(heard) :] == heard and len(heard) >= 57
