"""Frames that come again, or too late, are refused; those that come out of turn count once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.overs import over_frames
from tests.support.protected import (
    BEGIN,
    PROTECTED,
    TEXT,
    UTC_S,
    ProtectedEnd,
    pair,
    who_asked,
)
from transport.errors import (
    BadTag,
    Replayed,
    Stale,
    UnknownOver,
)
from transport.protection.replay import (
    FRESH_S,
    MAX_OVERS,
    MAX_REMEMBERED,
    OVER_FRESH_S,
    REMEMBERED_S,
    WINDOW,
    HeardOver,
    Nonces,
    Window,
)
from transport.protocol.frames import Beacon, Begin, End, Frame, Mode, Ping, Pong, Receipt, Text, Voice


def test_the_replay_window() -> None:
    """64 frames may come out of turn, each once; what is further behind is refused."""
    window = Window()
    assert [True, True, False, True, False] == [window.takes(number) for number in (5, 3, 3, 5 + WINDOW - 1, 5 - 1)]
    assert window.takes(6) and not window.takes(6) and not window.takes(5)
    assert window.takes(10_000) and not window.takes(10_000 - WINDOW) and window.takes(10_000 - WINDOW + 1)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=200))
def test_no_number_is_taken_twice(numbers: list[int]) -> None:
    """Whatever the order, a window takes each number at most once, and each new one that is near enough."""
    window, taken = Window(), set[int]()
    for number in numbers:
        near = number > window.highest - WINDOW
        assert (near and number not in taken) is window.takes(number)
        taken.add(number)


def test_reordered_frames_count_once_each() -> None:
    """An over in any order within the window is heard whole; every frame that comes again is refused."""
    talker, hearer = pair()
    octets = [talker.say(frame) for frame in over_frames(12, 1)[:-1]]
    hearer.hear(octets[0])
    backwards = octets[:0:-1]
    assert [None] * len(backwards) == [hearer.fate(one) for one in backwards]
    end, *rest = backwards
    assert [Replayed] * len(rest) == [hearer.fate(one) for one in rest]
    assert (None, Replayed) == (hearer.fate(end), hearer.fate(end))  # END is sent twice


@pytest.mark.parametrize("later_s", [1, FRESH_S - 1, FRESH_S + 1, REMEMBERED_S + 1, 86_400])
def test_a_whole_over_again(later_s: float) -> None:
    """No frame of an over that was heard is accepted again, however much later, by whoever heard it."""
    talker, hearer = pair()
    octets = [talker.say(frame) for frame in over_frames(12, 1)]
    assert {None} == {hearer.fate(one) for one in octets}
    hearer.wait(later_s)
    assert {hearer.fate(one) for one in octets} <= {Replayed, Stale, UnknownOver}


@pytest.mark.parametrize("frame", [TEXT, Beacon(0, 0, "Ada"), Ping(7, 8, 9), Pong(7, 8, 9), Receipt(1, 2, 3)])
def test_a_single_frame_again(frame: Frame) -> None:
    """TEXT, BEACON, PING, PONG and RECEIPT count once: at once refused as replayed, later as stale."""
    talker, hearer = ProtectedEnd(), who_asked(frame)
    octets = talker.say(frame)
    assert (None, Replayed) == (hearer.fate(octets), hearer.fate(octets))
    hearer.wait(FRESH_S)
    assert Replayed is hearer.fate(octets)
    hearer.wait(1)
    assert Stale is hearer.fate(octets)
    assert octets != talker.say(frame)  # the same words said again are another frame
    assert Stale is hearer.fate(octets)


@pytest.mark.parametrize("frame", [TEXT, Ping(7, 8, 9), BEGIN])
def test_our_own_frames_do_not_come_back(frame: Frame) -> None:
    """A frame that is reflected to its sender is refused."""
    talker = ProtectedEnd()
    assert Replayed is talker.fate(talker.say(frame))


def test_a_frame_from_the_future_is_remembered_until_it_is_stale() -> None:
    """From a clock 60 s ahead a frame stays fresh for 120 s: so long its nonce is kept."""
    talker, hearer = ProtectedEnd(utc_s=UTC_S + FRESH_S), ProtectedEnd()
    octets = talker.say(TEXT)
    assert hearer.fate(octets) is None
    for _ in range(12):
        hearer.wait(10)
        assert Replayed is hearer.fate(octets)
    hearer.wait(1)
    assert Stale is hearer.fate(octets)


def test_without_a_clock() -> None:
    """A station without a clock sends 0 and is understood; at either end, what was heard is still not heard twice."""
    for talker, hearer in ((ProtectedEnd(utc_s=0), ProtectedEnd()), (ProtectedEnd(), ProtectedEnd(utc_s=0))):
        octets = [talker.say(frame) for frame in over_frames(3)]
        text = talker.say(TEXT)
        begin = hearer.hear(octets[0])
        assert isinstance(begin, Begin) and begin.utc_s == talker.utc_s
        assert {None} == {hearer.fate(one) for one in [*octets[1:], text]}
        hearer.wait(10 * REMEMBERED_S)
        assert {Replayed} == {hearer.fate(one) for one in [*octets, text]}


def test_a_long_over_stays_known() -> None:
    """An over of an hour, whose BEGIN comes again with the time then, is heard to its end by those who joined late."""
    talker, hearer = pair()
    fates = set()
    for frame in over_frames(3600 * 25 // 8, 1):
        octets = talker.say(frame)
        fates.add(hearer.fate(octets))
        for station in (talker, hearer):
            station.now += 0.32 * isinstance(frame, Voice)
            station.utc_s = UTC_S + int(station.now)
    assert {None} == fates


@pytest.mark.parametrize("utc_s", [UTC_S, 0])
@pytest.mark.parametrize("every_s", [2.0, 50.0, 115.0])
def test_voice_that_is_held_back_does_not_keep_its_over_alive(utc_s: int, every_s: float) -> None:
    """Frames that are released one by one are taken until OVER_FRESH_S after the last BEGIN, and not beyond."""
    talker, hearer = ProtectedEnd(utc_s=utc_s), ProtectedEnd(utc_s=utc_s)
    frames = over_frames(600, 6)
    octets = [talker.say(frame) for frame in frames]
    hearer.hear(octets[0])
    for frame, one in zip(frames[1:], octets[1:], strict=True):
        if isinstance(frame, Begin | End):
            continue
        hearer.wait(every_s)
        fate = hearer.fate(one)
        assert (fate is None) is (hearer.now <= OVER_FRESH_S), hearer.now
        if fate is not None:
            break
    assert hearer.fate(talker.say(frames[-1])) in {Replayed, UnknownOver, Stale}


@pytest.mark.parametrize("age_s", [1, 15, 50])
@pytest.mark.parametrize("frame", [BEGIN, TEXT, Ping(7, 8, 9), Beacon(0, 0)])
def test_what_is_older_than_the_station_is_refused(frame: Frame, age_s: int) -> None:
    """What was recorded and is fresh by its time is stale at a station that was started after it."""
    talker = ProtectedEnd()
    octets = talker.say(frame)
    restarted = ProtectedEnd(utc_s=UTC_S + age_s, started_utc_s=UTC_S + age_s)
    assert Stale is restarted.fate(octets)
    running = ProtectedEnd(started_utc_s=UTC_S)
    running.wait(age_s)
    assert running.fate(octets) is None


@pytest.mark.parametrize("wrong_s", [3600, -3600])
def test_a_clock_that_is_set_after_the_start_moves_the_start(wrong_s: int) -> None:
    """Everybody is heard at once, and what is older than the start stays refused, now by the right clock."""
    hearer = ProtectedEnd(utc_s=UTC_S + wrong_s, started_utc_s=UTC_S + wrong_s)
    hearer.wait(10)
    hearer.utc_s = UTC_S + 10
    talker = ProtectedEnd(utc_s=UTC_S + 10)
    assert hearer.fate(talker.say(replace(BEGIN, over=1, nonce=bytes(range(8))))) is None
    old = ProtectedEnd(utc_s=UTC_S - 20).say(replace(BEGIN, over=2, nonce=bytes(range(1, 9))))
    assert Stale is hearer.fate(old)


@pytest.mark.parametrize("frame", [BEGIN, TEXT, Ping(7, 8, 9), Beacon(0, 0)])
def test_what_says_a_later_time_is_remembered_over_a_restart(frame: Frame) -> None:
    """A clock that is ahead makes frames that seem younger than the restart: their nonces are asked to be kept for as
    long as they stay fresh, and a station that knows them does not take them again."""
    ahead_s, away_s = 40, 20
    octets = ProtectedEnd(utc_s=UTC_S + ahead_s).say(frame)
    hearer = ProtectedEnd()
    hearer.hear(octets)
    [(nonce, until_utc_s)] = hearer.kept
    assert UTC_S + ahead_s + FRESH_S == until_utc_s
    later_s = UTC_S + away_s
    assert Replayed is ProtectedEnd(utc_s=later_s, started_utc_s=later_s, nonces=[nonce]).fate(octets)
    # This is what it is kept for:
    assert ProtectedEnd(utc_s=later_s, started_utc_s=later_s).fate(octets) is None


def test_nothing_is_kept_of_clocks_that_agree() -> None:
    """What is not ahead is older than any restart: nothing is written for it, nor for a station without a clock."""
    talker, hearer, clockless = ProtectedEnd(), ProtectedEnd(), ProtectedEnd(utc_s=0)
    for frame in (BEGIN, TEXT, Ping(7, 8, 9)):
        octets = talker.say(frame)
        hearer.hear(octets)
        clockless.hear(octets)
    assert [] == hearer.kept == clockless.kept


def test_our_own_over_does_not_come_back_after_a_restart() -> None:
    """What this station sent before it was started again is older than its start."""
    octets = [ProtectedEnd().say(BEGIN)]
    again = ProtectedEnd(utc_s=UTC_S + 3, started_utc_s=UTC_S + 3)
    assert {Stale} == {again.fate(one) for one in octets}


@pytest.mark.parametrize("mode", PROTECTED)
def test_a_receipt_belongs_to_one_over_and_its_addressee(mode: Mode) -> None:
    """A RECEIPT is taken for the over with the nonce and the addressee for which it was given, and for no other."""
    talker, hearer, third = (ProtectedEnd(mode) for _ in range(3))
    begin = talker.say(BEGIN)
    for station in (hearer, third):
        station.hear(begin)
    receipt = hearer.say(Receipt(0x5A, 2, 1))
    assert Receipt(0x5A, 2, 1) == talker.hear(receipt) == third.hear(receipt)
    for other in (replace(BEGIN, nonce=bytes(8)), replace(BEGIN, addressee="Eve")):
        stranger = ProtectedEnd(mode)
        stranger.say(other)
        assert BadTag is stranger.fate(receipt)


def test_the_memory_of_nonces_is_bounded() -> None:
    """Of more than are kept the oldest are forgotten, and so are overs of which nothing is kept any more."""
    nonces = Nonces()
    for number in range(2 * MAX_REMEMBERED):
        nonces.remember(number.to_bytes(8), 0.0, HeardOver(number % 256, number.to_bytes(8)))
        assert len(nonces) <= MAX_REMEMBERED
    assert not nonces.knows((MAX_REMEMBERED - 1).to_bytes(8), 0.0)
    assert nonces.knows(MAX_REMEMBERED.to_bytes(8), 0.0)
    assert len(nonces._overs) == MAX_OVERS


@pytest.mark.parametrize("mode", PROTECTED)
def test_only_a_receipt_is_bound_to_an_over(mode: Mode) -> None:
    """A message and a ping with the number of an over that is known are opened by whoever does not know it."""
    talker, hearer, stranger = (ProtectedEnd(mode) for _ in range(3))
    hearer.hear(talker.say(BEGIN))
    for frame in (Text(BEGIN.over, 1, "Ada", "hello"), Ping(BEGIN.over, 1, 5), Beacon(BEGIN.over, 1)):
        assert frame == stranger.hear(hearer.say(frame))
