"""The time at which each packet is played: by deadlines, not by queues. It is told the time and never sleeps.

One over is over_buffer.py. Here is what overs have in common: the hold that the jitter of the recent ones asks for
(jitter.py), whether the link is slower than speech, and their order. The hold is anchored once per over, so that
neither a drifting clock nor a late frame can stretch the conversation. On a link that was slower than speech in the
last over, or is so by its plan, the next over is gathered from its start and played after its end.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from transport.playout.items import PlayoutCount, PlayoutItem
from transport.playout.jitter import JitterHistory, hold_s
from transport.playout.over_buffer import MAX_JUMP, OverPlayout
from transport.protocol.frames import PACKET_S

__all__ = ["MAX_JUMP", "MAX_OVERS", "PlayedOver", "Playout", "PlayoutCount", "PlayoutItem"]

MAX_OVERS = 8
"""Overs that are played or wait to be played; of more, the oldest that waits is lost.

Nobody says more than that before the first was heard.
"""
MAX_FINISHED = 256
"""Finished overs that wait to be taken out; of more, the oldest are forgotten."""


@dataclass(frozen=True, slots=True)
class PlayedOver:
    """An over of which nothing is left to be played."""

    over: int
    """Number that `Playout.begin` gave it."""
    ends: int
    """Index behind its last packet: what was concealed until its END came, or its talker was given up, is no part."""
    count: PlayoutCount
    """Count of this over alone. What straggles in later is in `Playout.count` only."""


class Playout:
    """The play-out of one listener.

    `begin` an over, `push` packets as they come, `take` items as deadlines pass, `end` the over. An over that begins
    while the one before is still being played comes after it, whole.
    """

    def __init__(self, *, slow_link: bool = False, packet_s: float = PACKET_S) -> None:
        """Take whether the plan says that the link is slower than speech, and the length of a packet in seconds.

        The first over whose arrivals show how fast the link is overrules the plan.
        """
        self.jitter = JitterHistory()
        self.finished: deque[PlayedOver] = deque(maxlen=MAX_FINISHED)
        """Overs that were played to their end, in order, for the caller to take out."""
        self._before = PlayoutCount()
        self._overs: deque[OverPlayout] = deque(maxlen=MAX_OVERS)
        self._number = 0
        self._slow_link = slow_link
        self._packet_s = packet_s
        self._now = 0.0

    @property
    def count(self) -> PlayoutCount:
        """The count of all overs since the play-out was made."""
        return sum((over.count for over in self._overs), self._before)

    def begin(
        self,
        k: int,
        first_index: int = 0,
        *,
        gather: bool = False,
        repeat: bool = False,
        begun_s: float | None = None,
    ) -> int:
        """Begin an over whose packets come k at a time (1..6) from this index on, and return its number.

        `gather`: the link is known to be slower than speech, so play only after the end. `repeat`: what is lost comes
        again with the next frame, if only as a copy, so hold every packet one frame longer. `begun_s`: time at which
        its BEGIN came, against which the first packets are held; None: they are believed. The over before is ended, if
        it has not been.
        """
        self.end(None, self._now)
        if len(self._overs) >= MAX_OVERS:  # those without speech make room first: they cost a stranger two short frames
            empty = (place for place, over in enumerate(self._overs) if place and not over.waiting)
            self._give_up(next(empty, 1))
        hold = hold_s(self.jitter.p95_s(), k, self._packet_s) + k * self._packet_s * repeat
        self._number += 1
        gather = gather or self._slow_link
        self._overs.append(OverPlayout(self._number, k, first_index, hold, gather, self._packet_s, begun_s))
        return self._number

    def push(self, index: int, packet: bytes, damaged: bool, now: float) -> None:
        """Take a packet of the newest over, be it after its END; all packets of one frame come with the same `now`."""
        self._now = now
        if not self._overs:
            self._before.late += 1
            return
        if len(self._overs) > 1:
            self._overs[-1].not_before_s = max(self._overs[-1].not_before_s, self._overs[-2].ends_s())
        self._overs[-1].push(index, packet, damaged, now)

    def push_copy(self, index: int, copy: bytes, now: float) -> None:
        """Take the coarse copy of a packet of the newest over, after the packets of the frame with which it came."""
        self._now = now
        if self._overs:
            self._overs[-1].push_copy(index, copy, now)

    def end(self, total: int | None, now: float) -> None:
        """End the newest over, which has so many packets (None: its talker disappeared), and play what there is."""
        self._now = now
        if not self._overs or self._overs[-1].total is not None:
            return
        over = self._overs[-1]
        over.end(total, now)
        slower = over.arrivals.slower_than_speech
        if slower is not None:
            self._slow_link = slower
        if not slower:
            self.jitter.add([delay_s for _, delay_s in over.arrivals.delays])
        self._drop_finished(now)

    def next_deadline_s(self) -> float | None:
        """Return when `take` will have the next item; None while nothing is due at any known time."""
        return self._overs[0].deadline_s() if self._overs else None

    def take(self, now: float) -> PlayoutItem | None:
        """Return the next item if its deadline has come, else None. Call it again until it gives None."""
        self._now = now
        deadline_s = self.next_deadline_s()
        if deadline_s is None or now < deadline_s:
            return None
        item = self._overs[0].take(now)
        self._drop_finished(deadline_s + self._packet_s)
        return item

    def skip_overdue(self, now: float) -> None:
        """Leave out the packets of the first over whose time is over: whoever takes them was kept from it."""
        self._now = now
        if self._overs:
            self._overs[0].skip_overdue(now)
            self._drop_finished(now)

    def stop(self) -> None:
        """Leave all overs where they are: of the first, what was played counts; nothing of the others was."""
        while self._overs:
            over = self._overs.popleft()
            self._before += over.count
            self.finished.append(PlayedOver(over.number, over.next, over.count))

    def catch_up(self, now: float, since_s: float) -> None:
        """Leave out what should have been heard before `now`: this process was frozen, and has just read what came.

        An over that was gathered before `since_s`, when the process went on, is left as it is. Call it again while more
        may be read of what came meanwhile.
        """
        self._now = now
        while len(self._overs) > 1 and not (first := self._overs[0]).gathering and first.ends_s() > now + first.hold_s:
            self._give_up(0)
        for over in self._overs:
            over.catch_up(now, since_s)
        self._drop_finished(now)

    @property
    def active(self) -> bool:
        """Return whether an over is being received or played."""
        return bool(self._overs)

    @property
    def gathering(self) -> bool:
        """Return whether nothing is played because the link is slower than speech: a wait to be shown."""
        return bool(self._overs) and self._overs[0].gathering

    @property
    def waiting_s(self) -> float:
        """Speech that has arrived and is not played yet, in seconds."""
        return sum(len(over.waiting) for over in self._overs) * self._packet_s

    @property
    def hold_s(self) -> float:
        """The hold of the over that is played, or the one that the next over would get with k = 1."""
        return self._overs[0].hold_s if self._overs else hold_s(self.jitter.p95_s(), 1, self._packet_s)

    def _drop_finished(self, free_from_s: float) -> None:
        """Leave the overs that were played, and let the next one begin when the last one's sound is over."""
        while self._overs and self._overs[0].finished:
            self._leave(self._overs.popleft())
            if self._overs:
                self._overs[0].postpone(free_from_s)

    def _give_up(self, place: int) -> None:
        """Drop the over at this place in the row without playing it."""
        over = self._overs[place]
        over.count.lost += len(over.waiting)
        del self._overs[place]
        self._leave(over)

    def _leave(self, over: OverPlayout) -> None:
        self._before += over.count
        ends = over.total if over.finished and over.total is not None else over.next
        self.finished.append(PlayedOver(over.number, ends, over.count))
