"""Overs whose link is gone, and links that tell of errors for a moment, in virtual time."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from app.events import EndReason
from app.station.link_health import LASTING_S
from tests.support.station import ADA, BOB, CODEC_ID, Station, clip, running
from transport.errors import LinkClosed, NetworkReport, PeerUnreachable
from transport.links.base import Link
from transport.links.memory import memory_pair
from transport.protocol.frames import PACKET_S, Begin, Voice
from transport.protocol.open_frames import decode, encode

PACKET = bytes(range(32))
UNPLUGGED = PeerUnreachable("/dev/ttyUSB0 was unplugged", "plug it in again")
UNREACHABLE = PeerUnreachable("nobody listens there", "start it")


class FailingLink:
    """A link that can be unplugged, and whose socket can tell of errors: each frame that is sent raises one, later."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._scope = trio.CancelScope()
        self._plugged = trio.Event()
        self._plugged.set()
        self._told = False
        self.refuses = False
        self.asked = 0

    def __getattr__(self, name: str):
        return getattr(self._link, name)

    @property
    def ready(self) -> bool:
        return self._plugged.is_set()

    async def wait_ready(self) -> None:
        await self._plugged.wait()

    def unplug(self) -> None:
        self._plugged = trio.Event()
        self._scope.cancel()

    def plug(self) -> None:
        self._plugged.set()

    async def send(self, frame: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.asked += 1
        if not self.ready:
            raise UNPLUGGED
        if self.refuses:
            raise UNREACHABLE
        await self._link.send(frame)

    async def receive(self) -> bytes:
        with trio.CancelScope() as self._scope:
            return await self._link.receive()
        raise UNPLUGGED


async def talk(link: Link, k: int, packets: int) -> None:
    """Send an over without its end, at the pace of speech."""
    await link.send(encode(Begin(9, 0, bytes(8), 0, CODEC_ID, k, "Eve")))
    for number in range(packets // k):
        await trio.sleep(k * PACKET_S)
        await link.send(encode(Voice(9, 1 + number, (PACKET,) * k)))


@pytest.mark.parametrize("k", [1, 2, 6])
@trio_test
async def test_an_over_whose_link_is_gone_ends_at_once_with_what_was_heard(
    virtual_time: trio.testing.MockClock, k: int
) -> None:
    """A serial line that is pulled while somebody talks: that over is lost, and no longer than what came of it."""
    here, there = memory_pair()
    link = FailingLink(there)
    station = Station(BOB, link=link)
    async with running(station):
        await talk(here, k, packets=6)
        await trio.sleep(0.1)
        link.unplug()
        pulled_s = trio.current_time()
        ended = await station.until(events.OverPlayed)
        assert trio.current_time() - pulled_s < 1.0 + k * PACKET_S  # what came is played to its end
        assert (6, 0, pytest.approx(6 * PACKET_S), False) == (
            ended.packets,
            ended.lost,
            ended.duration_s,
            ended.complete,
        )
        await trio.sleep(0.1)
        assert station.engine.idle
        link.plug()
        await station.until(events.LinkRecovered)


@pytest.mark.parametrize("k", [1, 2, 6])
@trio_test
async def test_an_over_that_falls_silent_is_as_long_as_what_was_heard(
    virtual_time: trio.testing.MockClock, k: int
) -> None:
    """What was concealed until its talker was given up is no part of it: the far end's line may have been pulled."""
    here, there = memory_pair()
    station = Station(BOB, link=there)
    async with running(station):
        await talk(here, k, packets=6)
        ended = await station.until(events.OverPlayed)
        assert (6, 0, pytest.approx(6 * PACKET_S), False) == (
            ended.packets,
            ended.lost,
            ended.duration_s,
            ended.complete,
        )


@trio_test
async def test_an_own_over_whose_link_is_gone_ends_with_what_the_link_took(
    virtual_time: trio.testing.MockClock,
) -> None:
    """The host is told its end and its length at once, then the reason."""
    _, there = memory_pair()
    link = FailingLink(there)
    station = Station(ADA, link=link)
    async with running(station):
        station.engine.play_clip(clip(10.0))
        await station.until(events.TalkPermitted)
        await trio.sleep(3.7)
        link.unplug()
        pulled_s = trio.current_time()
        ended = await station.until(events.TalkEnded)
        assert trio.current_time() == pytest.approx(pulled_s)
        assert EndReason.LINK_LOST is ended.reason
        assert 3.7 - 2 * PACKET_S <= ended.duration_s <= 3.7 + 2 * PACKET_S
        denied = await station.until(events.TalkDenied)
        assert "was unplugged" in denied.reason
        await trio.sleep(12)
        assert 1 == len(station.only(events.TalkEnded)) and not station.engine.sending


@trio_test
async def test_errors_for_a_moment_end_no_over(virtual_time: trio.testing.MockClock) -> None:
    """Frames are lost meanwhile; the link is told to work again once it has taken some and told of no more errors."""
    here, there = memory_pair()
    link = FailingLink(there)
    station = Station(ADA, link=link)
    async with running(station):
        station.engine.play_clip(clip(6.0))
        await station.until(events.TalkPermitted)
        await trio.sleep(1.0)
        link.refuses = True
        await trio.sleep(0.4)
        link.refuses = False
        mended_s = trio.current_time()
        await station.until(events.LinkRecovered)
        quiet_s = NetworkReport.QUIET_S
        assert quiet_s - PACKET_S <= trio.current_time() - mended_s < quiet_s + 3 * PACKET_S
        ended = await station.until(events.TalkEnded)
        assert (EndReason.CLIP_ENDED, pytest.approx(6.0, abs=PACKET_S)) == (ended.reason, ended.duration_s)
    assert [False] == [problem.lasting for problem in station.only(events.LinkProblem)]
    assert [] == station.only(events.TalkDenied)
    await here.aclose()


@trio_test
async def test_errors_that_last_end_an_over(virtual_time: trio.testing.MockClock) -> None:
    """After some seconds they are no hint any more, which is told."""
    _, there = memory_pair()
    link = FailingLink(there)
    station = Station(ADA, link=link)
    async with running(station):
        station.engine.play_clip(clip(20.0))
        await station.until(events.TalkPermitted)
        link.refuses = True
        failing_s = trio.current_time()
        ended = await station.until(events.TalkEnded)
        assert EndReason.LINK_LOST is ended.reason
        assert LASTING_S <= trio.current_time() - failing_s < LASTING_S + 3 * PACKET_S
        assert [False, True] == [problem.lasting for problem in station.only(events.LinkProblem)]
        assert 0 == ended.packets
        await trio.sleep(30)
        station.engine.play_clip(clip(1.0))
        denied = await station.until(events.TalkDenied, 2)  # no over goes on the air without its BEGIN
        assert "nobody listens there" in denied.reason


@trio_test
async def test_errors_far_apart_do_not_last(virtual_time: trio.testing.MockClock) -> None:
    """An error of a minute ago says nothing about now."""
    _, there = memory_pair()
    link = FailingLink(there)
    station = Station(ADA, link=link)
    async with running(station):
        for _ in range(5):
            link.refuses = True
            station.engine.ping(1)
            await trio.sleep(0.1)
            link.refuses = False
            await trio.sleep(20)
        station.engine.play_clip(clip(2.0))
        ended = await station.until(events.TalkEnded)
    assert EndReason.CLIP_ENDED is ended.reason
    assert not any(problem.lasting for problem in station.only(events.LinkProblem))


@trio_test
async def test_an_over_counts_what_the_link_took(virtual_time: trio.testing.MockClock) -> None:
    """Frames that it refused for a moment are not among the packets that were sent, as far as anybody heard them."""
    here, there = memory_pair()
    link = FailingLink(here)
    station = Station(ADA, link=link)
    async with running(station):
        station.engine.play_clip(clip(6.4))
        await trio.sleep(2.0)
        before = link.asked
        link.refuses = True
        await trio.sleep(1.0)
        link.refuses = False
        refused = link.asked - before
        sent = await station.until(events.OverSent)
    frames = []
    with pytest.raises(LinkClosed):
        while True:
            frames.append(decode(await there.receive()))
    assert 2 <= refused
    assert 20 == sent.packets
    assert 20 - sent.unsent == sum(len(frame.packets) for frame in frames if isinstance(frame, Voice)) < 20
