"""The way out: frames in order, one at a time, at the pace of the link.

What this station says comes first. Answers that others ask for have a place each and a budget of airtime, so that
nobody can make a station send at somebody else's will.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import trio

from app.station.wire_meter import wire_bytes
from transport.errors import LinkError
from transport.links.base import Link, reply
from transport.links.traffic import Traffic
from transport.planning.airtime_budget import WINDOW_S, AirtimeBudget
from transport.protection.rate_limit import TokenBucket
from transport.protocol.frames import TAG_BYTES, Frame, Pong, Receipt, Refusal
from transport.protocol.open_frames import HEADER_BYTES, STAMP_BYTES

Answering = Receipt | Pong | Refusal
"""Frames that answer those of others."""
MAX_WAITING = 4096
"""Largest number of frames that wait: 22 minutes of speech. Only a link slower than speech ever comes near it."""
ANSWERS_PER_S = 2.0
"""Answers of one kind a second that are sent at the most..."""
ANSWERS_AT_ONCE = 8.0
"""...and how many may come at once, after a pause."""
ANSWER_SHARE = 0.1
"""Share of an hour's airtime that answers of one kind may take, so on a thin link they are fewer than ANSWERS_PER_S...

Where there is a duty cycle, it is a share of what that allows.
"""
ANSWER_AIRTIME_S = 3.0
"""...and how much of it they may take at once, after a pause, in seconds; half of it where it is less than 6 s."""
LONGEST_ANSWER_BYTES = HEADER_BYTES + STAMP_BYTES + 4 + max(TAG_BYTES)
"""Length that no answer exceeds: that of a protected PONG, with its token of 4 bytes."""


class AnswerKind(enum.Enum):
    """Kinds of answer, none of which takes the place or the budget of another."""

    RECEIPT_OF_SPEECH = enum.auto()
    OTHER_RECEIPT = enum.auto()
    """A RECEIPT of a TEXT, or of an over of which nothing was heard: to ask for one costs a frame or two."""
    PONG = enum.auto()
    REFUSAL = enum.auto()


def kind_of(frame: Answering) -> AnswerKind:
    """Return the kind of an answer."""
    match frame:
        case Pong():
            return AnswerKind.PONG
        case Refusal():
            return AnswerKind.REFUSAL
        case Receipt():
            return AnswerKind.RECEIPT_OF_SPEECH if frame.packets_heard else AnswerKind.OTHER_RECEIPT


@dataclass(frozen=True, slots=True)
class _Outgoing:
    frame: Frame | bytes
    on_sent: Callable[[float], None] | None = None
    """Function that is told the time at which the link took the frame."""
    on_lost: Callable[[float], None] | None = None
    """Function that is told the time at which it was lost."""
    to: bytes = b""
    """The frame whose sender it is for; empty: for whomever the link sends to."""


class _AnswerBudget:
    """The budget of one kind of answer: so many a second, and so much of the airtime. Told the time.

    In no hour do they take more than ANSWER_SHARE of it, and one frame.
    """

    def __init__(self, air: AirtimeBudget) -> None:
        self._bucket = TokenBucket(ANSWERS_PER_S, ANSWERS_AT_ONCE)
        hour_s = ANSWER_SHARE * air.share * WINDOW_S
        self._at_once_s = min(ANSWER_AIRTIME_S, hour_s / 2)
        self._share = (hour_s - self._at_once_s) / WINDOW_S
        self._owed_s = 0.0
        """Airtime that was taken and is not paid for, at `_at_s`."""
        self._at_s = 0.0

    def allows(self, now: float) -> bool:
        """Tell whether one more may be sent, and count it if so."""
        self._pay(now)
        return self._owed_s < self._at_once_s and self._bucket.take(now)

    def spent(self, airtime_s: float, now: float) -> None:
        """Take note of the airtime that one took."""
        self._pay(now)
        self._owed_s += airtime_s

    def _pay(self, now: float) -> None:
        self._owed_s = max(0.0, self._owed_s - self._share * (now - self._at_s))
        self._at_s = now


class Transmitter:
    """The queue through which everything passes that a station sends."""

    def __init__(self, link: Link, encode: Callable[[Frame], bytes], air: AirtimeBudget) -> None:
        """Take the link, the channel's `encode`, which is called when a frame goes out, and the airtime of the link.

        All that is sent is counted there. Answers alone are held back where none is left.
        """
        self._link = link
        self._encode = encode
        self._air = air
        self._own: deque[_Outgoing] = deque(maxlen=MAX_WAITING)
        self._answers: dict[AnswerKind, _Outgoing] = {}
        """The answer of each kind that waits."""
        self._budgets = {kind: _AnswerBudget(air) for kind in AnswerKind}
        self._more = trio.Event()
        self._sending: _Outgoing | None = None
        self._gone = trio.Event()
        """Set, and made anew, when a frame has left or was lost."""
        self._frame_s = 0.0
        self.dropped = 0
        """Number of frames that found no room."""
        self.unanswered = 0
        """Number of answers that were not given: one of their kind was waiting, or the budget was spent."""

    def send(
        self,
        frame: Frame | bytes,
        on_sent: Callable[[float], None] | None = None,
        on_lost: Callable[[float], None] | None = None,
    ) -> None:
        """Queue a frame. With MAX_WAITING frames it is lost at once.

        on_sent: told the time at which the link took it. on_lost: told the time at which the link did not. Bytes are a
        frame of somebody else's, which goes out as it came.
        """
        if len(self._own) >= MAX_WAITING:
            self.dropped += 1
            if on_lost is not None:
                on_lost(trio.current_time())
            return
        if isinstance(frame, bytes):
            self._air.spend(len(frame), trio.current_time())
        self._own.append(_Outgoing(frame, on_sent, on_lost))
        self._more.set()

    def answer(self, frame: Answering, to: bytes = b"") -> None:
        """Send an answer to another station, once nothing of this one's waits, if the budget and the airtime allow it.

        to: the frame that is answered, where the answer is for its sender alone.
        """
        kind, now = kind_of(frame), trio.current_time()
        has_air = self._air.left_s(now) >= self._air.airtime_s(LONGEST_ANSWER_BYTES)
        if kind in self._answers or not has_air or not self._budgets[kind].allows(now):
            self.unanswered += 1
            return
        self._answers[kind] = _Outgoing(frame, to=to)
        self._more.set()

    @property
    def waiting(self) -> int:
        """Number of frames that the link has not taken yet."""
        return len(self._own) + len(self._answers) + (self._sending is not None)

    @property
    def left_s(self) -> float:
        """Seconds until everything has left, estimated from how long the link took for the last frame."""
        return self._link.drain_s() + self.waiting * self._frame_s

    @property
    def sent(self) -> Traffic:
        """Everything that the link has carried for this station so far."""
        return self._link.sent

    def wire_bytes_since(self, before: Traffic) -> int:
        """Return the bytes of all layers that went out since `sent` was `before`."""
        return wire_bytes(self._link, self._link.sent - before)

    async def drained(self) -> None:
        """Return when everything that is queued now has left, whatever is queued meanwhile."""
        before = [*self._own, *self._answers.values(), *([] if self._sending is None else [self._sending])]
        while before:
            await self._gone.wait()
            left = {id(one) for one in (*self._own, *self._answers.values(), self._sending)}
            before = [one for one in before if id(one) in left]
        await trio.sleep(self._link.drain_s())

    async def run(self, on_problem: Callable[[LinkError], None], on_taken: Callable[[], None] = lambda: None) -> None:
        """Send until cancelled. A frame that cannot be sent is told to `on_problem` and lost; the next one is tried.

        on_taken: called for every frame that the link took.
        """
        while True:
            while not (self._own or self._answers):
                self._more = trio.Event()
                await self._more.wait()
            if self._own:
                await self._send(self._own.popleft(), on_problem, on_taken)
            else:
                kind = next(iter(self._answers))
                before_s = trio.current_time() + self._link.drain_s()
                airtime_s = await self._send(self._answers.pop(kind), on_problem, on_taken)
                now = trio.current_time()
                self._budgets[kind].spent(max(airtime_s, now + self._link.drain_s() - before_s), now)

    async def _send(
        self, outgoing: _Outgoing, on_problem: Callable[[LinkError], None], on_taken: Callable[[], None]
    ) -> float:
        """Send a frame, and return its time on air by the plan of the link, in seconds."""
        self._sending = outgoing
        began_s = trio.current_time()
        octets = self._octets(outgoing.frame)
        try:
            await (reply(self._link, outgoing.to, octets) if outgoing.to else self._link.send(octets))
        except LinkError as problem:
            on_problem(problem)
            if outgoing.on_lost is not None:
                outgoing.on_lost(trio.current_time())
        else:
            on_taken()
            if outgoing.on_sent is not None:
                outgoing.on_sent(trio.current_time())
        finally:
            self._sending = None
            self._gone.set()
            self._gone = trio.Event()
        self._frame_s = trio.current_time() - began_s
        return self._air.airtime_s(len(octets))

    def _octets(self, frame: Frame | bytes) -> bytes:
        """Return a frame as it goes on the link. Somebody else's was counted when it was queued."""
        if isinstance(frame, bytes):
            return frame
        octets = self._encode(frame)
        self._air.spend(len(octets), trio.current_time())
        return octets
