"""The floor, that is who may talk: a half-duplex channel as one table of states (floor_states.py). No I/O, no clock.

Facts go in as calls of methods, with the time; what follows comes out as a list of events. The table says what may
happen when; a pair that is missing from it is a mistake of the caller (UsageError). The timers stand beside it, in
`tick`.
"""

from __future__ import annotations

import math
from collections import deque

from transport.errors import UsageError
from transport.protocol.floor_states import (
    TABLE,
    CollisionInferred,
    FloorEvent,
    FloorInput,
    State,
    StateChanged,
    TalkerLost,
    TalkLimitNear,
    TalkLimitReached,
    TalkRefused,
)
from transport.protocol.frames import PACKET_S
from transport.protocol.over_pace import MAX_ARRIVALS, PAUSE_S, TALK_LIMIT_S, is_sparse

TALK_WARNING_S = 15.0
"""Time before the talk limit at which the talker is warned, in seconds."""
SILENCE_S = 2.5
"""Silence after which a talker has disappeared, in seconds..."""
SILENCE_FRAMES = 3
"""...but no less than the time in which this many frames could have come."""
LONGER_SILENCE_S = 6.0
"""Most by which frames that come more rarely than planned lengthen that time, in seconds: the peer makes the gaps."""
FOLLOWED_MARGIN_S = 10.0
"""Time beyond the talk limit after which an over that is still followed is given up, in seconds: two BEGINs."""
RECEIPT_WAIT_S = 3.0
"""Time after END has left at which a missing receipt is taken for a collision, in seconds."""

_SENDING = (State.ON_AIR, State.COLLIDED, State.DRAINING)


class Floor:
    """The floor of one station on one channel. Every method takes the time, in seconds of a steady clock."""

    def __init__(
        self,
        talk_limit_s: float = TALK_LIMIT_S,
        talk_warning_s: float = TALK_WARNING_S,
        slowness: float = 1.0,
        *,
        if_sparse: bool = False,
    ) -> None:
        """Take this station's talk limit, and the seconds that a second of speech takes on the link, by its plan.

        if_sparse: the key counts, too, while somebody talks of whom hardly anything comes. `spoke` is told what does.
        """
        self.state = State.IDLE
        self.talker_over: int | None = None
        """Over number of the station that is heard; None while nobody is."""
        self._talk_limit_s = talk_limit_s
        self._talk_warning_s = talk_warning_s
        self._slowness = max(1.0, slowness)
        self._if_sparse = if_sparse
        self._limit_at_s: float | None = None
        self._warned = False
        self._silent_at_s: float | None = None
        self._heard_at_s = 0.0
        self._followed_since_s = 0.0
        self._given_up: int | None = None
        """Over that was followed for longer than anybody may talk: its frames count no more."""
        self._busy_since_s = math.inf
        self._free_since_s = -math.inf
        self._breaking_in = False
        self._frame_s = PACKET_S * self._slowness
        self._spoken: deque[tuple[float, int]] = deque(maxlen=MAX_ARRIVALS)
        """When so many packets came, whoever sent them."""
        self._spacing_s = 0.0
        self._receipt_by_s: float | None = None
        self._collision_told: int | None = None

    @property
    def breaks_in_s(self) -> float:
        """Time from which the key counts although somebody talks; infinite while nobody does.

        Whoever talks on and on, by mistake or by intent, locks nobody out for longer than the talk limit.
        """
        receiving = self.state is State.RECEIVING
        return self._busy_since_s + self._talk_limit_s * self._slowness if receiving else math.inf

    def breaks_in(self, now: float) -> bool:
        """Tell whether the key counts although somebody talks: for too long, or hardly anything."""
        return now >= self.breaks_in_s or (self._if_sparse and self._sparse(now))

    def press(self, now: float) -> list[FloorEvent]:
        """Take note that the talk key went down."""
        before = self.state
        break_in = self.breaks_in(now)
        if before in (State.IDLE, State.RECEIVING):
            self._breaking_in = break_in
        events = self._move(FloorInput.BREAK_IN if break_in else FloorInput.PRESS)
        if self.state is State.LOCKED_OUT and before is State.RECEIVING:
            events.append(TalkRefused("somebody is talking: wait for the end of that over"))
        elif before is State.DRAINING:
            events.append(TalkRefused("your last over is still being sent"))
        elif self.state is State.ASKED:
            self._receipt_by_s = None
        return events

    def permit(self, now: float) -> list[FloorEvent]:
        """Take note that the link took BEGIN: talk. Only in ASKED: look at `state` after BEGIN was sent."""
        events = self._move(FloorInput.PERMIT)
        self._limit_at_s = now + self._talk_limit_s
        self._warned = False
        return events

    def release(self, now: float) -> list[FloorEvent]:
        """Take note that the talk key came up."""
        return self._move(FloorInput.RELEASE)

    def drained(self, now: float, expect_receipt: bool = False) -> list[FloorEvent]:
        """Take note that the last END has left. `expect_receipt`: one station was addressed, and should answer."""
        events = self._move(FloorInput.DRAINED)
        if expect_receipt:
            self._receipt_by_s = now + RECEIPT_WAIT_S
        if self.talker_over is not None:  # whoever talked into this over goes on
            events += self._move(FloorInput.HEARD)
        return events

    def fail(self, now: float, reason: str) -> list[FloorEvent]:
        """Take note that the link failed, or has no peer yet: whatever was going on is over."""
        wanted = self.state in (State.ASKED, *_SENDING)
        events = self._move(FloorInput.FAIL)
        if self.state is State.IDLE and self.talker_over is not None:
            events.append(TalkerLost(self.talker_over))  # nothing watches his silence any more
            self._forget_talker(now)
        return [*events, TalkRefused(reason)] if wanted else events

    def heard(self, now: float, over: int, k: int = 1, begins: bool = False) -> list[FloorEvent]:
        """Take note of a frame of another station's over: any of its frames, understood or not.

        `begins`: the over is followed from here on (OverBegun), whatever was followed before. k: packets a frame, if
        known.
        """
        if self.talker_over is not None and over != self.talker_over and not begins:
            return self._collision(over, "two stations are talking at once")
        if over == self._given_up and not begins:
            self._free_since_s = now + self._silence_s(k)  # he has not paused
            return []
        self._given_up = None
        if self.talker_over is None and now - self._free_since_s >= PAUSE_S:
            self._busy_since_s = now
        known = over == self.talker_over
        if known:
            self._spacing_s = max(self._spacing_s, now - self._heard_at_s)
        else:
            self._spacing_s = 0.0
        if begins or not known:
            self._followed_since_s = now
        self.talker_over = over
        self._frame_s = k * PACKET_S * self._slowness
        self._heard_at_s = now
        self._silent_at_s = now + self._silence_s(k)
        sending = self.state in _SENDING
        refused = self.state is State.ASKED
        if refused and self._breaking_in:
            return []
        events = self._move(FloorInput.HEARD)
        if sending:
            events += self._collision(over, "somebody else is talking at the same time")
        if refused:
            events.append(TalkRefused("somebody began to talk just before you"))
        return events

    def spoke(self, now: float, packets: int) -> None:
        """Take note that so many packets came, of anybody's over."""
        self._spoken.append((now, packets))

    def _sparse(self, now: float) -> bool:
        """Tell whether little came for seconds of whoever talked since the last pause, and more is to come."""
        if self.state is not State.RECEIVING or self._silent_at_s is None:  # has ended
            return False
        return is_sparse(self._spoken, self._busy_since_s, self._frame_s, self._slowness, now)

    def _silence_s(self, k: int) -> float:
        """Return the silence after which the talker has disappeared, on a link whose frames hold k packets.

        On a link slower than speech frames come more rarely than k says: the plan counts, and what was seen so far.
        """
        frame_s = k * PACKET_S
        seen_s = min(SILENCE_FRAMES * self._spacing_s, frame_s * self._slowness + LONGER_SILENCE_S)
        planned_s = frame_s * self._slowness + SILENCE_S if self._slowness > 1 else SILENCE_FRAMES * frame_s
        return max(SILENCE_S, planned_s, seen_s)

    def end_heard(self, now: float, over: int) -> None:
        """Take note that END of that over came and its last packets are still to be played: silence means nothing now.

        For callers who keep the floor until `over_ended`; a gathered over may play for minutes.
        """
        if over == self.talker_over:
            self._silent_at_s = None

    def over_ended(self, now: float, over: int) -> list[FloorEvent]:
        """Take note that END of that over came and, if the caller wants it so, that its last packet was played.

        An over other than the one that is followed changes nothing.
        """
        if over != self.talker_over:
            return []
        self._forget_talker(now)
        return self._move(FloorInput.OVER) if FloorInput.OVER in TABLE[self.state] else []

    def receipt(self, now: float) -> list[FloorEvent]:
        """Take note that the addressed station has said what it heard."""
        self._receipt_by_s = None
        return []

    def talker_lost(self, now: float) -> list[FloorEvent]:
        """Take note that nothing more can come of the over that is heard, if one is: the link is gone.

        An over whose END has come is only played to its end, and goes on.
        """
        if self.talker_over is None or self._silent_at_s is None:
            return []
        events: list[FloorEvent] = [TalkerLost(self.talker_over)]
        self._forget_talker(now)
        if FloorInput.SILENCE in TABLE[self.state]:
            events += self._move(FloorInput.SILENCE)
        return events

    def tick(self, now: float) -> list[FloorEvent]:
        """Return whatever is due by now."""
        events: list[FloorEvent] = []
        if self.talker_over is not None and now >= self._lost_at_s():
            if self._silent_at_s is not None and now < self._silent_at_s:
                self._given_up, self._free_since_s = self.talker_over, self._silent_at_s  # he has not paused
            events += self.talker_lost(now)
        if self._limit_at_s is not None and now >= self._limit_at_s - self._talk_warning_s and not self._warned:
            self._warned = True
            events.append(TalkLimitNear(max(0.0, self._limit_at_s - now)))
        if self._limit_at_s is not None and now >= self._limit_at_s:
            events.append(TalkLimitReached())
            events += self._move(FloorInput.LIMIT)
        if self._receipt_by_s is not None and now >= self._receipt_by_s:
            self._receipt_by_s = None
            events.append(CollisionInferred("the station you called has not confirmed your over"))
        return events

    def next_tick_s(self) -> float | None:
        """Return when `tick` is next due; None: not before something happens."""
        times = [self._receipt_by_s]
        if self._lost_at_s() < math.inf:
            times.append(self._lost_at_s())
        if self._limit_at_s is not None:
            times.append(self._limit_at_s if self._warned else self._limit_at_s - self._talk_warning_s)
        return min((time_s for time_s in times if time_s is not None), default=None)

    def _lost_at_s(self) -> float:
        """Return when the talker is given up: silent, or followed for longer than anybody may talk; `inf` for none."""
        if self.talker_over is None or self._silent_at_s is None:
            return math.inf
        followed_until_s = self._followed_since_s + TALK_LIMIT_S * self._slowness + FOLLOWED_MARGIN_S
        return min(self._silent_at_s, followed_until_s)

    def _move(self, event: FloorInput) -> list[FloorEvent]:
        old = self.state
        if event not in TABLE[old]:
            raise UsageError(f"the floor cannot take '{event.value}' while {old.value}")
        self.state = TABLE[old][event]
        if self.state not in (State.ON_AIR, State.COLLIDED):
            self._limit_at_s = None
        return [StateChanged(old, self.state, event)] if old is not self.state else []

    def _collision(self, over: int, reason: str) -> list[FloorEvent]:
        """Return the sign of a collision, once for each overlapping over."""
        if self._collision_told == over:
            return []
        self._collision_told = over
        return [CollisionInferred(reason)]

    def _forget_talker(self, now: float) -> None:
        if self.talker_over is not None:
            self._free_since_s = max(now, self._free_since_s)
        self.talker_over = self._silent_at_s = self._collision_told = None
