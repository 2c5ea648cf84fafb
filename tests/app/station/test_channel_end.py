"""Two stations on a sealed or ham channel, and somebody in between who does what he can: in virtual time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace

import pytest
import trio
import trio.testing

from app import events
from app.errors import GossamerError, first_error
from app.settings.model import Settings
from app.settings.protection import MODE_WORDS, channel_mode, secret_of
from app.station.channel_end import wall_clock_s
from tests.support.station import Station, clip
from transport.errors import LinkClosed
from transport.links.memory import MemoryLink, memory_pair
from transport.protection.channel import open_channel
from transport.protection.cipher import Secret
from transport.protocol.frames import Begin, End, Frame, Mode, Ping, Receipt, Text, Type, Voice
from transport.protocol.open_frames import encode, peek_type

HERE = "somebody here"
UTC_S = 1_700_000_000
SECONDS = 4.0
PACKETS = 13
"""Of a clip of four seconds."""

Meddle = Callable[[bytes], Iterable[bytes]]
"""What becomes of a frame on its way."""


@pytest.fixture(autouse=True)
def cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """scrypt is slow on purpose; one test of its own (test_seal.py) is enough."""
    monkeypatch.setattr(
        "app.settings.protection.derive_key",
        lambda passphrase, channel: hashlib.sha256(f"{passphrase}/{channel}".encode()).digest(),
    )


@pytest.fixture
def clock() -> trio.testing.MockClock:
    return trio.testing.MockClock(autojump_threshold=0)


def utc() -> int:
    """A wall clock that goes with the virtual one."""
    return UTC_S + int(trio.current_time() - STARTED_S[0])


STARTED_S = [0.0]


def settings(name: str, passphrase: str | None = "secret", mode: str = "", channel: str = "harbour") -> Settings:
    return Settings("udp://:7800", name=name, mode=mode, channel=channel, passphrase=passphrase)


@dataclass
class Wire:
    """What connects two stations, in the hands of somebody else."""

    to_bob: Meddle = lambda octets: [octets]
    to_ada: Meddle = lambda octets: [octets]
    passed: list[bytes] = field(default_factory=list)
    """From Ada."""
    answered: list[bytes] = field(default_factory=list)
    """From Bob."""

    def __post_init__(self) -> None:
        self.adas, self._near_ada = memory_pair()
        self._near_bob, self.bobs = memory_pair()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._carry, self._near_ada, self._near_bob, self.passed, "to_bob")
            nursery.start_soon(self._carry, self._near_bob, self._near_ada, self.answered, "to_ada")

    async def _carry(self, here: MemoryLink, there: MemoryLink, seen: list[bytes], meddle: str) -> None:
        with contextlib.suppress(LinkClosed):  # a station that ends closes its link
            while True:
                octets = await here.receive()
                seen.append(octets)
                for changed in getattr(self, meddle)(octets):
                    await there.send(changed)

    async def say_to_ada(self, *octets: bytes) -> None:
        for one in octets:
            await self._near_ada.send(one)

    async def say_to_bob(self, *octets: bytes) -> None:
        for one in octets:
            await self._near_bob.send(one)


@dataclass
class Scene:
    """Ada, Bob, and the wire."""

    wire: Wire
    ada: Station
    bob: Station

    async def over(self, talker: Station | None = None) -> None:
        """One over of four seconds, heard out."""
        talker = talker or self.ada
        before = len(talker.only(events.OverSent))
        talker.engine.play_clip(clip(SECONDS, seed=before + 1))
        await talker.until(events.OverSent, before + 1)
        await trio.sleep(3)

    @property
    def said(self) -> list[bytes]:
        return self.ada.encoder.packets

    @property
    def heard(self) -> list[bytes | None]:
        return self.bob.decoder.packets

    @property
    def counts(self) -> events.ChannelCounts:
        """What Bob refused."""
        return (self.bob.only(events.ChannelCounts) or [events.ChannelCounts()])[-1]


def play(
    clock: trio.testing.MockClock,
    story: Callable[[Scene], Awaitable[None]],
    wire: Wire | None = None,
    ada: Settings | None = None,
    bob: Settings | None = None,
    **clocks: Callable[[], int],
) -> Scene:
    """The story between two stations that are ready, then everything closed."""
    wire = wire or Wire()
    scene = Scene(
        wire,
        Station(ada or settings("Ada"), link=wire.adas, clock=clocks.get("ada_clock", utc)),
        Station(bob or settings("Bob"), link=wire.bobs, clock=clocks.get("bob_clock", utc)),
    )

    async def main() -> None:
        STARTED_S[0] = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wire.run)
            for station in (scene.ada, scene.bob):
                await nursery.start(station.engine.run)
            await story(scene)
            await trio.sleep(0.5)  # the counts come four times a second
            for station in (scene.ada, scene.bob):
                station.engine.close()
            await trio.sleep(5)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=clock)
    return scene


async def one_over(scene: Scene) -> None:
    await scene.over()


def problems(station: Station) -> list[str]:
    return [problem.cause for problem in station.only(events.ChannelProblem)]


# --- how it should be ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "word", "nibble"), [("", "sealed", 2), ("ham", "signed (ham)", 3)])
def test_a_conversation(clock: trio.testing.MockClock, mode: str, word: str, nibble: int) -> None:
    """Both ways every packet arrives as it was made, nothing is refused, every frame on the wire is of the mode, and
    both stations say what the channel is."""

    async def story(scene: Scene) -> None:
        await scene.over()
        await scene.over(scene.bob)
        scene.bob.engine.send_text("thank you")
        await scene.ada.until(events.TextHeard)

    scene = play(clock, story, ada=settings("Ada", mode=mode), bob=settings("Bob", mode=mode))
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


def test_an_addressed_over_is_confirmed(clock: trio.testing.MockClock) -> None:
    """The station that was meant says how much it heard, under a tag, at no greater length than the END that it
    answers; another sender's receipt does not count."""

    async def story(scene: Scene) -> None:
        await scene.over()
        stranger = open_channel(Secret(Mode.SEALED, bytes(32)), 8, os.urandom)
        end = scene.wire.passed[-1]
        forged = Receipt(end[1], int.from_bytes(end[2:4]), 1)
        await scene.wire.say_to_ada(
            stranger.encode(forged, trio.current_time(), utc()), encode(forged), *scene.wire.answered
        )

    scene = play(clock, story, ada=replace(settings("Ada"), addressee="Bob"))
    assert [(PACKETS, PACKETS)] == [(receipt.heard, receipt.packets) for receipt in scene.ada.only(events.Receipt)]
    [receipt] = scene.wire.answered
    assert len(receipt) == len(scene.wire.passed[-1])
    assert events.ChannelCounts(bad_tags=1, foreign=1, replayed=1) == scene.ada.only(events.ChannelCounts)[-1]


def test_late_joiners_understand_a_sealed_over(clock: trio.testing.MockClock) -> None:
    """Who hears nothing of the first second understands from the next BEGIN on, and is not told of forgeries."""
    lost = [5]

    def deaf_at_first(octets: bytes) -> list[bytes]:
        lost[0] -= 1
        return [] if lost[0] >= 0 else [octets]

    scene = play(clock, one_over, Wire(to_bob=deaf_at_first))
    assert scene.said[8:] == scene.heard
    assert events.ChannelCounts(unknown=4) == scene.counts
    assert [] == problems(scene.bob)


# --- what somebody in between can do ------------------------------------------------------------------------------


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


@pytest.mark.parametrize("mode", ["sealed", "ham"])
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
def test_an_over_is_heard_whole(
    clock: trio.testing.MockClock, mode: str, meddle: Meddle, expected: dict[str, int]
) -> None:
    """Whatever comes besides the real frames: every packet is played once, as it was made, the floor
    is theirs from BEGIN to END, nothing is answered, and what came besides is counted."""

    async def story(scene: Scene) -> None:
        scene.bob.engine.set_volume(1.0)
        await scene.over()

    scene = play(clock, story, Wire(to_bob=meddle), settings("Ada", mode=mode), settings("Bob", mode=mode))
    assert scene.said == scene.heard
    assert ["receiving", "idle"] == [change.state.value for change in scene.bob.only(events.FloorChanged)]
    [ended] = scene.bob.only(events.OverEnded)
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


def test_reordered_frames_play_in_their_places(clock: trio.testing.MockClock) -> None:
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

    scene = play(clock, one_over, Wire(to_bob=swap))
    assert PACKETS == len(scene.heard)
    assert all(heard in (None, said) for heard, said in zip(scene.heard, scene.said, strict=True))
    assert scene.heard.count(None) <= PACKETS // 2
    assert events.ChannelCounts() == scene.counts


def test_damaged_frames_are_lost_and_not_played(clock: trio.testing.MockClock) -> None:
    """Of an over with flipped bits only untouched packets are played; the rest is concealed and counted as lost."""

    def damage(octets: bytes) -> list[bytes]:
        place = voice_place(octets)
        if place is not None and place % 3 == 2:
            octets = octets[: 3 * place] + bytes([octets[3 * place] ^ 0x10]) + octets[3 * place + 1 :]
        return [octets]

    scene = play(clock, one_over, Wire(to_bob=damage))
    assert PACKETS == len(scene.heard)
    assert all(heard in (None, said) for heard, said in zip(scene.heard, scene.said, strict=True))
    assert 0 < scene.counts.bad_tags == scene.heard.count(None) == scene.bob.only(events.OverEnded)[0].lost


@pytest.mark.parametrize("later_s", [0, 5, 70, 200])
def test_a_whole_over_sent_again(clock: trio.testing.MockClock, later_s: float) -> None:
    """An over that is sent again by somebody, at once or later, is not heard, does not take the floor and is counted;
    from a minute on it is told whose frames they were."""

    async def story(scene: Scene) -> None:
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

    scene = play(clock, story)
    assert scene.said == scene.heard
    assert 1 == len(scene.bob.only(events.OverBegan))
    refused = scene.counts.replayed + scene.counts.stale + scene.counts.unknown
    assert len(scene.wire.passed) == refused
    assert (later_s > 60) is any("Ada" in what and "behind yours" in what for what in problems(scene.bob))


@pytest.mark.parametrize("mode", ["sealed", "ham"])
def test_a_forger_holds_no_floor_and_gets_no_answer(clock: trio.testing.MockClock, mode: str) -> None:
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

    async def story(scene: Scene) -> None:
        async with trio.open_nursery() as nursery:
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

    scene = play(clock, story, None, settings("Ada", mode=mode), settings("Bob", mode=mode))
    assert scene.said == scene.heard
    assert [] == scene.bob.only(events.TextHeard, events.TalkDenied, events.Collision)
    assert scene.counts.bad_tags > 0 and scene.counts.foreign > 0


def test_our_own_frames_sent_back(clock: trio.testing.MockClock) -> None:
    """A talker whose frames come back to him, at once or later, hears nobody and infers no collision."""
    wire = Wire()

    def back(octets: bytes) -> list[bytes]:
        wire._near_ada._out.send_nowait(octets)
        return [octets]

    wire.to_bob = back
    scene = play(clock, one_over, wire)
    assert scene.said == scene.heard
    assert [] == scene.ada.only(events.Collision, events.OverBegan, events.TalkDenied)
    counts = scene.ada.only(events.ChannelCounts)[-1]
    assert events.ChannelCounts(replayed=4, unknown=PACKETS) == counts  # BEGIN and END twice; VOICE needs a BEGIN


def test_a_ping_is_answered_once_and_not_at_greater_length(clock: trio.testing.MockClock) -> None:
    """A ping that is sent again gets no second answer; the answer is as long as the ping."""

    async def story(scene: Scene) -> None:
        secret = secret_of(scene.ada.settings)
        assert secret is not None
        pinger = open_channel(secret, 8, os.urandom)
        ping = pinger.encode(Ping(1, 2, 3), trio.current_time(), utc())
        for _ in range(3):
            await scene.wire.say_to_bob(ping)
            await trio.sleep(1)
        assert [len(ping)] == [len(answer) for answer in scene.wire.answered]

    assert 2 == play(clock, story).counts.replayed


# --- who does not belong here -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "told_ada", "told_bob"),
    [
        (settings("Ada", None), f"{HERE} speaks sealed; you have no passphrase", f"{HERE} speaks in the open"),
        (settings("Ada", "another"), f"{HERE} has another passphrase", f"{HERE} has another passphrase"),
        (settings("Ada", channel="wharf"), f"{HERE} has another passphrase", f"{HERE} has another passphrase"),
        (settings("Ada", mode="ham"), f"{HERE} speaks sealed", f"{HERE} signs without sealing"),
    ],
    ids=["no passphrase", "another passphrase", "another channel", "ham"],
)
def test_each_side_is_told_in_one_line(
    clock: trio.testing.MockClock, theirs: Settings, told_ada: str, told_bob: str
) -> None:
    """A station in another mode or with another passphrase is told of once, at both ends, and not heard as noise."""

    async def story(scene: Scene) -> None:
        await scene.over()
        await scene.over(scene.bob)

    scene = play(clock, story, ada=theirs)
    assert [] == scene.heard == scene.ada.decoder.packets
    for station, told in ((scene.ada, told_ada), (scene.bob, told_bob)):
        [what] = problems(station)
        assert what.startswith(told)
        assert ["asked", "on air", "draining", "idle"] == [c.state.value for c in station.only(events.FloorChanged)]


def test_noise_is_nobody(clock: trio.testing.MockClock) -> None:
    """Random frames by the thousand, as a radio without squelch delivers them, are not taken for stations that are
    sealed, unless in a rare minute."""

    async def story(scene: Scene) -> None:
        source = random.Random(4)
        for _ in range(1000):
            await scene.wire.say_to_bob(source.randbytes(source.randrange(1, 120)))
            await trio.sleep(0.06)

    scene = play(clock, story, bob=settings("Bob", None))
    assert len(problems(scene.bob)) <= 1


def test_a_wrong_clock_is_told(clock: trio.testing.MockClock) -> None:
    """An over from a station whose clock is two minutes ahead is refused, and the line says whose and by how much."""
    scene = play(clock, one_over, ada_clock=lambda: utc() + 120)
    assert [] == scene.heard
    [what] = problems(scene.bob)
    assert "a frame of Ada was refused, its clock is 120 s ahead of yours" == what


def test_without_a_clock_replay_protection_is_off_and_that_is_said(clock: trio.testing.MockClock) -> None:
    """A station without a clock says so, and the others say it of that station; the over is heard."""
    scene = play(clock, one_over, ada_clock=lambda: 0)
    assert scene.said == scene.heard
    consequence = "has no clock, so replay protection is off: old overs could be sent again"
    assert [f"this station {consequence}"] == problems(scene.ada)
    assert [f"Ada {consequence}"] == problems(scene.bob)


def test_a_clock_that_was_never_set_is_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """1970, or the year a board's system was built, counts as none."""
    monkeypatch.setattr("time.time", lambda: 86_400.0)
    assert 0 == wall_clock_s()
    monkeypatch.setattr("time.time", lambda: UTC_S + 0.5)
    assert UTC_S == wall_clock_s()


# --- the open channel ---------------------------------------------------------------------------------------------


def test_in_the_open_a_forger_holds_the_floor_no_longer_than_anybody_may(clock: trio.testing.MockClock) -> None:
    """Forged overs without end lock Bob out for 120 s; then his key counts."""

    async def forge(scene: Scene) -> None:
        number = 0
        while True:
            number += 1
            await scene.wire.say_to_bob(encode(Begin(number % 256, 0, os.urandom(8), 0, 77, 1, "Mallory")))
            await trio.sleep(0.3)

    async def story(scene: Scene) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(forge, scene)
            for wait_s, permitted in ((60, 0), (70, 1)):
                await trio.sleep(wait_s)
                scene.bob.engine.key_down()
                await trio.sleep(1)
                scene.bob.engine.key_up()
                assert permitted == len(scene.bob.only(events.TalkPermitted))
            nursery.cancel_scope.cancel()

    play(clock, story, bob=settings("Bob", None))


# --- the rest -----------------------------------------------------------------------------------------------------


def test_mode_and_passphrase_fit(clock: trio.testing.MockClock) -> None:
    """A mode that needs a passphrase without one, and the other way round, is a line with a cure; the passphrase is in
    no representation of the settings."""
    for wrong in (settings("Ada", None, "sealed"), settings("Ada", None, "ham"), settings("Ada", "secret", "open")):
        with pytest.raises(GossamerError, match="passphrase"):
            channel_mode(wrong)
    with pytest.raises(ExceptionGroup) as caught:
        play(clock, one_over, ada=settings("Ada", None, "ham"))
    assert "needs a passphrase" in str(first_error(caught.value))
    assert "secret" not in repr(settings("Ada"))
    assert secret_of(settings("Ada", None)) is None


def test_the_parrot_speaks_sealed_too(clock: trio.testing.MockClock) -> None:
    """The station inside this program has the passphrase of the one that it answers."""
    station = Station(Settings("parrot://?rate=1600", name="Ada", passphrase="secret"), clock=utc)

    async def main() -> None:
        STARTED_S[0] = trio.current_time()
        async with trio.open_nursery() as nursery:
            await nursery.start(station.engine.run)
            station.engine.play_clip(clip(SECONDS))
            await station.until(events.OverEnded)
            station.engine.close()

    trio.run(main, clock=clock)
    assert station.encoder.packets == station.decoder.packets
    assert [] == station.only(events.ChannelCounts)
