"""Push-to-talk's decisions, told the time: scripts of key events and what the engine is to do at each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tui.talk.talk_key import FIRST_REPEAT_S, LAST_REPEAT_S, TAP_S, KeyInput, KeyState, TalkCommand, TalkKey

START, STOP = TalkCommand.START, TalkCommand.STOP
PRESS, RELEASE, TIME, LEAVE, ENDED = KeyInput.PRESS, KeyInput.RELEASE, KeyInput.TIME, KeyInput.LEAVE, KeyInput.ENDED
DOWN, UP = KeyInput.POINTER_DOWN, KeyInput.POINTER_UP
REMOTE_DOWN, REMOTE_UP = KeyInput.REMOTE_DOWN, KeyInput.REMOTE_UP
VOICE_BEGAN = KeyInput.VOICE_BEGAN

Script = list[tuple[float, KeyInput, TalkCommand | None]]

RELEASES_TOLD: dict[str, Script] = {
    "hold": [(0.0, PRESS, START), (0.5, PRESS, None), (0.53, PRESS, None), (2.0, RELEASE, STOP)],
    "hold on a keyboard that does not repeat": [(0.0, PRESS, START), (TAP_S, TIME, None), (9.0, RELEASE, STOP)],
    "tap, talk, tap": [(0.0, PRESS, START), (0.1, RELEASE, None), (5.0, PRESS, STOP), (5.1, RELEASE, None)],
    "tap, then hold to end: its repeats start nothing": [
        (0.0, PRESS, START),
        (0.1, RELEASE, None),
        (5.0, PRESS, STOP),
        (5.5, PRESS, None),
        (5.53, PRESS, None),
        (6.0, RELEASE, None),
        (6.1, PRESS, START),
    ],
    "focus lost while held": [(0.0, PRESS, START), (1.0, PRESS, None), (2.0, LEAVE, STOP), (9.0, RELEASE, None)],
    "focus lost while latched": [(0.0, PRESS, START), (0.1, RELEASE, None), (2.0, LEAVE, STOP)],
    "time-out while held: nothing restarts before the key was up": [
        (0.0, PRESS, START),
        (120.0, ENDED, STOP),
        (120.03, PRESS, None),
        (121.0, RELEASE, None),
        (122.0, PRESS, START),
    ],
    "refused at once": [(0.0, PRESS, START), (0.01, ENDED, STOP), (0.1, RELEASE, None), (0.5, PRESS, START)],
    "a release nobody pressed": [(0.0, RELEASE, None), (1.0, PRESS, START)],
}

REPEATS_ONLY: dict[str, Script] = {
    "hold: repeats, then none": [
        (0.0, PRESS, START),
        (0.5, PRESS, None),
        (0.53, PRESS, None),
        (0.56, PRESS, None),
        (0.56 + LAST_REPEAT_S, TIME, STOP),
        (2.0, PRESS, START),
    ],
    "a repeat that was on its way when the timer fired": [
        (0.0, PRESS, START),
        (0.5, PRESS, None),
        (0.69, PRESS, None),
        (0.5 + LAST_REPEAT_S, TIME, None),
        (0.69 + LAST_REPEAT_S, TIME, STOP),
    ],
    "tap, talk, tap": [
        (0.0, PRESS, START),
        (FIRST_REPEAT_S, TIME, None),
        (5.0, PRESS, STOP),
        (5.0 + FIRST_REPEAT_S, TIME, None),
        (6.0, PRESS, START),
    ],
    "tap, then hold to end: its repeats start nothing": [
        (0.0, PRESS, START),
        (FIRST_REPEAT_S, TIME, None),
        (5.0, PRESS, STOP),
        (5.5, PRESS, None),
        (5.53, PRESS, None),
        (5.56, PRESS, None),
        (5.56 + LAST_REPEAT_S, TIME, None),
        (6.0, PRESS, START),
    ],
    "quick double tap ends": [(0.0, PRESS, START), (0.3, PRESS, None), (0.3 + LAST_REPEAT_S, TIME, STOP)],
    "focus lost while latched": [(0.0, PRESS, START), (FIRST_REPEAT_S, TIME, None), (2.0, LEAVE, STOP)],
    "the mouse ends it too": [(0.0, PRESS, START), (FIRST_REPEAT_S, TIME, None), (2.0, DOWN, STOP), (2.1, UP, None)],
    "time-out while held: its repeats start nothing": [
        (0.0, PRESS, START),
        (0.5, PRESS, None),
        (0.53, ENDED, STOP),
        (0.56, PRESS, None),
        (0.59, PRESS, None),
        (0.59 + LAST_REPEAT_S, TIME, None),
        (2.0, PRESS, START),
    ],
}

POINTER: dict[str, Script] = {
    "press and hold": [(0.0, DOWN, START), (3.0, UP, STOP)],
    "a click is short": [(0.0, DOWN, START), (0.1, UP, STOP)],
    "keys count for nothing meanwhile": [(0.0, DOWN, START), (1.0, PRESS, None), (2.0, TIME, None), (3.0, UP, STOP)],
    "focus lost": [(0.0, DOWN, START), (1.0, LEAVE, STOP), (2.0, UP, None)],
    "time-out": [(0.0, DOWN, START), (120.0, ENDED, STOP), (121.0, UP, None), (122.0, DOWN, START)],
}

REMOTE: dict[str, Script] = {
    "down, up": [(0.0, REMOTE_DOWN, START), (3.0, REMOTE_UP, STOP)],
    "it needs no focus": [(0.0, REMOTE_DOWN, START), (1.0, LEAVE, None), (9.0, REMOTE_UP, STOP)],
    "down twice": [(0.0, REMOTE_DOWN, START), (1.0, REMOTE_DOWN, None), (2.0, REMOTE_UP, STOP), (3.0, REMOTE_UP, None)],
    "the key ends it, and its repeats start nothing": [
        (0.0, REMOTE_DOWN, START),
        (1.0, PRESS, STOP),
        (1.5, PRESS, None),
        (2.0, REMOTE_UP, None),
    ],
    "the mouse ends it": [(0.0, REMOTE_DOWN, START), (1.0, DOWN, STOP), (1.1, UP, None)],
    "it ends what the mouse began": [(0.0, DOWN, START), (1.0, REMOTE_UP, STOP), (1.1, UP, None)],
    "it ends what a key began, whose repeats start nothing": [
        (0.0, PRESS, START),
        (0.5, PRESS, None),
        (0.6, REMOTE_UP, STOP),
        (0.63, PRESS, None),
    ],
    "right after a tap": [(0.0, DOWN, START), (0.1, UP, STOP), (0.2, REMOTE_DOWN, START)],
    "time-out": [(0.0, REMOTE_DOWN, START), (120.0, ENDED, STOP), (121.0, REMOTE_UP, None), (122.0, DOWN, START)],
}


def play(key: TalkKey, script: Script) -> None:
    for at_s, event, expected in script:
        assert expected is key.handle(event, at_s), (at_s, event)


@pytest.mark.parametrize("name", RELEASES_TOLD)
def test_where_releases_are_told(name: str) -> None:
    """A release ends what a hold began; a tap latches."""
    key = TalkKey()
    key.release_is_told = True
    play(key, RELEASES_TOLD[name])


@pytest.mark.parametrize("name", REPEATS_ONLY)
def test_where_only_repeats_are_seen(name: str) -> None:
    """Repeats that cease are a release; none at all is a tap."""
    play(TalkKey(), REPEATS_ONLY[name])


@pytest.mark.parametrize("name", POINTER)
@pytest.mark.parametrize("release_is_told", [False, True])
def test_mouse_button(name: str, release_is_told: bool) -> None:
    """The mouse button talks while it is down, in every terminal."""
    key = TalkKey()
    key.release_is_told = release_is_told
    play(key, POINTER[name])


@pytest.mark.parametrize("name", REMOTE)
@pytest.mark.parametrize("release_is_told", [False, True])
def test_a_pedal(name: str, release_is_told: bool) -> None:
    """Pressed from outside: on until it says otherwise, in every terminal."""
    key = TalkKey()
    key.release_is_told = release_is_told
    play(key, REMOTE[name])


BY_VOICE: dict[str, Script] = {
    "a tap ends it, and its repeats start nothing": [
        (0.0, VOICE_BEGAN, None),
        (3.0, PRESS, STOP),
        (3.5, PRESS, None),
        (3.5 + LAST_REPEAT_S, TIME, None),
        (5.0, PRESS, START),
    ],
    "the mouse ends it": [(0.0, VOICE_BEGAN, None), (3.0, DOWN, STOP), (3.1, UP, None)],
    "it ends by itself": [(0.0, VOICE_BEGAN, None), (3.0, ENDED, None), (4.0, PRESS, START)],
    "a pedal takes it over": [(0.0, VOICE_BEGAN, None), (1.0, REMOTE_DOWN, START), (3.0, REMOTE_UP, STOP)],
    "another window leaves it alone": [(0.0, VOICE_BEGAN, None), (1.0, LEAVE, None), (3.0, PRESS, STOP)],
}


@pytest.mark.parametrize("name", BY_VOICE)
@pytest.mark.parametrize("release_is_told", [False, True])
def test_the_key_ends_an_over_by_voice(name: str, release_is_told: bool) -> None:
    """An over that speech has begun is ended by the talk key like any other."""
    key = TalkKey()
    key.release_is_told = release_is_told
    play(key, BY_VOICE[name])


def test_deadlines_are_told_to_the_caller() -> None:
    """The caller learns when to come back, and that it need not."""
    key = TalkKey()
    told = [key.deadline_s]
    for event, at_s in ((PRESS, 10.0), (PRESS, 10.5), (TIME, 10.5 + LAST_REPEAT_S)):
        key.handle(event, at_s)
        told.append(key.deadline_s)
    assert [None, 10.0 + FIRST_REPEAT_S, 10.5 + LAST_REPEAT_S, None] == told


def test_holding_is_known_to_work_after_a_real_hold_only() -> None:
    """A double tap looks like one repeat and proves nothing; two repeats do."""
    key = TalkKey()
    play(key, REPEATS_ONLY["quick double tap ends"])
    known = [key.hold_works]
    play(key, [(10.0, PRESS, START), (10.5, PRESS, None), (10.53, PRESS, None)])
    known.append(key.hold_works)
    assert [False, True] == known


@given(
    st.booleans(),
    st.lists(st.tuples(st.floats(0.0, 1.0), st.sampled_from(KeyInput)), max_size=60),
)
def test_any_order_of_events(release_is_told: bool, steps: list[tuple[float, KeyInput]]) -> None:
    """Starts and stops alternate whatever happens, and after focus is lost only a pedal talks."""
    key = TalkKey()
    key.release_is_told = release_is_told
    now_s, talking, by_voice = 0.0, False, False
    for passed_s, event in steps:
        now_s += passed_s
        talk = key.handle(event, now_s)
        if talk is not None:
            assert (talk is START) is not (talking or by_voice) or event is REMOTE_DOWN
            talking = talk is START
        by_voice = key.state is KeyState.BY_VOICE
        assert talking is key.talking
        if event is LEAVE:
            assert not talking or key.state is KeyState.REMOTE
        if event is REMOTE_UP:
            assert not talking
        if key.state is KeyState.UP:
            assert key.deadline_s is None
