"""The floor, told the time: who may talk, who may not, and who has gone."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transport.errors import UsageError
from transport.protocol.floor import (
    FOLLOWED_MARGIN_S,
    LONGER_SILENCE_S,
    RECEIPT_WAIT_S,
    SILENCE_S,
    TALK_WARNING_S,
    Floor,
)
from transport.protocol.floor_states import (
    TABLE,
    CollisionInferred,
    FloorInput,
    State,
    StateChanged,
    TalkerLost,
    TalkLimitNear,
    TalkLimitReached,
    TalkRefused,
)
from transport.protocol.frames import PACKET_S
from transport.protocol.over_pace import SPARSE_FRAMES, SPARSE_S, TALK_LIMIT_S

THEM, OTHERS = 7, 8


def on_air(now: float = 0.0) -> Floor:
    """A floor whose station talks."""
    floor = Floor()
    floor.press(now)
    floor.permit(now)
    return floor


def receiving(now: float = 0.0) -> Floor:
    """A floor whose station hears somebody."""
    floor = Floor()
    floor.heard(now, THEM, begins=True)
    return floor


def state_of(floor: Floor) -> State:
    """Its state now; read through a function, so that type checkers do not believe that it stays."""
    return floor.state


def kinds(events: list) -> list[type]:
    """The classes of the events, state changes aside."""
    return [type(event) for event in events if not isinstance(event, StateChanged)]


def test_an_over_of_our_own() -> None:
    """Press, permit, release, drained: asked, on air, draining, idle, each told."""
    floor = Floor()
    events = floor.press(0.0) + floor.permit(0.1) + floor.release(5.0) + floor.drained(5.5)
    assert [
        StateChanged(State.IDLE, State.ASKED, FloorInput.PRESS),
        StateChanged(State.ASKED, State.ON_AIR, FloorInput.PERMIT),
        StateChanged(State.ON_AIR, State.DRAINING, FloorInput.RELEASE),
        StateChanged(State.DRAINING, State.IDLE, FloorInput.DRAINED),
    ] == events
    assert floor.next_tick_s() is None


def test_an_over_of_theirs() -> None:
    """The first frame of somebody's over takes the floor, its end frees it."""
    floor = receiving()
    assert (State.RECEIVING, THEM) == (floor.state, floor.talker_over)
    assert [] == floor.heard(0.3, THEM)
    assert [] == floor.over_ended(1.0, OTHERS)
    assert [StateChanged(State.RECEIVING, State.IDLE, FloorInput.OVER)] == floor.over_ended(1.0, THEM)
    assert [] == floor.over_ended(1.0, THEM)


def test_busy_lockout() -> None:
    """A key pressed while somebody talks is refused, and does not count when they stop: it must come up first."""
    floor = receiving()
    assert [
        StateChanged(State.RECEIVING, State.LOCKED_OUT, FloorInput.PRESS),
        TalkRefused("somebody is talking: wait for the end of that over"),
    ] == floor.press(1.0)
    floor.over_ended(2.0, THEM)
    assert State.IDLE is state_of(floor)
    assert [] == floor.release(3.0)
    floor.press(4.0)
    assert State.ASKED is state_of(floor)


def test_they_were_first() -> None:
    """A BEGIN that comes while we wait for the permit takes the floor from us."""
    floor = Floor()
    floor.press(0.0)
    assert [TalkRefused] == kinds(floor.heard(0.1, THEM, begins=True))
    assert State.LOCKED_OUT is state_of(floor)
    with pytest.raises(UsageError):
        floor.permit(0.2)


def test_collision_is_inferred_once() -> None:
    """Somebody else's frames while we talk: told once, shown as long as it lasts, and the floor goes on."""
    floor = on_air()
    assert [CollisionInferred] == kinds(floor.heard(1.0, THEM, begins=True))
    assert [] == kinds(floor.heard(1.3, THEM))
    assert State.COLLIDED is state_of(floor)
    floor.over_ended(2.0, THEM)
    assert State.ON_AIR is state_of(floor)
    assert [CollisionInferred] == kinds(floor.heard(3.0, THEM))


def test_who_talked_into_our_over_goes_on() -> None:
    """When we let go after a collision and they still talk, we receive."""
    floor = on_air()
    floor.heard(1.0, THEM)
    floor.release(1.5)
    floor.heard(1.6, THEM)
    floor.drained(1.7)
    assert State.RECEIVING is state_of(floor)


def test_two_others_collide() -> None:
    """Frames of a second station between those of the first: a collision is told, the first one is followed, and the
    second one does not keep the floor taken."""
    floor = receiving()
    assert [CollisionInferred] == kinds(floor.heard(0.5, OTHERS))
    assert [] == kinds(floor.heard(0.8, OTHERS))
    assert THEM == floor.talker_over
    assert [TalkerLost(THEM), StateChanged(State.RECEIVING, State.IDLE, FloorInput.SILENCE)] == floor.tick(SILENCE_S)


def test_a_new_over_is_followed() -> None:
    """An over that the receiver follows from now on replaces the one before."""
    floor = receiving()
    assert [] == floor.heard(1.0, OTHERS, begins=True)
    assert OTHERS == floor.talker_over


@pytest.mark.parametrize(("k", "silence_s"), [(1, 2.5), (2, 2.5), (4, 3.84), (6, 5.76)])
def test_a_peer_that_disappears_frees_the_floor(k: int, silence_s: float) -> None:
    """Nothing for max(2.5 s, 3 frames): the talker is lost and the floor is free."""
    floor = Floor()
    floor.heard(10.0, THEM, k, begins=True)
    assert 10.0 + silence_s == pytest.approx(floor.next_tick_s())
    assert [] == floor.tick(10.0 + silence_s - 0.01)
    assert [TalkerLost] == kinds(floor.tick(10.0 + silence_s + 0.01))
    assert State.IDLE is state_of(floor)


def test_a_slow_link_is_given_more_time() -> None:
    """Where frames come more rarely than k says, silence is measured by what was seen."""
    floor = receiving()
    for number in range(1, 5):
        floor.heard(2.0 * number, THEM)
    assert 8.0 + 3 * 2.0 == pytest.approx(floor.next_tick_s())


def test_after_end_silence_means_nothing() -> None:
    """Between END and the last packet played the talker is not given up, however long that takes."""
    floor = receiving()
    floor.end_heard(1.0, OTHERS)
    assert SILENCE_S == floor.next_tick_s()
    floor.end_heard(1.0, THEM)
    assert (None, []) == (floor.next_tick_s(), floor.tick(100.0))
    assert State.RECEIVING is state_of(floor)
    floor.over_ended(100.0, THEM)
    assert State.IDLE is state_of(floor)


def test_a_lost_talker_while_locked_out_and_while_collided() -> None:
    """The time-out frees the floor in every state in which somebody else may talk."""
    floor = receiving()
    floor.press(1.0)
    floor.tick(10.0)
    assert State.IDLE is state_of(floor)
    floor = on_air()
    floor.heard(1.0, THEM)
    floor.tick(10.0)
    assert State.ON_AIR is state_of(floor)


def test_time_out_timer() -> None:
    """The talk limit is warned of, then ends the over; the key must come up before it counts again."""
    floor = on_air(100.0)
    assert 100.0 + TALK_LIMIT_S - TALK_WARNING_S == floor.next_tick_s()
    assert [] == floor.tick(150.0)
    assert [TalkLimitNear(TALK_WARNING_S)] == floor.tick(100.0 + TALK_LIMIT_S - TALK_WARNING_S)
    assert [] == floor.tick(100.0 + TALK_LIMIT_S - 1)
    assert 100.0 + TALK_LIMIT_S == floor.next_tick_s()
    assert [TalkLimitReached] == kinds(floor.tick(100.0 + TALK_LIMIT_S))
    assert State.DRAINING is state_of(floor)
    floor.drained(230.0)
    floor.release(231.0)
    assert (State.IDLE, None) == (floor.state, floor.next_tick_s())


def test_the_limit_is_counted_anew_for_each_over() -> None:
    """A second over has its own warning and its own limit."""
    floor = on_air(0.0)
    floor.tick(TALK_LIMIT_S - 1)
    floor.release(TALK_LIMIT_S - 0.5)
    floor.drained(TALK_LIMIT_S)
    floor.press(200.0)
    floor.permit(200.0)
    assert [] == floor.tick(200.0 + TALK_LIMIT_S / 2)
    assert [TalkLimitNear] == kinds(floor.tick(200.0 + TALK_LIMIT_S - 5))


def test_missing_receipt() -> None:
    """An addressed over that is not confirmed is taken for a collision; a receipt, or a new over, ends the wait."""
    floor = on_air()
    floor.release(1.0)
    floor.drained(2.0, expect_receipt=True)
    assert 2.0 + RECEIPT_WAIT_S == floor.next_tick_s()
    assert [CollisionInferred] == kinds(floor.tick(2.0 + RECEIPT_WAIT_S))
    assert [] == floor.tick(20.0)
    floor.press(30.0)
    floor.permit(30.0)
    floor.release(31.0)
    floor.drained(32.0, expect_receipt=True)
    floor.receipt(33.0)
    assert [] == floor.tick(50.0)


def test_a_key_released_before_the_permit() -> None:
    """A short tap goes to draining, so that the BEGIN that may be on its way gets its END."""
    floor = Floor()
    floor.press(0.0)
    floor.release(0.01)
    assert State.DRAINING is state_of(floor)


def test_pressed_while_draining() -> None:
    """The key does not count while the last over is still being sent, and the reason is told."""
    floor = on_air()
    floor.release(1.0)
    assert [TalkRefused] == kinds(floor.press(1.1))
    assert State.DRAINING is state_of(floor)


@pytest.mark.parametrize("state", State)
def test_a_failed_link_ends_everything(state: State) -> None:
    """Whatever was going on, a link that fails leaves the floor free, and says why to who wanted to talk."""
    floor = Floor()
    floor.state = state
    wanted = state in (State.ASKED, State.ON_AIR, State.COLLIDED, State.DRAINING)
    assert [TalkRefused("unplugged")] * wanted == [e for e in floor.fail(1.0, "unplugged") if type(e) is TalkRefused]
    assert State.IDLE is floor.state or state is State.COLLIDED


@pytest.mark.parametrize("sending", [True, False])
def test_a_link_that_fails_loses_whoever_was_heard(sending: bool) -> None:
    """Somebody talked into our over, or was broken in upon: nobody watches his silence then, so he is given up."""
    if sending:
        floor = on_air()
        floor.release(1.0)
        floor.heard(1.1, THEM)
    else:
        floor = receiving()
        for second in range(1, int(TALK_LIMIT_S) + 2):
            floor.heard(float(second), THEM)
        floor.press(TALK_LIMIT_S + 2.0)
        assert State.ASKED is state_of(floor)
    assert TalkerLost(THEM) in floor.fail(TALK_LIMIT_S + 2.5, "unplugged")
    assert (State.IDLE, None) == (state_of(floor), floor.talker_over)


def test_every_state_takes_the_key_and_the_link() -> None:
    """No key, frame or failure of the link is ever a mistake: these come whenever they like."""
    for state, event in itertools.product(
        State, (FloorInput.PRESS, FloorInput.RELEASE, FloorInput.FAIL, FloorInput.HEARD)
    ):
        if (state, event) != (State.IDLE, FloorInput.FAIL):
            assert event in TABLE[state], (state, event)
    assert set(State) == set(TABLE)


happenings = st.sampled_from(
    ["press", "release", "heard", "other", "ended", "permit", "drained", "fail", "tick"],
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(happenings, st.floats(0, 20)), max_size=40))
def test_any_course_of_things(course: list[tuple[str, float]]) -> None:
    """In whatever order things happen, the floor never raises, and left alone it becomes idle."""
    floor, now = Floor(), 0.0
    for what, passed_s in course:
        now += passed_s
        match what:
            case "heard":
                floor.heard(now, THEM)
            case "other":
                floor.heard(now, OTHERS, 6, begins=True)
            case "ended":
                floor.over_ended(now, THEM)
            case "permit" if floor.state is State.ASKED:
                floor.permit(now)
            case "drained" if floor.state is State.DRAINING:
                floor.drained(now, expect_receipt=True)
            case "fail":
                floor.fail(now, "unplugged")
            case "press" | "release" | "tick":
                getattr(floor, what)(now)
    floor.release(now)
    if floor.state is State.DRAINING:
        floor.drained(now)
    while (next_s := floor.next_tick_s()) is not None:
        now = max(now, next_s)
        floor.tick(now)
    assert (State.IDLE, None) == (floor.state, floor.talker_over)


def test_nobody_holds_the_floor_for_longer_than_anybody_may() -> None:
    """After 120 s of somebody else's overs without a pause the key counts, and their next frame does not take it back;
    after a pause the time runs anew."""
    for gap_s, state in ((0.5, State.ASKED), (1.5, State.LOCKED_OUT)):
        floor, now, over = Floor(), 0.0, 0
        while now < TALK_LIMIT_S:
            over += 1
            for _ in range(20):
                floor.heard(now, over, begins=True)
                now += 0.5
            floor.over_ended(now, over)
            now += gap_s
        floor.heard(now, over + 1, begins=True)
        floor.press(now)
        assert state is state_of(floor)
    floor = receiving()
    floor.heard(TALK_LIMIT_S, THEM)
    floor.press(TALK_LIMIT_S)
    assert [] == floor.heard(TALK_LIMIT_S + 0.1, THEM)
    floor.permit(TALK_LIMIT_S + 0.2)
    floor.heard(TALK_LIMIT_S + 0.3, THEM)
    assert State.COLLIDED is state_of(floor)


@pytest.mark.parametrize("number_s", [5.0, 125.0, 1000.0])
@pytest.mark.parametrize("limit_s", [TALK_LIMIT_S, TALK_LIMIT_S + 10.0])
def test_whoever_is_given_up_has_not_paused(limit_s: float, number_s: float) -> None:
    """A frame every 2.3 s, of an over with another number now and then, holds the floor for no longer than anybody may:
    from then on the key counts at any time."""
    floor, now, denied = Floor(limit_s), 0.0, []
    while now < 1000.0:
        now += 2.3
        floor.tick(now)
        floor.heard(now, int(now / number_s))
        if floor.state is State.RECEIVING and now < floor.breaks_in_s:
            denied.append(now)
    assert limit_s - 3.0 <= denied[-1] <= limit_s + 3.0


def test_on_a_slow_link_anybody_may_talk_for_longer() -> None:
    """An over that takes twice its time on the link is waited for twice as long."""
    floor = Floor(slowness=2.0)
    for now in range(int(2 * TALK_LIMIT_S) + 1):
        floor.heard(float(now), THEM)
    assert 2 * TALK_LIMIT_S == floor.breaks_in_s


@pytest.mark.parametrize("growth_s", [0.5, 2.0, 60.0])
def test_gaps_that_grow_do_not_lengthen_the_silence(growth_s: float) -> None:
    """Frames whose gaps grow as far as they can keep the floor for seconds after the last of them, not minutes."""
    floor, now, gap_s = receiving(), 0.0, 0.0
    for _ in range(50):
        gap_s += growth_s
        if now + gap_s >= (floor.next_tick_s() or 0.0):
            break
        now += gap_s
        floor.heard(now, THEM)
    lost_s = floor.next_tick_s()
    assert lost_s is not None
    assert lost_s - now <= PACKET_S + LONGER_SILENCE_S


@pytest.mark.parametrize("spacing_s", [0.32, 2.4])
def test_following_ends_with_the_talk_limit(spacing_s: float) -> None:
    """An over whose frames never stop is given up once nobody may talk for so long, and its frames count no more."""
    floor, now, lost = receiving(), 0.0, []
    while now < TALK_LIMIT_S + FOLLOWED_MARGIN_S + 10.0:
        now += spacing_s
        floor.heard(now, THEM)
        lost += [event for event in floor.tick(now) if isinstance(event, TalkerLost)]
    assert [TalkerLost(THEM)] == lost
    assert State.IDLE is state_of(floor)
    floor.press(now)
    assert State.ASKED is state_of(floor)


def spoken(floor: Floor, k: int, spacing_s: float, loses: float, until_s: float) -> list[bool]:
    """Have an over of frames so far apart be heard from 0 s on, of which a share is lost by chance; return, for every
    0.1 s of it in which somebody is heard, whether a key that is pressed there would count."""
    dice, now, due_s, counts = random.Random(4), 0.0, 0.0, []
    floor.heard(now, THEM, k, begins=True)
    while now < until_s:
        now += 0.1
        if now >= due_s + spacing_s:
            due_s += spacing_s
            if dice.random() >= loses:
                floor.spoke(now, k)
                floor.heard(now, THEM, k)
        floor.tick(now)
        if floor.state is State.RECEIVING:
            counts.append(floor._sparse(now))
    return counts


@pytest.mark.parametrize("spacing_s", [2.1, 2.4])
def test_a_trickle_of_speech_does_not_hold_the_floor(spacing_s: float) -> None:
    """Once hardly anything has come for seconds, the key counts at any time; not for whoever does not ask so."""
    floor, other = Floor(if_sparse=True), Floor()
    for one in (other, floor):
        counts = spoken(one, 1, spacing_s, 0.0, 60.0)
    first = counts.index(True)
    assert SPARSE_S <= 0.1 * (first + 1) <= SPARSE_S + 0.2
    assert all(counts[first:])
    assert kinds(other.press(60.0)) == [TalkRefused]
    floor.press(60.0)
    assert State.ASKED is state_of(floor)
    assert [] == floor.heard(60.1, THEM)  # which does not take it back


@pytest.mark.parametrize("k", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("slowness", [1.0, 2.0])
def test_a_talker_on_a_lossy_link_keeps_the_floor(k: int, slowness: float) -> None:
    """Where 40 % of his packets are lost by chance, hardly a press counts; where none are, none does."""
    for loses, most in ((0.0, 0.0), (0.25, 0.02), (0.4, 0.06)):
        floor = Floor(10 * TALK_LIMIT_S, slowness=slowness)
        counts = spoken(floor, k, k * PACKET_S * slowness, loses, TALK_LIMIT_S * slowness)
        assert sum(counts) <= most * len(counts), loses


def test_the_floor_is_kept_from_the_key_at_first_and_to_the_end() -> None:
    """Nobody is judged before SPARSE_S, or four frames; and an over whose END has come is played to its end."""
    for k, held_s in ((1, SPARSE_S), (6, SPARSE_FRAMES * 6 * PACKET_S)):
        floor = Floor()
        floor.heard(0.0, THEM, k, begins=True)
        assert (False, True) == (floor._sparse(held_s - 0.01), floor._sparse(held_s + 0.01))
        floor.end_heard(held_s, THEM)
        assert not floor._sparse(held_s + 0.01)


def test_overs_of_other_names_do_not_hold_the_floor_with_little() -> None:
    """However many overs without a pause share what comes: it is counted of them all."""
    floor, now = Floor(if_sparse=True), 0.0
    for over in range(20):
        floor.heard(now, over, begins=True)
        floor.spoke(now, 1)
        now += 2.0
    floor.press(now)
    assert State.ASKED is state_of(floor)


@pytest.mark.parametrize(("slowness", "silence_s"), [(1.0, 2.5), (1.5, 0.32 * 1.5 + SILENCE_S)])
def test_a_link_that_is_a_little_slow_is_given_its_time(slowness: float, silence_s: float) -> None:
    """Above 1 the plan says how long a frame takes, however little it is above."""
    floor = Floor(slowness=slowness)
    floor.heard(0.0, THEM, begins=True)
    assert [] == floor.tick(silence_s - 0.01)
    assert TalkerLost(THEM) in floor.tick(silence_s + 0.01)


def test_an_over_that_is_joined_anew_is_followed_anew() -> None:
    """The time for which somebody is followed counts from where the receiver joined the over last."""
    floor, now, lost = receiving(), 0.0, []
    while now < TALK_LIMIT_S + FOLLOWED_MARGIN_S + 60.0:
        now += 1.0
        floor.heard(now, THEM, begins=now == 100.0)
        lost += [event for event in floor.tick(now) if isinstance(event, TalkerLost)]
    assert [] == lost


def test_the_signs_of_a_collision_say_what_happens() -> None:
    """Of two others, and of one that talks into an over of ours."""
    both, ours = receiving(), on_air()
    assert [CollisionInferred("two stations are talking at once")] == both.heard(1.0, THEM + 1)
    assert [
        StateChanged(State.ON_AIR, State.COLLIDED, FloorInput.HEARD),
        CollisionInferred("somebody else is talking at the same time"),
    ] == ours.heard(1.0, THEM)
