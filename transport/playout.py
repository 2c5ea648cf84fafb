"""When each packet of an over is played: deadlines, not queues. Told the time, never sleeps.

    arrival of the first frame --hold--> deadline of its first packet, then one packet every 320 ms

A packet that is missing at its deadline is lost: the decoder gets None and conceals. The hold is what the jitter of
the recent overs asks for (jitter.py); it is anchored once per over, so that neither a drifting clock nor a late frame
can stretch the conversation.

Only a link that runs behind changes that within an over: two frames in a row came too late and the delay did not
shrink between them. What comes then is gathered. If the delay made one step and is steady again, play-out goes on
from a new anchor; if the link is slower than speech, it goes on after the end of the over, and the next over is
gathered from its start.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from transport.frame import PACKET_S
from transport.jitter import MAX_HOLD_S, JitterHistory, hold_s

RUN_OF_LATE_FRAMES = 2
STEADY_FRAMES = 3
"""Arrivals that show whether a delay is steady again."""
SLOWER_THAN_SPEECH = 1.02
"""Seconds that a link takes for a second of speech before it counts as slower than speech; clocks differ by 0.0002."""
FRAMES_MISSING_SIGNAL_LOST = 2
"""So many frames' packets missing in a row: the signal is lost, not just a packet."""
FRAMES_PER_OVER = 256
"""The newest arrivals of an over, so that a long one does not outvote the rest in the jitter history."""
MAX_JUMP = 64
"""Packets (20 s) that may be missing at once: after less than that a silent talker is given up anyway."""
MAX_WAITING = 4096
"""Packets (22 minutes) that may wait in a gathered over: a bound on memory."""


@dataclass(frozen=True, slots=True)
class PlayoutItem:
    """320 ms to be played now."""

    index: int
    """Place in the over. A gap at the start or after END means packets that were lost and not concealed."""
    packet: bytes | None
    """32 bytes, or None: lost, to be concealed."""
    damaged: bool = False
    signal_lost: bool = False
    """Two frames' worth or more is missing in a row."""
    waited_s: float = 0.0
    """From the packet's arrival until now; 0 for a lost one."""
    last: bool = False
    """Nothing more comes of this over. Not set where END comes after its last packet was played: see `active`."""


@dataclass(slots=True)
class PlayoutCount:
    """What became of the packets, since the play-out was made. played + lost = sent, as far as is known."""

    played: int = 0
    damaged: int = 0
    """Of those played."""
    lost: int = 0
    """Missing at their deadline."""
    late: int = 0
    """Of those lost: came after their deadline."""
    duplicate: int = 0
    reordered: int = 0
    """Came after a later one, but in time."""
    refused: int = 0
    """Absurdly far ahead."""


@dataclass(slots=True)
class _Waiting:
    packet: bytes
    damaged: bool
    arrival_s: float


class _Over:
    """One over: its packets that wait, the next one to play, and the deadline of all of them."""

    def __init__(self, k: int, first_index: int, hold: float, gather: bool, count: PlayoutCount) -> None:
        self.k = k
        self.hold_s = hold
        self.gathering = gather
        self.total: int | None = None
        self.anchor_s: float | None = None  # the deadline of packet 0
        self.delays: deque[tuple[int, float]] = deque(maxlen=FRAMES_PER_OVER)  # (frame number, delay), every frame
        self.newest: deque[tuple[int, float]] = deque(maxlen=FRAMES_PER_OVER)  # those that came in order
        self.waiting: dict[int, _Waiting] = {}
        self.next = first_index
        self._first = first_index
        self._highest = first_index - 1
        self._started = False
        self._concealed: set[int] = set()
        self._missing = 0
        self._late_frames = 0
        self._last_arrival_s = -math.inf
        self._count = count

    def push(self, index: int, packet: bytes, damaged: bool, now: float) -> None:
        if index < self._first or (self.total is not None and index >= self.total):
            return
        if index > max(self._highest, self.next) + MAX_JUMP or len(self.waiting) >= MAX_WAITING:
            self._count.refused += 1
            return
        waiting = self.waiting.get(index)
        if waiting is not None:
            self._count.duplicate += 1
            if waiting.damaged and not damaged:
                self.waiting[index] = _Waiting(packet, damaged, now)
            return
        if index < self.next and index not in self._concealed:
            self._count.duplicate += 1
            return
        in_order = index > self._highest
        self._highest = max(self._highest, index)
        new_frame = self._note_arrival(index // self.k, now, in_order)
        if self.anchor_s is None and not self.gathering:
            self.anchor_s = now + self.hold_s - index * PACKET_S
        if self._deadline_passed(index, now):
            self._push_late(index, packet, damaged, now, new_frame and in_order)
            return
        self._count.reordered += not in_order
        self.waiting[index] = _Waiting(packet, damaged, now)
        if self.gathering:
            self._resume_if_steady(now)
        elif in_order:
            self._late_frames = 0

    def end(self, total: int | None, now: float) -> None:
        if self.total is not None:
            return
        self.total = self._highest + 1 if total is None else total
        for index in [index for index in self.waiting if index >= self.total]:
            del self.waiting[index]
        # END came late, or never: what was concealed meanwhile is no part of the over.
        self._count.lost -= sum(index >= self.total for index in self._concealed)
        if self.gathering and self.waiting:
            self._resume(now)
        self.gathering = False
        if not self.waiting and not self._started:
            self._skip_to(self.total)

    def deadline_s(self) -> float | None:
        """Of the next packet; None while it is not known."""
        if self.anchor_s is None or self.gathering or self.finished:
            return None
        return self.anchor_s + self._next_index() * PACKET_S

    @property
    def finished(self) -> bool:
        return self.total is not None and self.next >= self.total

    def take(self, now: float) -> PlayoutItem:
        """The next packet, whose deadline has come."""
        self._skip_to(self._next_index())
        self._started = True
        index = self.next
        self.next += 1
        waiting = self.waiting.pop(index, None)
        if waiting is None:
            self._concealed.add(index)
            self._count.lost += 1
            self._missing += 1
            signal_lost = self._missing >= FRAMES_MISSING_SIGNAL_LOST * self.k
            if signal_lost and self.total is not None:
                self._skip_gap(now)
            return PlayoutItem(index, None, signal_lost=signal_lost, last=self.finished)
        self._count.played += 1
        self._count.damaged += waiting.damaged
        self._missing = 0
        waited_s = now - waiting.arrival_s
        return PlayoutItem(index, waiting.packet, waiting.damaged, waited_s=waited_s, last=self.finished)

    @property
    def slower_than_speech(self) -> bool | None:
        """What the arrivals say about the link; None if they say too little."""
        if len(self.newest) < STEADY_FRAMES:
            return None
        (first, first_delay_s), (last, last_delay_s) = self.newest[0], self.newest[-1]
        growth_s = last_delay_s - first_delay_s
        speech_s = (last - first) * self.k * PACKET_S
        return growth_s > max(MAX_HOLD_S, self.k * PACKET_S, (SLOWER_THAN_SPEECH - 1) * speech_s)

    def _next_index(self) -> int:
        """Before the first packet is played nothing is missing: it starts with whatever came."""
        return self.next if self._started or not self.waiting else min(self.waiting)

    def _deadline_passed(self, index: int, now: float) -> bool:
        if self.anchor_s is None or self.gathering:
            return index < self.next
        return index < self.next or (not self._started and now > self.anchor_s + index * PACKET_S)

    def _note_arrival(self, frame: int, now: float, in_order: bool) -> bool:
        """Keep the frame's delay: arrival minus nominal time. True for the first packet that came at this time.

        Of several frames at the same time the newest counts: the others are repeats that came with it.
        """
        first = now != self._last_arrival_s
        self._last_arrival_s = now
        entry = (frame, now - frame * self.k * PACKET_S)
        if not first:
            if not in_order or frame <= self.delays[-1][0]:
                return False
            replaced = self.delays.pop()
            if self.newest and self.newest[-1] is replaced:
                self.newest.pop()
        self.delays.append(entry)
        if in_order:
            self.newest.append(entry)
        return first

    def _push_late(self, index: int, packet: bytes, damaged: bool, now: float, new_frame_in_order: bool) -> None:
        self._count.late += 1
        if new_frame_in_order:
            shrinking = len(self.newest) > 1 and self.newest[-1][1] < self.newest[-2][1]
            self._late_frames = 1 if shrinking else self._late_frames + 1
        runs_behind = new_frame_in_order and self._late_frames >= RUN_OF_LATE_FRAMES and self.total is None
        if runs_behind and not self.gathering and self._started:
            # What was concealed in this frame's place is not lost after all: the over goes on from here.
            taken_back = self._concealed.intersection(range(index, self.next))
            self._concealed -= taken_back
            self._count.lost -= len(taken_back)
            self._count.late -= 1
            self.next = index
            self.gathering = True
            self.waiting[index] = _Waiting(packet, damaged, now)

    def _resume_if_steady(self, now: float) -> None:
        if not self._started or len(self.newest) < STEADY_FRAMES:
            return
        (first, first_delay_s), *_, (last, last_delay_s) = list(self.newest)[-STEADY_FRAMES:]
        if last_delay_s - first_delay_s <= (SLOWER_THAN_SPEECH - 1) * (last - first) * self.k * PACKET_S:
            first_arrival_s = min(waiting.arrival_s for waiting in self.waiting.values())
            self._resume(max(now, first_arrival_s + self.hold_s))

    def _resume(self, at_s: float) -> None:
        """Play the next packet at that time, the rest after it."""
        self.gathering = False
        self._late_frames = self._missing = 0
        self.anchor_s = at_s - self._next_index() * PACKET_S

    def _skip_to(self, index: int) -> None:
        self._count.lost += index - self.next
        self._concealed.update(range(self.next, min(index, self.next + MAX_JUMP)))
        self.next = index

    def _skip_gap(self, now: float) -> None:
        """The talker has let go and there is a hole: nobody wants to hear the rest of it concealed."""
        assert self.total is not None
        self._skip_to(min(self.waiting, default=self.total))
        self.anchor_s = now + PACKET_S - self.next * PACKET_S


class Playout:
    """The play-out of one listener: `begin` an over, `push` packets as they come, `take` items as deadlines pass,
    `end` it. An over that begins while the one before is still being played comes after it."""

    def __init__(self) -> None:
        self.count = PlayoutCount()
        self.jitter = JitterHistory()
        self._overs: deque[_Over] = deque()
        self._slow_link = False
        self._now = 0.0

    def begin(self, k: int, first_index: int = 0, *, gather: bool = False, repeat: bool = False) -> None:
        """An over starts: packets come k at a time (1..6) from this index on. `gather`: the link is known to be slower
        than speech, play only after the end. `repeat`: what is lost comes again with the next frame, so every packet
        is held one frame longer. The over before it is ended, if it has not been."""
        self.end(None, self._now)
        hold = hold_s(self.jitter.p95_s(), k) + k * PACKET_S * repeat
        self._overs.append(_Over(k, first_index, hold, gather or self._slow_link, self.count))

    def push(self, index: int, packet: bytes, damaged: bool, now: float) -> None:
        """A packet of the newest over arrived, be it after its END; all packets of one frame with the same `now`."""
        self._now = now
        if self._overs:
            self._overs[-1].push(index, packet, damaged, now)
        else:
            self.count.late += 1

    def end(self, total: int | None, now: float) -> None:
        """The newest over has ended with so many packets, or its talker disappeared (None): play what there is."""
        self._now = now
        if not self._overs or self._overs[-1].total is not None:
            return
        over = self._overs[-1]
        over.end(total, now)
        slower = over.slower_than_speech
        if slower is not None:
            self._slow_link = slower
        if not slower:
            self.jitter.add([delay_s for _, delay_s in over.delays])
        self._drop_finished(now)

    def next_deadline_s(self) -> float | None:
        """When `take` will have the next item; None while nothing is due at any known time."""
        return self._overs[0].deadline_s() if self._overs else None

    def take(self, now: float) -> PlayoutItem | None:
        """The next item if its deadline has come, else None. Call it again until it gives None."""
        self._now = now
        deadline_s = self.next_deadline_s()
        if deadline_s is None or now < deadline_s:
            return None
        item = self._overs[0].take(now)
        self._drop_finished(deadline_s + PACKET_S)
        return item

    @property
    def active(self) -> bool:
        """An over is being received or played."""
        return bool(self._overs)

    @property
    def gathering(self) -> bool:
        """Nothing is played because the link is slower than speech: the wait to be shown."""
        return bool(self._overs) and self._overs[0].gathering

    @property
    def waiting_s(self) -> float:
        """Speech that has come and is not played yet, in seconds."""
        return sum(len(over.waiting) for over in self._overs) * PACKET_S

    @property
    def hold_s(self) -> float:
        """The hold of the over that is played, or the one that the next over would get with k = 1."""
        return self._overs[0].hold_s if self._overs else hold_s(self.jitter.p95_s(), 1)

    def _drop_finished(self, free_from_s: float) -> None:
        """Go on to the next over, not before the last one's sound is over."""
        while self._overs and self._overs[0].finished:
            self._overs.popleft()
            if self._overs:
                following = self._overs[0]
                deadline_s = following.deadline_s()
                if deadline_s is not None and following.anchor_s is not None and deadline_s < free_from_s:
                    following.anchor_s += free_from_s - deadline_s
