"""One over in the play-out: the packets that wait, and the deadline of each. It is told the time and never sleeps.

    arrival of the first frame --hold--> deadline of its first packet, then one packet every 320 ms

A packet that is missing at its deadline is lost: the decoder gets None and conceals it, or rebuilds it where a coarse
copy came with the next frame. Neither a drifting clock nor a late frame moves the deadlines.

They move within an over in one case only, when the link falls behind: two frames in a row came too late, and the delay
did not shrink between them. These two are then played after all, as far as nothing newer has been played, and what
follows is gathered. If the delay made one step and is steady again, play-out goes on from a new anchor. If the link is
slower than speech, play-out goes on after the end of the over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from transport.playout.arrivals import Arrivals
from transport.playout.items import PlayoutCount, PlayoutItem
from transport.protocol.frames import PACKET_S
from transport.protocol.places import last_of_row

RUN_OF_LATE_FRAMES = 2
"""Number of late frames in a row that show that the link has fallen behind."""
FRAMES_MISSING_SIGNAL_LOST = 2
"""Number of frames missing in a row from which on the signal is lost, and not just a packet."""
MAX_JUMP = 64
"""Packets (20 s) that may be missing at once; a silent talker is given up after less than that anyway."""
MAX_WAITING = 4096
"""Packets (22 minutes) that may wait in a gathered over: a bound on memory."""


@dataclass(slots=True)
class _Waiting:
    packet: bytes | None
    """None where only the copy came."""
    damaged: bool
    arrival_s: float
    copy: bytes | None = None


class OverPlayout:
    """One over: the packets that wait, the next one to play, and the deadlines of all."""

    def __init__(
        self, number: int, k: int, first_index: int, hold_s: float, gather: bool, packet_s: float, begun_s: float | None
    ) -> None:
        """Take the over's number, how long its first frame waits, and whether to play only after its end (`gather`).

        begun_s: time at which its BEGIN came; None where that says nothing of when its packets are due.
        """
        self.number, self.k, self.packet_s = number, k, packet_s
        self._max_jump, self._max_waiting = (round(most * PACKET_S / packet_s) for most in (MAX_JUMP, MAX_WAITING))
        self.hold_s = hold_s
        self.gathering = gather
        self.not_before_s = -math.inf
        """Time at which the over before this one will have been played, as far as is known."""
        self.count = PlayoutCount()
        self.total: int | None = None
        self.anchor_s: float | None = None  # the deadline of packet 0
        self.arrivals = Arrivals(k, first_index, begun_s, packet_s)
        self.waiting: dict[int, _Waiting] = {}
        self.next = first_index
        self._first = first_index
        self._nominal_s = math.inf  # that of the arrivals, when the anchor was set
        self._started = False
        self._concealed: set[int] = set()
        self._newest_played = first_index - 1
        self._missing = 0
        self._late_frames = 0
        self._opening: dict[int, bytes] = {}  # what was played of the first frame, intact: k packets at the most
        self._came_late: dict[int, _Waiting] = {}  # in the present run of late frames
        self._fell_behind_s = -math.inf

    def push(self, index: int, packet: bytes, damaged: bool, now: float) -> None:
        """Take a packet that arrived at `now`; all packets of a frame come with the same `now`."""
        if index < self._first or (self.total is not None and index >= self.total):
            return
        if index > max(self.arrivals.highest, self.next) + self._max_jump or len(self.waiting) >= self._max_waiting:
            self.count.refused += 1
            return
        waiting = self.waiting.get(index)
        there = None if waiting is None else waiting.packet
        if waiting is not None and there is not None and (damaged or waiting.damaged or packet == there):
            self.count.duplicate += 1
            if waiting.damaged and not damaged:
                self.waiting[index] = _Waiting(packet, damaged, now)
            return
        if index < self.next and index not in self._concealed:
            opened = self._newest_played - self._first + 1 == len(self._opening)
            if damaged or not opened or self._opening.get(index, packet) == packet:
                self.count.duplicate += 1
                return
            self._begin_anew()
        ahead = self.arrivals.stands_ahead(index, now)
        in_order = ahead or index > self.arrivals.highest
        new_frame = not ahead and self.arrivals.note(index, now)
        if not self.gathering and not self._started and self._nominal_s != self.arrivals.nominal_s:
            self._anchor(now)
        if self._deadline_passed(index, now):
            self._push_late(index, packet, damaged, now, new_frame and in_order)
            return
        self.count.reordered += not in_order
        self.waiting[index] = _Waiting(packet, damaged, now)
        if self.gathering:
            self._resume_if_steady(now)
        elif new_frame and in_order:
            self._end_of_late_run()

    def push_copy(self, index: int, copy: bytes, now: float) -> None:
        """Take the coarse copy of a packet, after all packets of the frame with which it arrived at `now`."""
        first = max(self._first, self.next)
        highest = self.arrivals.highest
        ends = highest if self.total is None else min(highest, self.total)
        if first <= index < ends and index not in self.waiting and len(self.waiting) < self._max_waiting:
            self.waiting[index] = _Waiting(None, False, now, copy)

    def end(self, total: int | None, now: float) -> None:
        """Take the number of packets that the over has; None: no more than have come. Only the first call counts."""
        if self.total is not None:
            return
        self.total = self._came() if total is None else total
        for index in [index for index in self.waiting if index >= self.total]:
            del self.waiting[index]
        # END came late or never: what was concealed meanwhile is no part of the over.
        self.count.lost -= sum(index >= self.total for index in self._concealed)
        if self.gathering and self.waiting:
            self._resume(now)
        if self.anchor_s is not None and not self._started and not self.arrivals.believed:
            self.anchor_s = min(self.anchor_s, now + self.hold_s - self._next_index() * self.packet_s)
        self.gathering = False
        if not self.waiting and not self._started:
            self._skip_to(max(self.next, self.total))

    def deadline_s(self) -> float | None:
        """Return the deadline of the next packet; None while it is not known."""
        if self.anchor_s is None or self.gathering or self.finished:
            return None
        return self.anchor_s + self._next_index() * self.packet_s

    @property
    def finished(self) -> bool:
        """Return whether nothing of the over is left to be played."""
        return self.total is not None and self.next >= self.total

    def take(self, now: float) -> PlayoutItem:
        """Return the next packet, whose deadline has come."""
        self._skip_to(self._next_index())
        self._started = True
        index = self.next
        self.next += 1
        waiting = self.waiting.pop(index, None)
        if waiting is None:
            self._concealed.add(index)
            self.count.lost += 1
            self._missing += 1
            signal_lost = self._missing >= FRAMES_MISSING_SIGNAL_LOST * self.k
            if signal_lost and self.total is not None:
                self._skip_gap(now)
            return PlayoutItem(self.number, index, None, signal_lost=signal_lost)
        self._newest_played = index
        self._missing = 0
        if waiting.packet is None:
            self.count.rebuilt += 1
            return PlayoutItem(self.number, index, None, copy=waiting.copy)
        if index < self._first + self.k and not waiting.damaged:
            self._opening[index] = waiting.packet
        self.count.played += 1
        self.count.damaged += waiting.damaged
        waited_s = now - waiting.arrival_s
        return PlayoutItem(self.number, index, waiting.packet, waiting.damaged, waited_s=waited_s)

    def catch_up(self, now: float, since_s: float) -> None:
        """Leave out what should have been heard before `now`; the first frames may have been held up here as well.

        What fell behind after `since_s` fell behind here, and not because of the link: it is gathered no longer.
        """
        if self.gathering and self._fell_behind_s >= since_s:
            self.gathering = False
        if self.anchor_s is not None and not self.gathering:
            newest = max(self.arrivals.highest, self.next - 1) if self.total is None else self.total - 1
            self.anchor_s -= max(0.0, self.anchor_s + newest * self.packet_s - (now + self.hold_s))
            self.skip_overdue(now)

    def skip_overdue(self, now: float) -> None:
        """Leave out the packets whose time is over."""
        if self.anchor_s is None or self.gathering:
            return
        until = math.floor((now - self.anchor_s) / self.packet_s)
        until = until if self.total is None else min(until, self.total)
        if until > self.next:
            self._started = True
            self.waiting = {index: waiting for index, waiting in self.waiting.items() if index >= until}
            self._skip_to(until)
            self._end_of_late_run()

    def postpone(self, free_from_s: float) -> None:
        """Move the deadlines of an over whose turn it is, so that the next one is not before `free_from_s`."""
        if self.anchor_s is not None and (deadline_s := self.deadline_s()) is not None:
            self.anchor_s += max(0.0, free_from_s - deadline_s)

    def ends_s(self) -> float:
        """Return when the last packet of an ended over will have been played; holes may end it earlier."""
        if self.total is None or self.anchor_s is None:
            return -math.inf
        return self.anchor_s + self.total * self.packet_s

    def _next_index(self) -> int:
        """Return the next packet's place. Before the first is played nothing is missing: it starts with what came."""
        return self.next if self._started or not self.waiting else min(self.waiting)

    def _deadline_passed(self, index: int, now: float) -> bool:
        if self.anchor_s is None or self.gathering:
            return index < self.next
        first = self._next_index()
        starts_s = max(self.not_before_s, self.anchor_s + first * self.packet_s)
        return index < self.next or (not self._started and now > starts_s + (index - first) * self.packet_s)

    def _begin_anew(self) -> None:
        """Go back to the start: no more was played than the first frame, and that was somebody else's."""
        self.count.lost -= len(self._concealed)
        self.count.played -= len(self._opening)
        self._concealed.clear()
        self._opening.clear()
        self.next, self._newest_played, self._started = self._first, self._first - 1, False
        self.arrivals.begin_anew()
        self._nominal_s = math.inf
        self._end_of_late_run()

    def _anchor(self, now: float) -> None:
        """Set the deadlines by the arrivals; the first packet that waits is not due before now."""
        self._nominal_s = self.arrivals.nominal_s
        due_s = now - self._next_index() * self.packet_s if self.waiting else -math.inf
        self.anchor_s = max(self._nominal_s + self.hold_s, due_s)

    def _came(self) -> int:
        """Return the number of packets of an over without END: what stands ahead of the others is no part of it."""
        newest = last_of_row(max(self.arrivals.highest, self._newest_played), self.waiting, self.k)
        return 1 + (max(self.waiting) if newest < self._first and self.waiting else newest)

    def _push_late(self, index: int, packet: bytes, damaged: bool, now: float, new_frame_in_order: bool) -> None:
        self.count.late += 1
        if new_frame_in_order:
            if self.arrivals.shrinking:
                self._end_of_late_run()
            self._late_frames += 1
        if not self._late_frames or self.total is not None or self.gathering or not self._started:
            return
        self._came_late[index] = _Waiting(packet, damaged, now)
        if self._late_frames >= RUN_OF_LATE_FRAMES:
            self._take_back(now)

    def _take_back(self, now: float) -> None:
        """Go back to where the run of late frames began: what was concealed since then is not lost after all.

        Where the end of a frame was in time and has been played, its beginning stays lost, for speech has one order.
        """
        not_too_late = {index: late for index, late in self._came_late.items() if index > self._newest_played}
        if not not_too_late:
            return
        first = min(not_too_late)
        self.count.lost -= self.next - first  # all of them concealed: nothing from there on was played
        self.count.late -= len(not_too_late)
        self._concealed.difference_update(range(first, self.next))
        self.next = first
        self.gathering = True
        self._fell_behind_s = now
        self.waiting |= not_too_late
        self._end_of_late_run()

    def _end_of_late_run(self) -> None:
        self._late_frames = 0
        self._came_late.clear()

    def _resume_if_steady(self, now: float) -> None:
        if self._started and self.arrivals.steady:
            first_arrival_s = min(waiting.arrival_s for waiting in self.waiting.values())
            self._resume(max(now, first_arrival_s + self.hold_s))

    def _resume(self, at_s: float) -> None:
        """Play the next packet at that time, and the rest after it."""
        self.gathering = False
        self._missing = 0
        self._end_of_late_run()
        self.anchor_s = at_s - self._next_index() * self.packet_s

    def _skip_to(self, index: int) -> None:
        self.count.lost += index - self.next
        self._concealed.update(range(self.next, min(index, self.next + self._max_jump)))
        self.next = index

    def _skip_gap(self, now: float) -> None:
        """Skip the rest of a hole after the talker has let go: nobody wants to hear it concealed."""
        assert self.total is not None
        self._skip_to(min(self.waiting, default=self.total))
        self.anchor_s = now + self.packet_s - self.next * self.packet_s
