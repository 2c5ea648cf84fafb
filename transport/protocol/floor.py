"""Who may talk: a half-duplex channel as one table of states. No I/O, no clock.

Facts go in as methods with the time; what follows comes out as a list of events. The table says what may happen when;
a pair that is missing from it is a mistake of the caller (UsageError). Timers live beside it, in `tick`.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

from transport.errors import UsageError
from transport.protocol.frames import PACKET_S

TALK_LIMIT_S = 120.0
"""The time-out timer: a key that is stuck does not hold the channel."""
TALK_WARNING_S = 15.0
"""Warned so long before."""
SILENCE_S = 2.5
"""A talker of whom nothing has come for so long has disappeared..."""
SILENCE_FRAMES = 3
"""...but not before this many frames could have come."""
PAUSE_S = 1.0
"""A channel that was free for less was busy all the time, whoever talked."""
RECEIPT_WAIT_S = 3.0
"""After END has left, before a missing receipt is taken for a collision."""


class State(enum.Enum):
    """Where the floor is, seen from this station."""

    IDLE = "idle"
    ASKED = "asked"
    """The key is down, the link has not yet taken BEGIN: do not talk yet."""
    ON_AIR = "on air"
    COLLIDED = "collided"
    """On air, and somebody else is heard at the same time."""
    DRAINING = "draining"
    """The key is up, what was said is still being sent."""
    RECEIVING = "receiving"
    LOCKED_OUT = "locked out"
    """Receiving, with the key down: refused. The key must come up before it counts again."""


class Event(enum.Enum):
    """What moves the floor from state to state."""

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


TABLE: dict[State, dict[Event, State]] = {
    State.IDLE: {
        Event.PRESS: State.ASKED,
        Event.RELEASE: State.IDLE,  # after a refusal or the talk limit
        Event.FAIL: State.IDLE,
        Event.HEARD: State.RECEIVING,
    },
    State.ASKED: {
        Event.PRESS: State.ASKED,
        Event.PERMIT: State.ON_AIR,
        Event.RELEASE: State.DRAINING,  # BEGIN may be on its way: it must get its END
        Event.FAIL: State.IDLE,
        Event.HEARD: State.LOCKED_OUT,  # they were first
    },
    State.ON_AIR: {
        Event.PRESS: State.ON_AIR,
        Event.RELEASE: State.DRAINING,
        Event.LIMIT: State.DRAINING,
        Event.FAIL: State.IDLE,
        Event.HEARD: State.COLLIDED,
    },
    State.COLLIDED: {
        Event.PRESS: State.COLLIDED,
        Event.RELEASE: State.DRAINING,
        Event.LIMIT: State.DRAINING,
        Event.FAIL: State.RECEIVING,
        Event.HEARD: State.COLLIDED,
        Event.OVER: State.ON_AIR,
        Event.SILENCE: State.ON_AIR,
    },
    State.DRAINING: {
        Event.PRESS: State.DRAINING,
        Event.RELEASE: State.DRAINING,
        Event.DRAINED: State.IDLE,
        Event.FAIL: State.IDLE,
        Event.HEARD: State.DRAINING,
        Event.OVER: State.DRAINING,
        Event.SILENCE: State.DRAINING,
    },
    State.RECEIVING: {
        Event.PRESS: State.LOCKED_OUT,
        Event.BREAK_IN: State.ASKED,
        Event.RELEASE: State.RECEIVING,
        Event.FAIL: State.IDLE,
        Event.HEARD: State.RECEIVING,
        Event.OVER: State.IDLE,
        Event.SILENCE: State.IDLE,
    },
    State.LOCKED_OUT: {
        Event.PRESS: State.LOCKED_OUT,
        Event.RELEASE: State.RECEIVING,
        Event.FAIL: State.IDLE,
        Event.HEARD: State.LOCKED_OUT,
        Event.OVER: State.IDLE,
        Event.SILENCE: State.IDLE,
    },
}

_SENDING = (State.ON_AIR, State.COLLIDED, State.DRAINING)


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The floor went from one state to another."""

    old: State
    new: State
    why: Event


@dataclass(frozen=True, slots=True)
class TalkRefused:
    """The key was pressed and does not count; the reason is for the screen."""

    reason: str


@dataclass(frozen=True, slots=True)
class TalkLimitNear:
    """The time-out timer will end this over soon."""

    left_s: float


@dataclass(frozen=True, slots=True)
class TalkLimitReached:
    """The time-out timer ended the over; the key must come up before it counts again."""


@dataclass(frozen=True, slots=True)
class CollisionInferred:
    """Two stations probably talked at once; the reason is for the screen."""

    reason: str


@dataclass(frozen=True, slots=True)
class TalkerLost:
    """The station that talked disappeared without END; the floor is free."""

    over: int


FloorEvent = StateChanged | TalkRefused | TalkLimitNear | TalkLimitReached | CollisionInferred | TalkerLost


class Floor:
    """The floor of one station on one channel."""

    def __init__(self, talk_limit_s: float = TALK_LIMIT_S, talk_warning_s: float = TALK_WARNING_S) -> None:
        self.state = State.IDLE
        self.talker_over: int | None = None
        """The `over` of the station that is heard."""
        self._talk_limit_s = talk_limit_s
        self._talk_warning_s = talk_warning_s
        self._limit_at_s: float | None = None
        self._warned = False
        self._silent_at_s: float | None = None
        self._heard_at_s = 0.0
        self._busy_since_s = math.inf
        self._free_since_s = -math.inf
        self._breaking_in = False
        self._spacing_s = 0.0
        self._receipt_by_s: float | None = None
        self._collision_told: int | None = None

    def press(self, now: float) -> list[FloorEvent]:
        """The talk key went down."""
        before = self.state
        # Who talks on and on, by mistake or by intent, does not lock anybody out for longer than the talk limit.
        break_in = before is State.RECEIVING and now - self._busy_since_s >= self._talk_limit_s
        if before in (State.IDLE, State.RECEIVING):
            self._breaking_in = break_in
        events = self._move(Event.BREAK_IN if break_in else Event.PRESS)
        if self.state is State.LOCKED_OUT and before is State.RECEIVING:
            events.append(TalkRefused("somebody is talking: release the key and wait for the end of the over"))
        elif before is State.DRAINING:
            events.append(TalkRefused("your last over is still being sent"))
        elif self.state is State.ASKED:
            self._receipt_by_s = None
        return events

    def permit(self, now: float) -> list[FloorEvent]:
        """The link took BEGIN: talk. Only in ASKED: the caller looks at `state` after its BEGIN was sent."""
        events = self._move(Event.PERMIT)
        self._limit_at_s = now + self._talk_limit_s
        self._warned = False
        return events

    def release(self, now: float) -> list[FloorEvent]:
        """The talk key came up."""
        return self._move(Event.RELEASE)

    def drained(self, now: float, expect_receipt: bool = False) -> list[FloorEvent]:
        """The last END has left. `expect_receipt`: somebody in particular was addressed and should answer."""
        events = self._move(Event.DRAINED)
        if expect_receipt:
            self._receipt_by_s = now + RECEIPT_WAIT_S
        if self.talker_over is not None:  # who talked into our over goes on
            events += self._move(Event.HEARD)
        return events

    def fail(self, now: float, reason: str) -> list[FloorEvent]:
        """The link failed (or there is no peer yet): whatever was going on is over."""
        wanted = self.state in (State.ASKED, *_SENDING)
        events = self._move(Event.FAIL)
        if self.state is State.IDLE:
            self._forget_talker(now)
        return [*events, TalkRefused(reason)] if wanted else events

    def heard(self, now: float, over: int, k: int = 1, begins: bool = False) -> list[FloorEvent]:
        """A frame of another station's over came: any of its frames, understood or not. `begins`: it is followed from
        here on (OverBegun), whatever was followed before. k: packets a frame, if known."""
        if self.talker_over is not None and over != self.talker_over and not begins:
            return self._collision(over, "two stations are talking at once")
        if self.talker_over is None and now - self._free_since_s >= PAUSE_S:
            self._busy_since_s = now
        known = over == self.talker_over
        if known:
            self._spacing_s = max(self._spacing_s, now - self._heard_at_s)
        else:
            self._spacing_s = 0.0
        self.talker_over = over
        self._heard_at_s = now
        # On a link slower than speech frames come more rarely than k says: what was seen so far counts too.
        self._silent_at_s = now + max(SILENCE_S, SILENCE_FRAMES * max(k * PACKET_S, self._spacing_s))
        sending = self.state in _SENDING
        refused = self.state is State.ASKED
        if refused and self._breaking_in:
            return []
        events = self._move(Event.HEARD)
        if sending:
            events += self._collision(over, "somebody else is talking at the same time")
        if refused:
            events.append(TalkRefused("somebody began to talk just before you"))
        return events

    def end_heard(self, now: float, over: int) -> None:
        """END of that over came, its last packets are still to be played: silence is no longer a sign of anything.
        For callers who keep the floor until `over_ended`; a gathered over may play for minutes."""
        if over == self.talker_over:
            self._silent_at_s = None

    def over_ended(self, now: float, over: int) -> list[FloorEvent]:
        """END of that over came (and, if the caller wants it so, its last packet was played). Any other over than the
        one that is followed changes nothing."""
        if over != self.talker_over:
            return []
        self._forget_talker(now)
        return self._move(Event.OVER) if Event.OVER in TABLE[self.state] else []

    def receipt(self, now: float) -> list[FloorEvent]:
        """The addressed station said what it heard."""
        self._receipt_by_s = None
        return []

    def tick(self, now: float) -> list[FloorEvent]:
        """Whatever is due by now."""
        events: list[FloorEvent] = []
        if self._silent_at_s is not None and now >= self._silent_at_s and self.talker_over is not None:
            events.append(TalkerLost(self.talker_over))
            self._forget_talker(now)
            if Event.SILENCE in TABLE[self.state]:
                events += self._move(Event.SILENCE)
        if self._limit_at_s is not None and now >= self._limit_at_s - self._talk_warning_s and not self._warned:
            self._warned = True
            events.append(TalkLimitNear(max(0.0, self._limit_at_s - now)))
        if self._limit_at_s is not None and now >= self._limit_at_s:
            events.append(TalkLimitReached())
            events += self._move(Event.LIMIT)
        if self._receipt_by_s is not None and now >= self._receipt_by_s:
            self._receipt_by_s = None
            events.append(CollisionInferred("the station you called has not confirmed your over"))
        return events

    def next_tick_s(self) -> float | None:
        """When `tick` is next due; None: not before something happens."""
        times = [self._silent_at_s, self._receipt_by_s]
        if self._limit_at_s is not None:
            times.append(self._limit_at_s if self._warned else self._limit_at_s - self._talk_warning_s)
        return min((time_s for time_s in times if time_s is not None), default=None)

    def talk_left_s(self, now: float) -> float | None:
        """Seconds until the time-out timer ends this over; None when not on air."""
        return None if self._limit_at_s is None else max(0.0, self._limit_at_s - now)

    def _move(self, event: Event) -> list[FloorEvent]:
        old = self.state
        if event not in TABLE[old]:
            raise UsageError(f"the floor cannot take '{event.value}' while {old.value}")
        self.state = TABLE[old][event]
        if self.state not in (State.ON_AIR, State.COLLIDED):
            self._limit_at_s = None
        return [StateChanged(old, self.state, event)] if old is not self.state else []

    def _collision(self, over: int, reason: str) -> list[FloorEvent]:
        """Tell once per overlapping over."""
        if self._collision_told == over:
            return []
        self._collision_told = over
        return [CollisionInferred(reason)]

    def _forget_talker(self, now: float) -> None:
        if self.talker_over is not None:
            self._free_since_s = now
        self.talker_over = self._silent_at_s = self._collision_told = None
