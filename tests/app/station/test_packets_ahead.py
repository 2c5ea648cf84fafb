"""Somebody sends packets of another's over before they are said, in the open: none of those on time is lost by it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from app.history.overs import read_over
from tests.support.attacker import FORGED
from tests.support.overs import numbered_packet, over_frames
from tests.support.station import BOB, CODEC_ID, Station, running
from transport.errors import LinkClosed
from transport.links.memory import MemoryLink, memory_pair
from transport.protocol.frames import PACKET_S, Begin, Frame, Receipt, Voice
from transport.protocol.open_frames import decode, encode
from transport.protocol.over import voice_number

SOON_S = 0.05
"""Time after a frame of the talker's at which the other one sends his, in seconds."""
AHEAD = [(1,), (2,), (5,), (30,), (60,), (64,), (5, 30, 60, 64), (60, 61, 62), tuple(range(2, 9)), tuple(range(20, 64))]
"""Sequences, counted from the frame that was heard before."""


def over_of(packets: int, k: int = 1) -> list[Frame]:
    """Return all frames of an over to Bob."""
    frames = over_frames(packets, k)
    return [replace(one, codec_id=CODEC_ID, addressee="Bob") if isinstance(one, Begin) else one for one in frames]


def ahead_of(frame: Frame, sequences: Sequence[int], k: int) -> list[Frame]:
    """Return packets of the over that this frame is of, ahead of it."""
    places = [frame.sequence + ahead for ahead in sequences]
    packets = (bytes([FORGED] * 32),) * k
    return [Voice(frame.over, place, packets) for place in places if voice_number(place, k) is not None]


async def say(link: MemoryLink, frames: Sequence[Frame], k: int, behind: int, sequences: Sequence[int]) -> None:
    """Say an over, and behind one of its frames at once what is ahead of it."""
    start_s, said = trio.current_time(), 0
    for number, frame in enumerate(frames):
        said += isinstance(frame, Voice)
        await trio.sleep_until(start_s + said * k * PACKET_S)
        await link.send(encode(frame))
        if number == behind:
            await trio.sleep(SOON_S)
            for other in ahead_of(frame, sequences, k):
                await link.send(encode(other))


@pytest.mark.parametrize("sequences", AHEAD)
@pytest.mark.parametrize(
    ("packets", "k", "behind"),
    [(12, 1, 0), (12, 1, 6), (60, 1, 0), (60, 1, 33), (12, 3, 0), (60, 2, 0), (60, 2, 20)],
)
@trio_test
async def test_packets_on_time_are_played(
    virtual_time: trio.testing.MockClock, tmp_path: Path, packets: int, k: int, behind: int, sequences: tuple[int, ...]
) -> None:
    """One far ahead, or many: all of the over is played, confirmed and kept, and the next one as well."""
    here, there = memory_pair()
    bob = Station(BOB, link=there, recordings=tmp_path)
    genuine = [numbered_packet(number) for number in range(packets)]
    async with running(bob):
        for number in (1, 2):
            frames = [replace(one, over=number) for one in over_of(packets, k)]
            frames = [replace(one, nonce=bytes([number] * 8)) if isinstance(one, Begin) else one for one in frames]
            await say(here, frames, k, behind, sequences if number == 1 else ())
            played: Any = await bob.until(events.OverPlayed, number)
            assert (packets, 0, True) == (played.packets, played.lost, played.complete)
            await trio.sleep(2.0)
    assert 2 * genuine == [packet for packet in bob.decoder.packets if packet in genuine]
    assert not [packet for packet in bob.decoder.packets if packet is None]
    assert [packets] * 2 == [frame.packets_heard for frame in await sent_to(here) if isinstance(frame, Receipt)]
    kept = [read_over(path) for path in sorted(tmp_path.glob("**/*.over"))]
    assert [tuple(genuine)] * 2 == [over.packets for over in kept]


async def sent_to(link: MemoryLink) -> list[Frame]:
    """Return all frames that came over a link that is closed."""
    frames = []
    with trio.move_on_after(1.0), contextlib.suppress(LinkClosed):
        while True:
            frames.append(decode(await link.receive()))
    return frames
