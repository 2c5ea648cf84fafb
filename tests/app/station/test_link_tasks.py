"""What is done around a link all the time: its health, and a process that stood still."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from app.events import EndReason, Event, LinkProblem, LinkRecovered
from app.station.link_health import AGAIN_S, HEARD_S, LinkHealth
from tests.support.overs import over_frames
from tests.support.station import ADA, BOB, CODEC_ID, Station, clip, running
from transport.errors import LineFull, NetworkReport, PeerUnreachable
from transport.links.memory import memory_pair
from transport.protocol.frames import PACKET_S, Beacon, Begin, Voice
from transport.protocol.open_frames import encode
from transport.protocol.over import VoiceIgnored


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


@pytest.mark.parametrize(
    ("problem", "heard", "lasting"),
    [
        (NetworkReport("nobody listens there", "start it"), True, False),
        (NetworkReport("nobody listens there", "start it"), False, True),
        (LineFull("there", 3), True, False),
        (PeerUnreachable("/dev/ttyUSB0 was unplugged", "plug it in"), True, True),
    ],
)
@trio_test
async def test_what_the_network_says_ends_nothing_while_somebody_is_there(
    virtual_time: trio.testing.MockClock, problem: PeerUnreachable, heard: bool, lasting: bool
) -> None:
    """Such a report can be forged; a link that has lost its device or its broker cannot. In the end it is believed."""
    told: list[Event] = []
    health = LinkHealth(told.append)
    if heard:
        health.take(VoiceIgnored(1), trio.current_time())
    for _ in range(120):
        health.failed(problem)
        await trio.sleep(1.0)
    assert lasting == any(event.lasting for event in told if isinstance(event, LinkProblem))
    for _ in range(int(HEARD_S)):
        health.failed(problem)
        await trio.sleep(1.0)
    assert health.lasting


@trio_test
async def test_who_found_no_place_has_none_while_nothing_says_so_again(virtual_time: trio.testing.MockClock) -> None:
    """He is not heard for 10 s, so the silence of the full line means nothing, however much he sends into it."""
    told: list[Event] = []
    health = LinkHealth(told.append)
    for _ in range(2):
        health.failed(LineFull("there", 3))
        for _ in range(25):
            await trio.sleep(0.4)
            health.sent()
    assert [False, True] == [event.lasting for event in told if isinstance(event, LinkProblem)]
    assert 2 == len(told)
    for _ in range(15):
        await trio.sleep(0.4)
        health.sent()
    assert isinstance(told[-1], LinkRecovered)


@trio_test
async def test_an_over_outlasts_forged_reports(virtual_time: trio.testing.MockClock) -> None:
    """An over to somebody who was heard goes on to its end under an error a second."""
    here, there = memory_pair()

    class Forged:
        """A link whose socket tells of an error each second."""

        def __getattr__(self, name: str) -> Any:
            return getattr(there, name)

        async def receive(self) -> bytes:
            with trio.move_on_after(0.9):
                return await there.receive()
            raise NetworkReport("nobody listens there", "start it")

    station = Station(ADA, link=Forged())
    async with running(station):
        await here.send(encode(Beacon(0, 0, "Bob")))
        await trio.sleep(5)
        station.engine.play_clip(clip(30.0))
        ended = await station.until(events.TalkEnded, within_s=40)
    assert (EndReason.CLIP_ENDED, pytest.approx(30.0, abs=PACKET_S)) == (ended.reason, ended.duration_s)
    await here.aclose()


@pytest.mark.parametrize("reading_s", [0.0, 0.01])
@pytest.mark.parametrize("frozen_s", [2.5, 5.0, 20.0, 60.0])
@pytest.mark.parametrize("frames_before", [0, 10])
@trio_test
async def test_what_came_while_the_process_stood_still_is_not_played_late(
    virtual_time: trio.testing.MockClock, frozen_s: float, frames_before: int, reading_s: float
) -> None:
    """The rest of an over is heard no more than two seconds after it was said, begun before or meanwhile.

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
        assert trio.current_time() - said_s <= 2.0
        assert bob.only(events.OverPlayed)[-1].complete
        played = [packet for packet in bob.decoder.packets if packet is not None]
        assert len(played) >= frames_before + 30
