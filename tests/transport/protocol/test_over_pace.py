"""What the time allows an over to claim, and for how long its talker keeps the ear."""

from __future__ import annotations

import pytest

from transport.protocol.frames import PACKET_S
from transport.protocol.over_pace import (
    AHEAD_S,
    EAR_GRACE_S,
    EAR_WINDOW_S,
    END_AHEAD_S,
    PAUSE_S,
    SPARE_S,
    TALK_LIMIT_S,
    OverPace,
    is_dense,
)


def joined(k: int = 1, slowness: float = 1.0, now: float = 100.0, first_index: int = 0) -> OverPace:
    pace = OverPace(slowness)
    pace.join("Ada", k, first_index, now)
    return pace


def talk(pace: OverPace, start_s: float, seconds: float, share: float = 1.0, k: int = 1) -> float:
    """Have this share of the frames come at the pace of speech; return when the last was due."""
    frames = int(seconds / (k * PACKET_S))
    for number in range(frames):
        if int((number + 1) * share) > int(number * share):
            pace.arrived((number + 1) * k - 1, k, start_s + (number + 1) * k * PACKET_S)
    return start_s + frames * k * PACKET_S


@pytest.mark.parametrize("first_index", [0, 50])
def test_a_packet_may_be_ahead_by_what_a_begin_can_be_late(first_index: int) -> None:
    """Counted from where the over was joined, and from when."""
    pace = joined(first_index=first_index)
    most = first_index + int(AHEAD_S / PACKET_S)
    assert (True, False) == (pace.takes(most, 100.0), pace.takes(most + 1, 100.0))
    assert pace.takes(most + 10, 100.0 + 10 * PACKET_S + 0.01)
    assert not pace.takes(most + 11, 100.0 + 10 * PACKET_S)


def test_silence_earns_nothing() -> None:
    """Nobody speaks on while nothing comes: an hour later no more is believed than after AHEAD_S."""
    pace = joined()
    most = int(2 * AHEAD_S / PACKET_S)
    assert pace.takes(most, 4000.0)
    assert not pace.takes(most + 1, 4000.0)


def test_overs_that_follow_one_another_share_what_may_be_ahead() -> None:
    """Ten overs of 20 s in one second are not 200 s of speech; what was spoken meanwhile is earned again."""
    pace = joined()
    most = int(AHEAD_S / PACKET_S)
    pace.arrived(most, most + 1, 100.0)
    pace.ended(most + 1, 100.0)
    for talker in ("Bob", "Ada"):
        pace.join(talker, 1, 0, 101.0)
        assert [True, True, False, False] == [pace.takes(index, 101.0) for index in (0, 1, 3, most)]
        assert 3 == pace.length(0xFFFF, 101.0)
    assert [True, False] == [pace.takes(int(index / PACKET_S), 111.0) for index in (10.0, 12.0)]
    pace.ended(0, 111.0)
    pace.join("Eve", 1, 0, 140.0)
    assert pace.takes(most, 140.0)


@pytest.mark.parametrize("first_index", [0, 50])
@pytest.mark.parametrize("claimed", [0, 1, 40])
def test_an_end_that_says_less_than_came_gives_nothing_back(claimed: int, first_index: int) -> None:
    """Else overs of 20 s, each with an END that says 0, would make a minute of speech of a second."""
    pace = joined(first_index=first_index)
    came = int(AHEAD_S / PACKET_S)
    pace.arrived(first_index + came - 1, came, 100.0)
    pace.ended(claimed, 100.0)
    pace.join("Eve", 1, 0, 100.1)
    assert not pace.takes(2, 100.1)


def test_what_can_have_been_spoken_since_then() -> None:
    """The time that passed and what may be ahead; forged overs before it leave a little of that, silence adds none."""
    pace = joined()
    assert [AHEAD_S, AHEAD_S + 10.0, 2 * AHEAD_S] == pytest.approx(
        [PACKET_S * pace.spoken(100.0, now) for now in (100.0, 110.0, 4000.0)]
    )
    assert AHEAD_S + 4.0 == pytest.approx(PACKET_S * pace.spoken(106.0, 110.0))
    pace.ended(1000, 100.0)
    pace.join("Bob", 1, 0, 100.0)
    assert 0 == pace.length(0xFFFF, 100.0)
    assert [SPARE_S, SPARE_S + 3.0] == pytest.approx([PACKET_S * pace.spoken(100.0, now) for now in (100.0, 103.0)])


def test_speech_at_its_own_pace_is_taken_after_a_burst() -> None:
    """Whoever sends 20 s at once delays the next talker, and makes nobody miss more of him than a packet."""
    pace = joined()
    most = int(AHEAD_S / PACKET_S)
    pace.arrived(most, most + 1, 100.0)
    pace.ended(most + 1, 100.0)
    pace.join("Bob", 1, 0, 100.0)
    taken = 0
    for index in range(100):
        now = 100.0 + (index + 1) * PACKET_S
        if pace.takes(index, now):
            taken += 1
            pace.arrived(index, 1, now)
    assert taken >= 99


def test_an_end_claims_what_came_or_what_the_time_allows() -> None:
    """Rounded up to a packet, and never less than what came."""
    pace = joined()
    assert [3, 7] == [pace.length(claimed, 100.0) for claimed in (3, 0xFFFF)]
    assert 7 == -int(-END_AHEAD_S / PACKET_S // 1)
    pace.arrived(40, 1, 100.0)
    assert 41 == pace.length(0xFFFF, 100.0)


def test_the_ear_is_kept_at_first() -> None:
    """Who has just begun keeps it for EAR_GRACE_S and a frame, whatever comes of him."""
    pace = joined()
    assert not pace.yields(100.0 + EAR_GRACE_S + PACKET_S - 0.01)
    assert pace.yields(100.0 + EAR_GRACE_S + PACKET_S + 0.01)


@pytest.mark.parametrize(
    ("k", "share", "yields"),
    [
        *(
            (k, share, yields)
            for k in (1, 2)
            for share, yields in ((1.0, False), (0.75, False), (0.2, True), (0.0, True))
        ),
        (6, 1.0, False),
        (6, 0.0, True),
    ],
)
def test_who_sends_less_than_half_of_his_speech_loses_the_ear(k: int, share: float, yields: bool) -> None:
    """On frames of any length."""
    pace = joined(k)
    now = talk(pace, 100.0, 30.0, share, k)
    assert yields is pace.yields(now)


@pytest.mark.parametrize("after_s", [EAR_WINDOW_S - 1.0, EAR_WINDOW_S + 1.0])
def test_only_the_last_seconds_count(after_s: float) -> None:
    """Who talked well and stopped loses the ear once the window holds too little."""
    pace = joined()
    now = talk(pace, 100.0, 20.0)
    assert (after_s > EAR_WINDOW_S / 2) is pace.yields(now + after_s)
    assert not pace.yields(now + 1.0)


@pytest.mark.parametrize("slowness", [0.5, 1.0, 3.0])
def test_a_channel_that_was_busy_for_long_yields_to_anybody(slowness: float) -> None:
    """However well he is heard; longer in proportion on a slow link, and never sooner on a fast one."""
    pace = joined(slowness=slowness)
    limit_s = TALK_LIMIT_S * max(1.0, slowness)
    for second in range(int(limit_s) + 2):
        pace.arrived(second, 10, 100.0 + second)
        assert (second >= limit_s) is pace.yields(100.0 + second), second
    assert pace.too_long(100.0 + limit_s) and not pace.too_long(100.0 + limit_s - 0.01)


@pytest.mark.parametrize(("pause_s", "busy"), [(PAUSE_S - 0.1, True), (PAUSE_S, False)])
def test_a_pause_frees_a_busy_channel(pause_s: float, busy: bool) -> None:
    """Overs one after another are one long occupation, unless there is a second between them."""
    pace = joined()
    for second in range(100):
        pace.arrived(second, 10, 100.0 + second)
    pace.ended(100, 199.0)
    pace.join("Eve", 1, 0, 199.0 + pause_s)
    for second in range(30):
        pace.arrived(second, 10, 199.0 + pause_s + second)
    assert busy is pace.yields(199.0 + pause_s + 29)


def test_whoever_answers_at_once_begins_anew() -> None:
    """He keeps the ear at first, though what came of the one before is not counted for him."""
    pace = joined()
    now = talk(pace, 100.0, 20.0)
    pace.ended(62, now)
    pace.join("Bob", 1, 0, now + PAUSE_S / 2)
    assert not pace.yields(now + PAUSE_S / 2 + EAR_GRACE_S + PACKET_S - 0.01)
    assert pace.yields(now + PAUSE_S / 2 + EAR_GRACE_S + PACKET_S + 0.01)


def test_who_takes_over_begins_anew() -> None:
    """What came of the one before is not counted for him, and the channel counts as busy from then on."""
    pace = joined()
    now = talk(pace, 100.0, 110.0)
    pace.join("Eve", 1, 0, now, took_over=True)
    assert not pace.yields(now + EAR_GRACE_S)
    assert pace.yields(now + EAR_GRACE_S + PACKET_S + 0.01)
    assert not pace.too_long(now + 60.0)


def test_whoever_begins_anew_before_his_over_has_ended_has_not_paused() -> None:
    """BEGINs without an END and without speech keep the ear no longer than one of them."""
    pace = joined(now=0.0)
    now = 0.0
    while now < EAR_WINDOW_S:
        assert not pace.yields(min(now, EAR_GRACE_S))
        now += 2.3
        pace.join("Ada", 1, 0, now, supersedes=True)
    assert pace.yields(now)
    pace.ended(0, now)
    pace.join("Ada", 1, 0, now + PAUSE_S)
    assert not pace.yields(now + PAUSE_S + EAR_GRACE_S)


@pytest.mark.parametrize(("frame_s", "dense"), [(1.92, False), (3.0, True)])
def test_long_frames_are_counted_over_two_of_them(frame_s: float, dense: bool) -> None:
    """And no less than EAR_WINDOW_S: all that came of this talker came 5 s ago."""
    assert EAR_WINDOW_S < 5.0 < 2 * 3.0
    assert dense is is_dense([(95.0, 20)], 0.0, frame_s, 1.0, 100.0)
