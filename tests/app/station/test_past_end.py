"""What came while nobody listened: kept as missed, still so after a restart, and played in its order, once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from app.history.folder import Mark, mark_of, missed_files, over_files, text_files
from app.history.texts import read_text
from app.settings.model import Settings
from app.station.replay import BUSY, SILENT
from tests.support.recordings import overs_in
from tests.support.station import ADA, BOB, Station, clip, running
from tests.support.talk_stage import BrokenLoudspeaker
from transport.links.memory import memory_pair

Clock = trio.testing.MockClock
OVER_S = 3.2
"""Length of the overs here, in seconds: ten packets."""


@asynccontextmanager
async def two(folder: Path, bob: Settings = BOB) -> AsyncGenerator[tuple[Station, Station], None]:
    """Two stations at a perfect link, the second of which keeps what passes."""
    here, there = memory_pair()
    stations = Station(ADA, link=here), Station(bob, link=there, recordings=folder)
    async with running(*stations):
        yield stations


async def say(ada: Station, count: int = 1, seconds: float = OVER_S) -> None:
    """Let Ada say so many overs, one after the other."""
    for number in range(count):
        before = len(ada.only(events.OverSent))
        ada.engine.play_clip(clip(seconds, seed=number))
        await ada.until(events.OverSent, before + 1)
        await trio.sleep(3)


@trio_test
async def test_what_comes_to_an_absent_user_is_missed(tmp_path: Path, virtual_time: Clock) -> None:
    """Overs and messages, until the user is back; what came before that is not."""
    async with two(tmp_path) as (ada, bob):
        await say(ada)
        bob.engine.set_away(True)
        await say(ada, 2)
        ada.engine.send_text("call me")
        await bob.until(events.Kept, 4)
        bob.engine.set_away(False)
        await trio.sleep(1)
        await say(ada)
    told = [(kept.what, kept.direction, kept.missed) for kept in bob.only(events.Kept)]
    assert [(what, "heard", missed) for what, missed in [
        ("over", False), ("over", True), ("over", True), ("message", True), ("over", False)
    ]] == told  # fmt: skip
    assert [kept.name for kept in bob.only(events.Kept) if kept.missed] == [
        path.name for path in missed_files(tmp_path)
    ]


@pytest.mark.parametrize(
    "turn",
    [
        lambda engine: engine.set_mute(True),
        lambda engine: engine.set_volume(0.0),
        lambda engine: engine.set_away(True),
    ],
    ids=["muted", "no volume", "away"],
)
@trio_test
async def test_an_over_that_was_heard_in_part_was_missed(
    tmp_path: Path, virtual_time: Clock, turn: Callable[..., None]
) -> None:
    """Whoever turns it off for a second, or comes back in the middle, has not heard it."""
    async with two(tmp_path) as (ada, bob), trio.open_nursery() as nursery:
        nursery.start_soon(say, ada)
        await bob.until(events.OverBegan)
        await trio.sleep(1)
        turn(bob.engine)
        await trio.sleep(0.5)
        bob.engine.set_mute(False)
        bob.engine.set_volume(1.0)
        bob.engine.set_away(False)
    assert [Mark.MISSED] == [mark_of(path) for path in over_files(tmp_path)]


@trio_test
async def test_without_a_loudspeaker_overs_are_missed_and_messages_are_read(
    tmp_path: Path, virtual_time: Clock
) -> None:
    """They stay until there is one."""
    here, there = memory_pair()
    ada, bob = Station(ADA, link=here), Station(BOB, link=there, recordings=tmp_path)
    bob.loudspeaker.run = BrokenLoudspeaker().run  # type: ignore[method-assign]
    async with running(ada, bob):
        await say(ada)
        ada.engine.send_text("call me")
        await bob.until(events.Kept, 2)
        bob.engine.replay_missed()
        await bob.until(events.ReplayRefused)
    assert [Mark.MISSED] == [mark_of(path) for path in over_files(tmp_path)]
    assert [Mark.HEARD] == [mark_of(path) for path in text_files(tmp_path)]


async def miss(folder: Path, overs: int = 2) -> list[tuple[bytes, ...]]:
    """Have Bob miss overs and a message, then close him; return the packets of the overs."""
    async with two(folder) as (ada, bob):
        bob.engine.set_away(True)
        await say(ada, overs)
        ada.engine.send_text("call me")
        await bob.until(events.Kept, overs + 1)
    await trio.sleep(1)
    return [over.packets for over in overs_in(folder)]


@trio_test
async def test_a_restart_forgets_nothing_and_everything_is_played_once(tmp_path: Path, virtual_time: Clock) -> None:
    """The very packets, the oldest first; then nothing is missed any more, now and at the next start."""
    spoken = await miss(tmp_path)
    async with two(tmp_path) as (_, bob):
        past = await bob.engine.past(100)
        assert 3 == len(past.missed) == len(past.entries)
        bob.engine.replay_missed()
        await bob.until(events.NothingMissed)
        assert spoken[0] + spoken[1] == tuple(bob.decoder.packets)
        assert [("Ada", OVER_S, 2), ("Ada", OVER_S, 1)] == [
            (began.sender, pytest.approx(began.duration_s), began.left) for began in bob.only(events.ReplayBegan)
        ]
        assert past.missed == {taken.name for taken in bob.only(events.MissedTaken)}
        assert 1 == len(bob.only(events.ReplayEnded))
        bob.engine.replay_missed()
        await bob.until(events.ReplayRefused)
        assert frozenset() == (await bob.engine.past(100)).missed


@pytest.mark.parametrize("broken", [False, True], ids=["muted", "no loudspeaker"])
@trio_test
async def test_what_cannot_be_heard_stays_and_messages_are_read(
    tmp_path: Path, virtual_time: Clock, broken: bool
) -> None:
    """They are on the screen; without them nothing is left that a key could take."""
    await miss(tmp_path)
    unread = [path.name for path in text_files(tmp_path)]
    here, there = memory_pair()
    ada, bob = Station(ADA, link=here), Station(BOB, link=there, recordings=tmp_path)
    if broken:
        bob.loudspeaker.run = BrokenLoudspeaker().run  # type: ignore[method-assign]
    async with running(ada, bob):
        bob.engine.set_mute(not broken)
        bob.engine.replay_missed()
        await bob.until(events.ReplayRefused)
        assert [events.ReplayRefused(SILENT)] == bob.only(events.ReplayRefused)
        assert (unread, []) == ([event.name for event in bob.only(events.MissedTaken)], bob.only(events.ReplayBegan))
        for path in over_files(tmp_path):
            path.unlink()
        ada.engine.send_text("call me again")
        bob.engine.set_away(True)
        await bob.until(events.Kept)
        bob.engine.replay_missed()
        await bob.until(events.NothingMissed)
        assert 1 == len(bob.only(events.ReplayRefused))


@trio_test
async def test_whoever_talks_stops_it_and_what_was_not_heard_stays(tmp_path: Path, virtual_time: Clock) -> None:
    """At once, and the over of the one who talks is heard whole."""
    await miss(tmp_path)
    async with two(tmp_path) as (ada, bob):
        bob.engine.replay_missed()
        await bob.until(events.ReplayBegan, 2)
        await trio.sleep(1)
        await say(ada)
        assert ada.encoder.packets == bob.decoder.packets[-len(ada.encoder.packets) :]
        assert 1 == len(bob.only(events.MissedTaken)) == len(bob.only(events.ReplayEnded))
        assert [] == bob.only(events.NothingMissed)
        bob.engine.replay_missed()
        await bob.until(events.NothingMissed)
        assert 3 == len(bob.only(events.MissedTaken))


@trio_test
async def test_the_own_talk_key_stops_it(tmp_path: Path, virtual_time: Clock) -> None:
    """One cannot talk and listen, and the key says what is wanted."""
    await miss(tmp_path)
    async with two(tmp_path) as (_, bob):
        bob.engine.replay_missed()
        await bob.until(events.ReplayBegan)
        bob.engine.play_clip(clip(OVER_S))
        await bob.until(events.OverSent)
        await trio.sleep(5)
        assert [] == bob.only(events.MissedTaken)
        assert 1 == len(bob.only(events.ReplayEnded))


@trio_test
async def test_the_key_goes_on_to_the_next(tmp_path: Path, virtual_time: Clock) -> None:
    """Who has heard enough of one over counts as having heard it."""
    await miss(tmp_path)
    async with two(tmp_path) as (_, bob):
        bob.engine.replay_missed()
        await bob.until(events.ReplayBegan)
        await trio.sleep(0.5)
        began_s = trio.current_time()
        bob.engine.replay_missed()
        await bob.until(events.ReplayBegan, 2)
        assert trio.current_time() - began_s < 1.0
        await bob.until(events.NothingMissed)
        assert 3 == len(bob.only(events.MissedTaken))


@trio_test
async def test_it_is_refused_while_somebody_talks(tmp_path: Path, virtual_time: Clock) -> None:
    """It would have to be stopped at once."""
    await miss(tmp_path)
    async with two(tmp_path) as (ada, bob), trio.open_nursery() as nursery:
        nursery.start_soon(say, ada)
        await bob.until(events.OverBegan)
        bob.engine.replay_missed()
        assert [events.ReplayRefused(BUSY)] == bob.only(events.ReplayRefused)


@trio_test
async def test_files_that_cannot_be_played_hold_nothing_up(tmp_path: Path, virtual_time: Clock) -> None:
    """One that is no over, one of another codec, and one that another program has just taken."""
    spoken = await miss(tmp_path, 3)
    first, second, third = over_files(tmp_path)[::-1]
    first.write_bytes(b"no over")
    content = second.read_bytes()
    second.write_bytes(content.replace(b'"codec_id": 77', b'"codec_id": 78'))
    async with two(tmp_path) as (_, bob):
        bob.engine.replay_missed()
        await bob.until(events.NothingMissed)
        assert spoken[2] == tuple(bob.decoder.packets)
        [refused] = bob.only(events.ReplayRefused)
        assert "spoke codec 78" in refused.reason
    assert third not in over_files(tmp_path)


@trio_test
async def test_messages_are_kept_both_ways_and_marked_when_they_were_delivered(
    tmp_path: Path, virtual_time: Clock
) -> None:
    """Those that nobody confirms stay as they are."""
    async with two(tmp_path) as (ada, bob):
        bob.engine.send_text("are you there?", "Ada", confirm=True)
        await bob.until(events.TextConfirmed)
        bob.engine.send_text("hello all", "")
        ada.engine.send_text("yes", "Bob")
        await bob.until(events.Kept, 3)
        await trio.sleep(3)
    kept = {read_text(path).text: (read_text(path).direction, mark_of(path)) for path in text_files(tmp_path)}
    assert {
        "are you there?": ("sent", Mark.DELIVERED),
        "hello all": ("sent", Mark.SENT),
        "yes": ("heard", Mark.HEARD),
    } == kept


@trio_test
async def test_a_station_that_keeps_nothing_misses_nothing(tmp_path: Path, virtual_time: Clock) -> None:
    """There is nothing to play, and what is on the disk from before is not shown."""
    await miss(tmp_path)
    async with two(tmp_path, replace(BOB, record=False)) as (ada, bob):
        bob.engine.set_away(True)
        ada.engine.send_text("call me")
        await bob.until(events.TextHeard)
        bob.engine.replay_missed()
        await bob.until(events.ReplayRefused)
        assert frozenset() == (await bob.engine.past(100)).missed
        assert [] == bob.only(events.Kept)
    assert 3 == len(missed_files(tmp_path))
