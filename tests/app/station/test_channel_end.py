"""Two stations on a sealed or ham channel, in virtual time: how it should be, and what is said of clocks."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from app.errors import GossamerError, first_error
from app.settings.model import Settings
from app.settings.protection import MODE_WORDS, channel_mode, secret_of
from app.station.channel_end import ChannelEnd, wall_clock_s
from tests.support.station import ADA, Station, clip, running
from tests.support.wiretap import (
    PACKETS,
    SECONDS,
    STARTED_S,
    UTC_S,
    Wire,
    playing,
    problems,
    settings,
    utc,
)
from transport.links.base import SourceFinder
from transport.links.memory import memory_pair
from transport.protection.channel import open_channel
from transport.protection.cipher import Secret
from transport.protocol.frames import Beacon, Begin, Mode, Receipt
from transport.protocol.open_frames import decode, encode

pytestmark = pytest.mark.usefixtures("cheap_keys")


@pytest.mark.parametrize(("mode", "word", "nibble"), [(None, "sealed", 2), (Mode.HAM, "signed (ham)", 3)])
@trio_test
async def test_a_conversation(virtual_time: trio.testing.MockClock, mode: Mode | None, word: str, nibble: int) -> None:
    """Both ways every packet arrives as it was made, nothing is refused, every frame on the wire is of the mode, and
    both stations say what the channel is."""
    async with playing(ada=settings("Ada", mode=mode), bob=settings("Bob", mode=mode)) as scene:
        await scene.over()
        await scene.over(scene.bob)
        scene.bob.engine.send_text("thank you")
        await scene.ada.until(events.TextHeard)
    assert PACKETS == len(scene.said) == len(scene.heard)
    assert scene.said == scene.heard
    assert scene.bob.encoder.packets == scene.ada.decoder.packets
    assert "thank you" == scene.ada.only(events.TextHeard)[0].text
    for station in (scene.ada, scene.bob):
        assert word == MODE_WORDS[station.only(events.StationReady)[0].mode]
        assert [] == station.only(events.ChannelCounts, events.ChannelProblem)
    assert {nibble} == {octets[0] >> 4 for octets in scene.wire.passed + scene.wire.answered}
    on_the_wire = b"".join(scene.wire.passed)
    assert (nibble == 3) is (b"Ada" in on_the_wire) is (scene.said[0] in on_the_wire)


@trio_test
async def test_an_addressed_over_is_confirmed(virtual_time: trio.testing.MockClock) -> None:
    """The station that was meant says how much it heard, under a tag, at no greater length than the END that it
    answers; another sender's receipt does not count."""
    async with playing(ada=replace(settings("Ada"), addressee="Bob")) as scene:
        await scene.over()
        stranger = open_channel(Secret(Mode.SEALED, bytes(32)), 8, os.urandom)
        end = scene.wire.passed[-1]
        forged = Receipt(end[1], int.from_bytes(end[2:4]), 1)
        await scene.wire.say_to_ada(
            stranger.encode(forged, trio.current_time(), utc()), encode(forged), *scene.wire.answered
        )
    assert [(PACKETS, PACKETS)] == [
        (receipt.heard, receipt.packets) for receipt in scene.ada.only(events.OverConfirmed)
    ]
    [receipt] = scene.wire.answered
    assert len(receipt) == len(scene.wire.passed[-1])
    assert events.ChannelCounts(bad_tags=1, foreign=1, replayed=1) == scene.ada.only(events.ChannelCounts)[-1]


@trio_test
async def test_what_a_link_dropped_is_counted(virtual_time: trio.testing.MockClock) -> None:
    """Unseen, it can be of any kind, so it counts as muted, on an open channel too; each time it grows."""
    async with playing(ada=settings("Ada", None), bob=settings("Bob", None)) as scene:
        for dropped in (3, 5):
            scene.wire.bobs.dropped = dropped
            await trio.sleep(1.0)
            assert events.ChannelCounts(muted=dropped) == scene.counts
    assert 2 == len(scene.bob.only(events.ChannelCounts))


@trio_test
async def test_late_joiners_understand_a_sealed_over(virtual_time: trio.testing.MockClock) -> None:
    """Who hears nothing of the first second understands from the next BEGIN on, and is not told of forgeries."""
    lost = [5]

    def deaf_at_first(octets: bytes) -> list[bytes]:
        lost[0] -= 1
        return [] if lost[0] >= 0 else [octets]

    async with playing(Wire(to_bob=deaf_at_first)) as scene:
        await scene.over()
    assert scene.said[8:] == scene.heard
    assert events.ChannelCounts(unknown=4) == scene.counts
    assert [] == problems(scene.bob)


@trio_test
async def test_without_a_clock_replay_protection_is_off_and_that_is_said(virtual_time: trio.testing.MockClock) -> None:
    """A station without a clock says so, and the others say it of that station; the over is heard."""
    async with playing(ada_clock=lambda: 0) as scene:
        await scene.over()
    assert scene.said == scene.heard
    consequence = "has no clock, so replay protection is off: old overs could be sent again"
    assert [f"this station {consequence}"] == problems(scene.ada)
    assert [f"Ada {consequence}"] == problems(scene.bob)


@pytest.mark.parametrize("time_s", [-1.2e8, 12.5, 4_495_936_177.5])
def test_a_clock_that_no_frame_can_say_is_no_clock(monkeypatch: pytest.MonkeyPatch, time_s: float) -> None:
    """Boards without a battery start in 1970; the field of a frame ends in 2106."""
    monkeypatch.setattr("time.time", lambda: time_s)
    assert 0 == wall_clock_s()
    monkeypatch.setattr("time.time", lambda: UTC_S + 0.5)
    assert UTC_S == wall_clock_s()


@pytest.mark.parametrize("now_s", [0, UTC_S])
@trio_test
async def test_an_over_begins_at_the_time_of_the_stations_clock(
    virtual_time: trio.testing.MockClock, now_s: int
) -> None:
    """On the open channel too, where a clock that is none is said as 0."""
    near, far = memory_pair()
    ada = Station(ADA, link=far, clock=lambda: now_s)
    async with running(ada):
        ada.engine.play_clip(clip(1.0))
        frame = decode(await near.receive())
        while not isinstance(frame, Begin):
            frame = decode(await near.receive())
    assert now_s == frame.utc_s


@trio_test
async def test_mode_and_passphrase_fit(virtual_time: trio.testing.MockClock) -> None:
    """A mode that needs a passphrase without one, and the other way round, is a line with a cure; the passphrase is in
    no representation of the settings."""
    for wrong in (
        settings("Ada", None, Mode.SEALED),
        settings("Ada", None, Mode.HAM),
        settings("Ada", "secret", Mode.OPEN),
    ):
        with pytest.raises(GossamerError, match="passphrase"):
            channel_mode(wrong)
    with pytest.raises(ExceptionGroup) as caught:
        async with playing(ada=settings("Ada", None, Mode.HAM)):
            pass
    assert "needs a passphrase" in str(first_error(caught.value))
    assert "secret" not in repr(settings("Ada"))
    assert secret_of(settings("Ada", None)) is None


@trio_test
async def test_the_parrot_speaks_sealed_too(virtual_time: trio.testing.MockClock) -> None:
    """The station inside this program has the passphrase of the one that it answers."""
    station = Station(Settings("parrot://?rate=1600", name="Ada", passphrase="secret"), clock=utc)

    STARTED_S[0] = trio.current_time()
    async with trio.open_nursery() as nursery:
        await nursery.start(station.engine.run)
        station.engine.play_clip(clip(SECONDS))
        await station.until(events.OverPlayed)
        station.engine.close()
    assert station.encoder.packets == station.decoder.packets
    assert [] == station.only(events.ChannelCounts)


class SourcesLink:
    """A link that tells senders apart, and keeps what it was vouched for."""

    name, tag_bytes = "sources://", 8

    def __init__(self) -> None:
        self.vouched: list[bytes] = []

    def protect(self, make_keep_alive: Callable[[], bytes]) -> None:
        """Keep nothing."""

    def source(self, frame: bytes) -> Hashable | None:
        return "somebody"

    def vouch(self, frame: bytes) -> None:
        self.vouched.append(frame)

    async def reply(self, heard: bytes, frame: bytes) -> None:
        await trio.lowlevel.checkpoint()


@trio_test
async def test_the_link_learns_from_authentic_frames_alone(virtual_time: trio.testing.MockClock) -> None:
    """It is vouched for a frame once that was checked and is new, and for nothing that was refused."""
    link: Any = SourcesLink()
    secret = Secret(Mode.SEALED, bytes(32))
    assert isinstance(SourcesLink(), SourceFinder)
    end = ChannelEnd("Bob", link, secret, utc, lambda event: None)
    friend, stranger = (open_channel(one, 8, os.urandom) for one in (secret, Secret(Mode.SEALED, bytes(31) + b"x")))
    good = friend.encode(Beacon(0, 0), 0.0, utc())
    for octets in (stranger.encode(Beacon(0, 0), 0.0, utc()), encode(Beacon(0, 0)), b"", good[:-1]):
        end.receive(octets)
    assert [] == link.vouched
    for _ in range(3):
        end.receive(good)  # twice again: replayed
    assert [good] == link.vouched
