"""The log: what is on the disk, what was missed of it, and what became of messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import events as ev
from app.history.folder import Mark
from app.history.overs import write_over
from app.history.past import read_past
from app.history.texts import TextWriter
from app.tui.talk.log import Log, Side, missed_words
from app.tui.talk.state import TalkState
from tests.support.recordings import a_text, an_over


def after(*events: ev.Event) -> Log:
    """The log after these events, a second apart."""
    state = TalkState(me="Anna")
    for now_s, event in enumerate(events):
        state.apply(event, float(now_s))
    return state.log


BEGAN, PLAYED = ev.OverBegan(8, "Bert", 1), ev.OverPlayed(8, "Bert", 10, 0, 0, 3.2, True)
MISSED = ev.Kept("over", 8, "heard", "20260101T000000Z-missed.over", True)
UNREAD = ev.Kept("message", 7, "heard", "20260101T000005Z-missed.text", True)


@pytest.mark.parametrize("order", [(BEGAN, PLAYED, MISSED), (BEGAN, MISSED, PLAYED)])
def test_an_over_that_was_missed_says_so(order: tuple[ev.Event, ...]) -> None:
    """Whether it is on the disk before its last packet was played, or after."""
    log = after(*order)
    assert log[0].words() == " 3.2 s  10 packets  missed"
    assert {MISSED.name} == log.missed
    log.take(ev.MissedTaken(MISSED.name))
    assert (" 3.2 s  10 packets", set()) == (log[0].words(), log.missed)


def test_a_message_that_nobody_read_says_so() -> None:
    """It is found by its number, which comes with it."""
    log = after(ev.TextHeard("Bert", "one", "", 7), ev.TextHeard("Bert", "two", "", 6), UNREAD)
    assert ["“one”  unread", "“two”"] == [line.words() for line in log]
    log.take(ev.NothingMissed())
    assert ["“one”", "“two”"] == [line.words() for line in log]


def test_what_is_kept_and_was_heard_is_no_news() -> None:
    """The line stays as it was."""
    log = after(BEGAN, PLAYED, ev.Kept("over", 8, "heard", "20260101T000000Z-heard.over", False))
    assert (" 3.2 s  10 packets", set()) == (log[0].words(), log.missed)


def test_what_became_of_a_message_of_ours() -> None:
    """Delivered, or not confirmed, each with the line that has its number."""
    state = TalkState(me="Anna")
    for number in (5, 6):
        state.wrote("hello", 0.0, "Bert", number)
    state.wrote("to all", 0.0)
    state.apply(ev.TextConfirmed(5, "Bert"), 1.0)
    state.apply(ev.TextUnconfirmed(6, "Bert", 4), 2.0)
    assert ["“hello” to Bert  delivered", "“hello” to Bert  not confirmed, sent 4 times", "“to all”"] == [
        line.words() for line in state.log
    ]
    assert [False, True, False] == [line.trouble for line in state.log]


def test_the_log_begins_with_what_is_on_the_disk(tmp_path: Path) -> None:
    """In its order, at its times, with its marks, before what was said since the start."""
    write_over(tmp_path, an_over(1_700_000_000), Mark.MISSED)
    write_over(tmp_path, an_over(1_700_000_010, sender="Anna", direction="sent"))
    texts = TextWriter(tmp_path)
    texts.write(a_text(1_700_000_020, "sent", sender="Anna", addressee="Jörg"), Mark.SENT, 9)
    texts.delivered(9)
    texts.write(a_text(1_700_000_030, addressee="Anna"), Mark.MISSED, 1)
    log = Log()
    log.note(Side.NOTE, "key", "since the start", 1000.0)
    log.put_past(read_past(tmp_path, 100), "Anna", 1001.0, 1_700_000_101.0)
    assert [
        (900.0, Side.THEIRS, "Jörg", " 1.0 s  3 packets  1 lost, 1 damaged  missed"),
        (910.0, Side.MINE, "Anna", " 1.0 s  3 packets"),
        (920.0, Side.MINE, "Anna", "“on my way” to Jörg  delivered"),
        (930.0, Side.THEIRS, "Jörg", "“on my way” to you  unread"),
        (1000.0, Side.NOTE, "key", "since the start"),
    ] == [(line.at_s, line.side, line.who, line.words()) for line in log]
    assert 2 == len(log.missed)
    log.take(ev.MissedTaken(log[0].name))
    assert 1 == len(log.missed) and not log[0].missed


def test_a_clock_that_was_wrong_does_not_turn_the_order(tmp_path: Path) -> None:
    """What is from the future, or from no time at all, keeps its place."""
    for began_utc_s in (0, 1_700_000_000, 1_900_000_000):
        write_over(tmp_path, an_over(began_utc_s))
    log = Log()
    log.put_past(read_past(tmp_path, 100), "Anna", 50.0, 1_700_000_010.0)
    times = [line.at_s for line in log]
    assert sorted(times) == times and 50.0 == times[-1]


@pytest.mark.parametrize(
    ("overs", "messages", "words"),
    [
        (0, 0, ""),
        (1, 0, "1 over missed"),
        (2, 1, "2 overs and 1 message missed"),
        (0, 3, "3 messages missed"),
    ],
)
def test_how_much_was_missed(overs: int, messages: int, words: str) -> None:
    """In a line that can be read aloud."""
    names = {f"{number}.over" for number in range(overs)} | {f"{number}.text" for number in range(messages)}
    assert words == missed_words(names)
