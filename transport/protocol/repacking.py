"""Packets of an over that are packed into other frames than they came in, as they come. No I/O, no clock.

    packets by their place --> Repacker --k at a time--> OverSender --> frames of another link

A relay knows nothing of the voice. A packet that did not come is left out where the whole frame is missing, so that the
listener conceals it. Beside others in a frame it cannot be left out: the one before it stands in its place, and the
frame counts as damaged, where the channel can say so.

A packet that comes before it can have been said may be somebody else's: before its time it shows nothing of what is
missing before it, nor of how long the over is, and it is not taken. Until then another one takes its place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from transport.protocol.frames import PACKET_S
from transport.protocol.places import last_of_row

LATE_S = 0.1
"""Time that a missing packet may come late behind those after it, in seconds: listeners hold no more back at first."""
BEFORE_KEY_S = 0.6
"""Time by which the first frame of an over may come before it can have been said, in seconds, as VOX sends it.

Or its whole length: a relay that says an over late sends its first frame at once. The others are measured by it.
"""
EARLY_S = 0.25
"""Time by which a packet may come before it can have been said, in seconds: what is said before the key by default."""
MAX_ROW, MAX_SHARE = 3, 0.1
"""Most packets in a row, and no less than a frame, that may not be heard from somebody else who says an over, and share
of all: links lose as many."""
MAX_AHEAD = 512
"""Places beyond the next frame at which packets are kept: more than the longest over has."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The content of one VOICE frame."""

    count: int
    """Packets of speech, 1..k, whether they came or not."""
    packets: tuple[bytes, ...]
    """As many packets; empty where none of them came."""
    missing: int
    """Number of those that did not come."""
    damaged: bool
    """True if one of them came damaged, or did not come."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    packet: bytes
    damaged: bool
    early: bool
    """True if it came before it can have been said."""


class Repacker:
    """The packets of one over, in order and k at a time. Places count from the packet with which the over was joined.

    Every method takes the time, in seconds of a steady clock.
    """

    def __init__(
        self,
        k: int,
        first_index: int,
        again_s: float = 0.0,
        begun_s: float = -math.inf,
        source_k: int = 1,
        slowness: float = 1.0,
    ) -> None:
        """Take the packets a frame, and the place of the first packet.

        again_s: time after which the talker sends each packet again, in seconds; 0 where he does not. begun_s: time at
        which the BEGIN came; by default everything can have been said. source_k: packets a frame of the talker's.
        slowness: seconds that a second of speech takes there.
        """
        self._k = k
        self._first = self._next = first_index
        self._late_s = again_s + LATE_S
        self._waiting: dict[int, _Waiting] = {}
        self._beyond_s = math.inf
        """Time at which the first packet behind the next frame came; infinite while none has."""
        self._source_k, self._packet_s = source_k, PACKET_S * slowness
        self._said_s = begun_s
        """Time from which the next frame is said, at the earliest."""
        self._on_time = first_index - 1
        """Newest place of a packet that came when it can have been said."""
        self._length: int | None = None
        """Place behind the last packet, once that is known."""
        self._last = b""
        self.left_out = 0
        """Number of places that were left out, since nothing came of them and they cannot have been said."""

    @property
    def finished(self) -> bool:
        """True once everything was taken, and no more can come."""
        return self._length is not None and self._next >= self._length

    @property
    def rest_is_missing(self) -> bool:
        """True once no more can come, and nothing came of what was not taken."""
        return self._length is not None and not self._waiting

    @property
    def waiting(self) -> int:
        """Number of packets that have come and were not taken."""
        return len(self._waiting)

    def push(self, index: int, packet: bytes, damaged: bool, now: float) -> None:
        """Take a packet with its place in the over. One that is too late, or from nowhere, is dropped."""
        if not self._next <= index < self._next + MAX_AHEAD or self._length is not None:
            return
        lead_s = self._time_of(index) - now
        if index < self._first + self._source_k:
            early = lead_s > max(BEFORE_KEY_S, self._source_k * PACKET_S)
            if not early and self._on_time < self._first:  # the others will be as early
                self._said_s -= max(0.0, lead_s)
        else:
            early = lead_s > EARLY_S
        self._waiting[index] = _Waiting(packet, damaged, early)
        if not early:
            self._on_time = max(self._on_time, index)
        if index >= self._next + self._k:
            self._beyond_s = min(self._beyond_s, now)

    def unsaid(self, has: Callable[[bytes], bool]) -> int:
        """Return how many packets wait that somebody else left out: `has` tells of a packet whether he said it.

        A few of those before what he said last may just not have been heard (MAX_ROW, MAX_SHARE).
        """
        start = self._said_until(has)
        return sum(index >= start and not has(one.packet) for index, one in self._waiting.items())

    def skip(self, has: Callable[[bytes], bool]) -> None:
        """Leave out what somebody else has said, up to what he left out: `has` tells of a packet whether he said it."""
        before, self._next = self._next, self._said_until(has)
        self._said_s += (self._next - before) * self._packet_s
        self._waiting = {index: one for index, one in self._waiting.items() if index >= self._next}
        if not any(index >= self._next + self._k for index in self._waiting):
            self._beyond_s = math.inf

    def _said_until(self, has: Callable[[bytes], bool]) -> int:
        said_until = self._next
        row = missing = 0
        for count, index in enumerate(sorted(self._waiting), start=1):
            said = has(self._waiting[index].packet)
            row, missing = (0, missing) if said else (row + 1, missing + 1)
            if row > max(MAX_ROW, self._k):
                break
            if said and missing <= MAX_SHARE * count:
                said_until = index + 1
        return said_until

    def end(self, length: int | None, now: float) -> None:
        """Take the number of packets that the talker has sent; None where nobody knows: what came is all.

        What cannot have been said by now follows without gaps, so that the over takes no longer than it took to come,
        and the packets that came.
        """
        if self._length is not None:
            return
        newest = max(self._on_time, self._next - 1)
        if length is None:
            alone = newest < self._first and self._waiting  # the BEGIN was held up
            length = 1 + (max(self._waiting) if alone else last_of_row(newest, self._waiting, self._k))
        length = min(max(length, newest + 1), self._next + MAX_AHEAD)
        self._waiting = {index: one for index, one in self._waiting.items() if index < length}
        self.left_out = self._close_up(self._next + (now + BEFORE_KEY_S - self._said_s) / self._packet_s)
        self._length = length - self.left_out

    def _close_up(self, reached: float) -> int:
        """Close the gaps between packets that wait from this place on, and return how far the last one has moved."""
        kept: dict[int, _Waiting] = {}
        place = index = self._next - 1
        for index in sorted(self._waiting):
            place = index if index < reached else min(index, max(place + 1, math.ceil(reached)))
            kept[place] = self._waiting[index]
        self._waiting = kept
        return index - place

    def take(self, now: float) -> Piece | None:
        """Return what the next frame holds, if it is complete or nothing more of it can be expected."""
        count = self._k if self._length is None else min(self._k, self._length - self._next)
        if count <= 0:
            return None
        if self._length is None and now < self.next_s():
            return None
        found = [self._waiting.pop(index, None) for index in range(self._next, self._next + count)]
        self._next += count
        self._said_s = min(self._said_s + count * self._packet_s, now)
        self._beyond_s = now if any(index >= self._next + self._k for index in self._waiting) else math.inf
        return self._piece(found)

    def next_s(self) -> float:
        """Return when `take` gives up what is missing, or might still be another; infinite where it waits for more."""
        frame = [(index, self._waiting.get(index)) for index in range(self._next, self._next + self._k)]
        if all(one is not None for _, one in frame):
            early = (index for index, one in frame if one is not None and one.early)
            return max((self._time_of(index) + LATE_S for index in early), default=-math.inf)
        beyond = min((index for index in self._waiting if index >= self._next + self._k), default=self._next)
        due_s = self._time_of(beyond)
        if self._on_time < self._first:  # the BEGIN was held up, or the over's first packets are lost
            due_s = min(due_s, self._time_of(self._next + self._k - 1) + self._source_k * self._packet_s)
        return max(self._beyond_s, due_s) + self._late_s

    def _time_of(self, index: int) -> float:
        """Return when the packet with this place comes, if it comes on time."""
        behind = (index // self._source_k + 1) * self._source_k
        return self._said_s + (behind - self._next) * self._packet_s

    def _piece(self, found: list[_Waiting | None]) -> Piece:
        came = [one for one in found if one is not None]
        if not came:
            return Piece(len(found), (), len(found), damaged=True)
        self._last = self._last or came[0].packet
        packets = []
        for one in found:
            self._last = self._last if one is None else one.packet
            packets.append(self._last)
        missing = len(found) - len(came)
        return Piece(len(found), tuple(packets), missing, damaged=bool(missing) or any(one.damaged for one in came))
