"""Packets of an over that are packed into other frames than they came in, as they come. No I/O, no clock.

    packets by their place --> Repacker --k at a time--> OverSender --> frames of another link

A relay knows nothing of the voice. A packet that did not come is left out where the whole frame is missing, so that the
listener conceals it. Beside others in a frame it cannot be left out: the one before it stands in its place, and the
frame counts as damaged, where the channel can say so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LATE_S = 0.1
"""Time that a missing packet may come late behind those after it, in seconds: listeners hold no more back at first."""
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


class Repacker:
    """The packets of one over, in order and k at a time. Places count from the packet with which the over was joined.

    Every method takes the time, in seconds of a steady clock.
    """

    def __init__(self, k: int, first_index: int, again_s: float = 0.0) -> None:
        """Take the packets a frame, and the place of the first packet.

        again_s: time after which the talker sends each packet again, in seconds; 0 where he does not.
        """
        self._k = k
        self._first = self._next = first_index
        self._late_s = again_s + LATE_S
        self._waiting: dict[int, tuple[bytes, bool]] = {}
        self._beyond_s = math.inf
        """Time at which the first packet behind the next frame came; infinite while none has."""
        self._length: int | None = None
        """Place behind the last packet, once that is known."""
        self._last = b""

    @property
    def finished(self) -> bool:
        """True once everything was taken, and no more can come."""
        return self._length is not None and self._next >= self._length

    def push(self, index: int, packet: bytes, damaged: bool, now: float) -> None:
        """Take a packet with its place in the over. One that is too late, or from nowhere, is dropped."""
        if not self._next <= index < self._next + MAX_AHEAD or self._length is not None:
            return
        self._waiting[index] = packet, damaged
        if index >= self._next + self._k:
            self._beyond_s = min(self._beyond_s, now)

    def skip(self, packets: int) -> None:
        """Leave so many packets out, from the first one on: somebody else has said them."""
        self._next = max(self._next, self._first + packets)
        self._waiting = {index: one for index, one in self._waiting.items() if index >= self._next}
        if not any(index >= self._next + self._k for index in self._waiting):
            self._beyond_s = math.inf

    def end(self, length: int | None) -> None:
        """Take the number of packets that the talker has sent; None where nobody knows: what came is all."""
        if self._length is None:
            came = max(self._waiting, default=self._next - 1) + 1
            self._length = came if length is None else min(max(length, came), self._next + MAX_AHEAD)

    def take(self, now: float) -> Piece | None:
        """Return what the next frame holds, if it is complete or nothing more of it can be expected."""
        count = self._k if self._length is None else min(self._k, self._length - self._next)
        if count <= 0:
            return None
        places = range(self._next, self._next + count)
        complete = all(index in self._waiting for index in places)
        if not complete and self._length is None and now < self._beyond_s + self._late_s:
            return None
        found = [self._waiting.pop(index, None) for index in places]
        self._next += count
        self._beyond_s = now if any(index >= self._next + self._k for index in self._waiting) else math.inf
        return self._piece(found)

    def next_s(self) -> float:
        """Return when `take` gives up what is missing; infinite where it waits for more packets."""
        return self._beyond_s + self._late_s

    def _piece(self, found: list[tuple[bytes, bool] | None]) -> Piece:
        came = [one for one in found if one is not None]
        if not came:
            return Piece(len(found), (), len(found), damaged=True)
        self._last = self._last or came[0][0]
        packets = []
        for one in found:
            self._last = self._last if one is None else one[0]
            packets.append(self._last)
        missing = len(found) - len(came)
        return Piece(len(found), tuple(packets), missing, damaged=bool(missing) or any(bad for _, bad in came))
