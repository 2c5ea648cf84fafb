"""What is done around a link all the time: its health, and a process that stood still."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from app.events import Event, LinkProblem
from app.station.link_tasks import AGAIN_S, LinkHealth
from tests.support.overs import over_frames
from tests.support.station import BOB, CODEC_ID, Station, running
from transport.errors import PeerUnreachable
from transport.links.memory import memory_pair
from transport.protocol.frames import PACKET_S, Begin, Voice
from transport.protocol.open_frames import encode


@trio_test
async def test_a_link_that_fails_and_works_in_turn_is_told_once_a_second(
    virtual_time: trio.testing.MockClock,
) -> None:
    """Forged errors between the frames of a peer are no flood of lines."""
    told: list[Event] = []
    health = LinkHealth(told.append)
    for _ in range(1000):
        health.failed(PeerUnreachable("nobody listens there", "start it"))
        health.works()
        await trio.sleep(0.01)
    problems = [event for event in told if isinstance(event, LinkProblem)]
    assert 0 < len(problems) <= 10 / AGAIN_S + 1
    assert len(told) == 2 * len(problems)


@pytest.mark.parametrize("reading_s", [0.0, 0.01])
@pytest.mark.parametrize("frozen_s", [5.0, 20.0, 60.0])
@pytest.mark.parametrize("frames_before", [0, 10])
@trio_test
async def test_what_came_while_the_process_stood_still_is_not_played_late(
    virtual_time: trio.testing.MockClock, frozen_s: float, frames_before: int, reading_s: float
) -> None:
    """The rest of an over is heard no more than three seconds after it was said, begun before or meanwhile.

    A busy machine reads what waited in the socket a frame at a time.
    """
    here, there = memory_pair()
    bob = Station(BOB, link=there)
    during = round(frozen_s / PACKET_S)
    frames = [
        replace(frame, codec_id=CODEC_ID) if isinstance(frame, Begin) else frame
        for frame in over_frames(frames_before + during + 40)
    ]
    async with running(bob):
        for frame in frames[: frames_before + 1]:
            await trio.sleep(PACKET_S * isinstance(frame, Voice))
            await here.send(encode(frame))
        virtual_time.jump(frozen_s)
        for frame in frames[frames_before + 1 : frames_before + during]:
            await trio.sleep(reading_s)
            await here.send(encode(frame))
        for frame in frames[frames_before + during :]:
            await trio.sleep(PACKET_S * isinstance(frame, Voice))
            await here.send(encode(frame))
        said_s = trio.current_time()
        while not bob.engine.idle:
            await trio.sleep(0.1)
        await bob.engine.heard_out()
        assert trio.current_time() - said_s <= 3.0
        assert bob.only(events.OverPlayed)[-1].complete
        played = [packet for packet in bob.decoder.packets if packet is not None]
        assert len(played) >= frames_before + 30
