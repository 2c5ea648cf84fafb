"""The states of the floor, the events that move it, their table, and the facts that it tells. No I/O, no clock."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class State(enum.Enum):
    """A state of the floor, seen from this station."""

    IDLE = "idle"
    ASKED = "asked"
    """The key is down and the link has not yet taken BEGIN: do not talk yet."""
    ON_AIR = "on air"
    COLLIDED = "collided"
    """On air, while somebody else is heard."""
    DRAINING = "draining"
    """The key is up, and what was said is still being sent."""
    RECEIVING = "receiving"
    LOCKED_OUT = "locked out"
    """Receiving, with the key down: refused. The key must come up before it counts again."""


class FloorInput(enum.Enum):
    """An event that moves the floor from state to state."""

    PRESS = "press"
    BREAK_IN = "break in"
    """PRESS, after somebody else had the floor for as long as anybody may."""
    PERMIT = "permit"
    """The link took BEGIN."""
    RELEASE = "release"
    LIMIT = "talk limit"
    DRAINED = "drained"
    FAIL = "link failed"
    HEARD = "heard"
    """A frame of somebody's over."""
    OVER = "over ended"
    SILENCE = "silence"
    """The talker disappeared."""


TABLE: dict[State, dict[FloorInput, State]] = {
    State.IDLE: {
        FloorInput.PRESS: State.ASKED,
        FloorInput.RELEASE: State.IDLE,  # after a refusal or the talk limit
        FloorInput.FAIL: State.IDLE,
        FloorInput.HEARD: State.RECEIVING,
    },
    State.ASKED: {
        FloorInput.PRESS: State.ASKED,
        FloorInput.PERMIT: State.ON_AIR,
        FloorInput.RELEASE: State.DRAINING,  # BEGIN may be on its way: it must get its END
        FloorInput.FAIL: State.IDLE,
        FloorInput.HEARD: State.LOCKED_OUT,  # they were first
    },
    State.ON_AIR: {
        FloorInput.PRESS: State.ON_AIR,
        FloorInput.RELEASE: State.DRAINING,
        FloorInput.LIMIT: State.DRAINING,
        FloorInput.FAIL: State.IDLE,
        FloorInput.HEARD: State.COLLIDED,
    },
    State.COLLIDED: {
        FloorInput.PRESS: State.COLLIDED,
        FloorInput.RELEASE: State.DRAINING,
        FloorInput.LIMIT: State.DRAINING,
        FloorInput.FAIL: State.RECEIVING,
        FloorInput.HEARD: State.COLLIDED,
        FloorInput.OVER: State.ON_AIR,
        FloorInput.SILENCE: State.ON_AIR,
    },
    State.DRAINING: {
        FloorInput.PRESS: State.DRAINING,
        FloorInput.RELEASE: State.DRAINING,
        FloorInput.DRAINED: State.IDLE,
        FloorInput.FAIL: State.IDLE,
        FloorInput.HEARD: State.DRAINING,
        FloorInput.OVER: State.DRAINING,
        FloorInput.SILENCE: State.DRAINING,
    },
    State.RECEIVING: {
        FloorInput.PRESS: State.LOCKED_OUT,
        FloorInput.BREAK_IN: State.ASKED,
        FloorInput.RELEASE: State.RECEIVING,
        FloorInput.FAIL: State.IDLE,
        FloorInput.HEARD: State.RECEIVING,
        FloorInput.OVER: State.IDLE,
        FloorInput.SILENCE: State.IDLE,
    },
    State.LOCKED_OUT: {
        FloorInput.PRESS: State.LOCKED_OUT,
        FloorInput.RELEASE: State.RECEIVING,
        FloorInput.FAIL: State.IDLE,
        FloorInput.HEARD: State.LOCKED_OUT,
        FloorInput.OVER: State.IDLE,
        FloorInput.SILENCE: State.IDLE,
    },
}
"""The next state, by state and event."""


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A step of the floor from one state to another."""

    old: State
    new: State
    why: FloorInput


@dataclass(frozen=True, slots=True)
class TalkRefused:
    """A key press that does not count; the reason is for the screen."""

    reason: str


@dataclass(frozen=True, slots=True)
class TalkLimitNear:
    """A warning that the time-out timer will end this over soon."""

    left_s: float


@dataclass(frozen=True, slots=True)
class TalkLimitReached:
    """The end of an over by the time-out timer; the key must come up before it counts again."""


@dataclass(frozen=True, slots=True)
class CollisionInferred:
    """A sign that two stations probably talked at once; the reason is for the screen."""

    reason: str


@dataclass(frozen=True, slots=True)
class TalkerLost:
    """The disappearance of the station that talked, without END; the floor is free."""

    over: int


FloorEvent = StateChanged | TalkRefused | TalkLimitNear | TalkLimitReached | CollisionInferred | TalkerLost
"""Everything that the floor tells its caller."""
