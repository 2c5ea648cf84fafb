"""What somebody between two stations can do on a protected channel, and on an open one, in virtual time."""

from __future__ import annotations

import os
import random

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from app.settings.protection import secret_of
from tests.support.wiretap import (
    PACKETS,
    UTC_S,
    Meddle,
    Scene,
    Wire,
    playing,
    problems,
    settings,
    utc,
)
from transport.protection.channel import open_channel
from transport.protection.cipher import Secret
from transport.protocol.frames import Begin, End, Frame, Mode, Ping, Text, Type, Voice
from transport.protocol.open_frames import encode, peek_type

pytestmark = pytest.mark.usefixtures("cheap_keys")


def twice(octets: bytes) -> list[bytes]:
    return [octets, octets]


def also_truncated(octets: bytes) -> list[bytes]:
    return [octets[:-1], octets[: len(octets) // 2], octets]


def also_forged(octets: bytes) -> list[bytes]:
    """Of every frame a copy with other content, one with another place in the over, and one with another tag."""
    header, rest = octets[:4], octets[4:]
    elsewhere = octets[:3] + bytes([octets[3] + 1 & 0xFF]) + rest
    other = header + bytes([rest[0] ^ 0xFF]) + rest[1:]
    return [other, elsewhere, octets[:-1] + bytes([octets[-1] ^ 1]), octets]


def also_ended(octets: bytes) -> list[bytes]:
    """After every frame a forged END of its over, sealed by somebody else, and one in the clear."""
    stranger = open_channel(Secret(Mode.SEALED, bytes(32)), 8, os.urandom)
    stranger.encode(Begin(octets[1], 0, octets[4:12], 0, 77, 1, "Ada"), 0.0, UTC_S)
    end = End(octets[1], 1 + int.from_bytes(octets[2:4]), 1)
    return [octets, stranger.encode(end, 0.0, UTC_S), encode(end)]


@pytest.mark.parametrize("mode", [Mode.SEALED, Mode.HAM])
@pytest.mark.parametrize(
    ("meddle", "expected"),
    [
        (twice, {"replayed": 1 + PACKETS + 1 + 2}),  # BEGIN, VOICE, BEGIN again, END a third and a fourth time
        (also_truncated, {}),
        (also_forged, {}),
        (also_ended, {}),
    ],
    ids=["every frame twice", "truncated", "forged", "ended by others"],
)
@trio_test
async def test_an_over_is_heard_whole(
    virtual_time: trio.testing.MockClock, mode: Mode, meddle: Meddle, expected: dict[str, int]
) -> None:
    """Whatever comes besides the real frames: every packet is played once, as it was made, the floor
    is theirs from BEGIN to END, nothing is answered, and what came besides is counted."""
    async with playing(Wire(to_bob=meddle), settings("Ada", mode=mode), settings("Bob", mode=mode)) as scene:
        scene.bob.engine.set_volume(1.0)
        await scene.over()
    assert scene.said == scene.heard
    assert ["receiving", "idle"] == [change.state.value for change in scene.bob.only(events.FloorChanged)]
    [ended] = scene.bob.only(events.OverPlayed)
    assert ("Ada", PACKETS, 0, 0, True) == (ended.sender, ended.packets, ended.lost, ended.damaged, ended.complete)
    assert [] == scene.wire.answered
    if "replayed" in expected:
        assert events.ChannelCounts(**expected) == scene.counts
    elif meddle is also_truncated:
        counts = [*scene.bob.only(events.PacketCounts)][-1]
        assert 2 * len(scene.wire.passed) == counts.rubbish + scene.counts.bad_tags
    else:
        assert scene.counts.bad_tags + scene.counts.unknown + scene.counts.foreign >= len(scene.wire.passed)
        assert scene.counts.replayed == 0


def voice_place(octets: bytes) -> int | None:
    """The sequence of a VOICE frame, None for others."""
    return int.from_bytes(octets[2:4]) if peek_type(octets) is Type.VOICE else None


@trio_test
async def test_reordered_frames_play_in_their_places(virtual_time: trio.testing.MockClock) -> None:
    """Where every second frame comes after the one behind it, what comes in time is played in its place, the rest is
    late and concealed; nothing is taken for a replay."""
    kept: list[bytes] = []

    def swap(octets: bytes) -> list[bytes]:
        place = voice_place(octets)
        if place is not None and place > 2 and place % 2 and not kept:
            kept.append(octets)
            return []
        swapped = [octets, *kept]
        kept.clear()
        return swapped

    async with playing(Wire(to_bob=swap)) as scene:
        await scene.over()
    assert PACKETS == len(scene.heard)
    assert all(heard in (None, said) for heard, said in zip(scene.heard, scene.said, strict=True))
    assert scene.heard.count(None) <= PACKETS // 2
    assert events.ChannelCounts() == scene.counts


@trio_test
async def test_damaged_frames_are_lost_and_not_played(virtual_time: trio.testing.MockClock) -> None:
    """Of an over with flipped bits only untouched packets are played; the rest is concealed and counted as lost."""

    def damage(octets: bytes) -> list[bytes]:
        place = voice_place(octets)
        if place is not None and place % 3 == 2:
            octets = octets[: 3 * place] + bytes([octets[3 * place] ^ 0x10]) + octets[3 * place + 1 :]
        return [octets]

    async with playing(Wire(to_bob=damage)) as scene:
        await scene.over()
    assert PACKETS == len(scene.heard)
    assert all(heard in (None, said) for heard, said in zip(scene.heard, scene.said, strict=True))
    assert 0 < scene.counts.bad_tags == scene.heard.count(None) == scene.bob.only(events.OverPlayed)[0].lost


@pytest.mark.parametrize("later_s", [0, 5, 70, 200])
@trio_test
async def test_a_whole_over_sent_again(virtual_time: trio.testing.MockClock, later_s: float) -> None:
    """An over that is sent again by somebody, at once or later, is not heard, does not take the floor and is counted;
    from a minute on it is told whose frames they were."""
    async with playing() as scene:
        await scene.over()
        overs = list(scene.wire.passed)
        await trio.sleep(later_s)
        floor = len(scene.bob.only(events.FloorChanged))
        await scene.wire.say_to_bob(*overs)
        await trio.sleep(5)
        assert floor == len(scene.bob.only(events.FloorChanged))
        scene.bob.engine.key_down()
        await scene.bob.until(events.TalkPermitted, within_s=1)
        scene.bob.engine.key_up()
    assert scene.said == scene.heard
    assert 1 == len(scene.bob.only(events.OverBegan))
    refused = scene.counts.replayed + scene.counts.stale + scene.counts.unknown
    assert len(scene.wire.passed) == refused
    assert (later_s > 60) is any("Ada" in what and "behind yours" in what for what in problems(scene.bob))


@pytest.mark.parametrize("mode", [Mode.SEALED, Mode.HAM])
@trio_test
async def test_a_forger_holds_no_floor_and_gets_no_answer(virtual_time: trio.testing.MockClock, mode: Mode) -> None:
    """While somebody without the passphrase sends overs, messages and pings in every mode, Bob's key counts, nothing
    is played or answered, and a real over in between is heard whole."""

    async def forge(scene: Scene) -> None:
        source = random.Random(2)
        strangers = [open_channel(None, 8, os.urandom)] + [
            open_channel(Secret(other, bytes(32)), 8, os.urandom) for other in (Mode.SEALED, Mode.HAM)
        ]
        for number in range(10_000):
            over = number % 256
            said: list[Frame] = [
                Begin(over, 0, os.urandom(8), utc(), 77, 1, "Ada"),
                Voice(over, 1, (bytes(32),)),
                Text(over, number, "Ada", "go home"),
                Ping(over, number, 1),
                End(over, 2, 1),
            ]
            for stranger in strangers:
                await scene.wire.say_to_bob(*(stranger.encode(frame, trio.current_time(), utc()) for frame in said))
            await scene.wire.say_to_bob(source.randbytes(source.randrange(60)))
            await trio.sleep(0.1)

    async with (
        playing(None, settings("Ada", mode=mode), settings("Bob", mode=mode)) as scene,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(forge, scene)
        await trio.sleep(2)
        scene.bob.engine.key_down()
        await scene.bob.until(events.TalkPermitted, within_s=1)
        await trio.sleep(1)
        scene.bob.engine.key_up()
        await scene.bob.until(events.OverSent)
        await trio.sleep(3)  # until Ada has heard him out
        sent = len(scene.wire.answered)
        await scene.over()
        assert sent == len(scene.wire.answered)
        nursery.cancel_scope.cancel()
    assert scene.said == scene.heard
    assert [] == scene.bob.only(events.TextHeard, events.TalkDenied, events.Collision)
    assert scene.counts.bad_tags > 0 and scene.counts.foreign > 0


@trio_test
async def test_our_own_frames_sent_back(virtual_time: trio.testing.MockClock) -> None:
    """A talker whose frames come back to him, at once or later, hears nobody and infers no collision."""
    wire = Wire()

    def back(octets: bytes) -> list[bytes]:
        wire._near_ada._out.send_nowait(octets)
        return [octets]

    wire.to_bob = back
    async with playing(wire) as scene:
        await scene.over()
    assert scene.said == scene.heard
    assert [] == scene.ada.only(events.Collision, events.OverBegan, events.TalkDenied)
    counts = scene.ada.only(events.ChannelCounts)[-1]
    assert events.ChannelCounts(replayed=4, unknown=PACKETS) == counts  # BEGIN and END twice; VOICE needs a BEGIN


@trio_test
async def test_a_ping_is_answered_once_and_not_at_greater_length(virtual_time: trio.testing.MockClock) -> None:
    """A ping that is sent again gets no second answer; the answer is as long as the ping."""
    async with playing() as scene:
        secret = secret_of(scene.ada.settings)
        assert secret is not None
        pinger = open_channel(secret, 8, os.urandom)
        ping = pinger.encode(Ping(1, 2, 3), trio.current_time(), utc())
        for _ in range(3):
            await scene.wire.say_to_bob(ping)
            await trio.sleep(1)
        assert [len(ping)] == [len(answer) for answer in scene.wire.answered]
    assert 2 == scene.counts.replayed


@pytest.mark.parametrize(("speaks", "presses"), [(True, ((60, 0), (70, 1))), (False, ((5, 1),))])
@trio_test
async def test_in_the_open_a_forger_holds_the_floor_no_longer_than_anybody_may(
    virtual_time: trio.testing.MockClock, speaks: bool, presses: tuple[tuple[int, int], ...]
) -> None:
    """Forged overs without end lock Bob out for 120 s, and for seconds where they are nothing but BEGINs; then his key
    counts."""

    async def forge(scene: Scene) -> None:
        number = 0
        while True:
            number += 1
            await scene.wire.say_to_bob(encode(Begin(number % 256, 0, os.urandom(8), 0, 77, 1, "Mallory")))
            if speaks:
                await scene.wire.say_to_bob(encode(Voice(number % 256, 1, (bytes(32),))))
            await trio.sleep(0.3)

    async with playing(bob=settings("Bob", None)) as scene, trio.open_nursery() as nursery:
        nursery.start_soon(forge, scene)
        for wait_s, permitted in presses:
            await trio.sleep(wait_s)
            scene.bob.engine.key_down()
            await trio.sleep(1)
            scene.bob.engine.key_up()
            assert permitted == len(scene.bob.only(events.TalkPermitted))
        nursery.cancel_scope.cancel()
