"""The bounds of an over by now: how far it can have come, how long it is, and whether it still keeps the ear.

Everything that a frame claims about its place is measured against the time that has passed. No I/O, no clock.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from transport.protocol.frames import PACKET_S

TALK_LIMIT_S = 120.0
"""Longest over, in seconds, after which the time-out timer ends it: a key that is stuck does not hold the channel."""
PAUSE_S = 1.0
"""Shortest pause between overs that counts, in seconds; with shorter ones the channel was busy all the time."""
AHEAD_S = 20.0
"""Speech by which a packet may be ahead of the time since its over was joined, in seconds.

It is how long the BEGIN may have been held up on its way while the frames behind it were not. Overs that follow one
another share it: nobody speaks the second one before the first was spoken.
"""
SPARE_S = 2.0
"""Part of that which is left to an over, in seconds, whatever those before it took, where they may be forged."""
END_AHEAD_S = 2.0
"""Speech by which END may be ahead of that time, in seconds: what was said before the key, and one late BEGIN."""
EAR_WINDOW_S = 4.0
"""Time over which the packets of the followed talker are counted, in seconds, and no less than two frames."""
EAR_SHARE = 0.5
"""Share of the speech that must arrive in that time, or another station's BEGIN takes the ear over."""
EAR_GRACE_S = 2.0
"""Time that every talker keeps the ear for, in seconds, and a frame more."""
SPARSE_S, SPARSE_FRAMES = 4.0, 4
"""Time over which the speech that comes is counted, in seconds, and no less than that of so many frames."""
SPARSE_SHARE = 0.25
"""Share of the speech that must come in that time, or the key counts although somebody talks.

It is half of what keeps the ear: who loses 40 % of his packets by chance keeps the floor in 97 of 100 presses.
"""
MAX_ARRIVALS = 64
"""Frames counted in the window: 12 s of speech at k = 1 take fewer."""


def is_dense(
    arrivals: Iterable[tuple[float, int]], since_s: float, frame_s: float, slowness: float, now: float
) -> bool | None:
    """Tell whether enough came of a talker for seconds that he keeps the ear; None: too soon to tell.

    arrivals: times and packets of his frames; since_s: time since which he talks; frame_s: time for a frame.
    """
    window_s = min(max(EAR_WINDOW_S, 2 * frame_s), now - since_s)
    if window_s < EAR_GRACE_S + frame_s:
        return None
    came = sum(packets for arrived_s, packets in arrivals if now - arrived_s <= window_s)
    return came >= EAR_SHARE * (window_s - frame_s) / (PACKET_S * slowness)


def is_sparse(
    arrivals: Iterable[tuple[float, int]], since_s: float, frame_s: float, slowness: float, now: float
) -> bool:
    """Tell whether so little speech comes, or is said, for seconds that it is not waited for; False: too soon to tell.

    arrivals: times and packets of frames; since_s: time since which they are counted; frame_s: time for a frame.
    """
    window_s = max(SPARSE_S, SPARSE_FRAMES * frame_s)
    if now - since_s < window_s:
        return False
    came = sum(packets for at_s, packets in arrivals if now - at_s <= window_s)
    return came * PACKET_S * slowness < SPARSE_SHARE * (window_s - frame_s)


class OverPace:
    """The pace of the over that is followed, and how long the channel was busy with it and those before it."""

    def __init__(self, slowness: float = 1.0) -> None:
        """Take the seconds that a second of speech takes on the link, by its plan; below 1 counts as 1."""
        self._slowness = max(1.0, slowness)
        self._frame_s = PACKET_S * self._slowness
        self._first_index = 0
        self._highest = -1
        self._joined_s = self._spoken_from_s = self._spoken_until_s = -math.inf
        self._talker = ""
        self._talker_since_s = -math.inf
        self._busy_since_s = -math.inf
        self._last_s = self._ended_s = -math.inf
        self._arrivals: deque[tuple[float, int]] = deque(maxlen=MAX_ARRIVALS)

    def join(
        self, sender: str, k: int, first_index: int, now: float, took_over: bool = False, supersedes: bool = False
    ) -> None:
        """Take note that an over is followed from this packet on.

        supersedes: in place of one that has not ended, so there was no pause. took_over: which was another station's.
        """
        paused = not supersedes and now - max(self._last_s, self._ended_s) >= PAUSE_S
        if paused or took_over:
            self._busy_since_s = now
        if paused or took_over or sender != self._talker:
            self._talker, self._talker_since_s = sender, now
            self._arrivals.clear()
        self._frame_s = k * PACKET_S * self._slowness
        self._first_index, self._highest, self._joined_s, self._last_s = first_index, first_index - 1, now, now
        self._spoken_from_s = max(now, self._spoken_until_s)

    def takes(self, index: int, now: float) -> bool:
        """Tell whether the packet with this place can have been spoken by now."""
        return index <= self._reached(self._spoken_from_s, now, AHEAD_S)

    def spoken(self, since_s: float, now: float) -> float:
        """Return the packets that can have been spoken by now since then, where what came before may be forged."""
        since_s = max(since_s, min(self._spoken_from_s, self._joined_s + AHEAD_S - SPARE_S))
        passed_s = min(now, self._last_s + AHEAD_S) - since_s
        return (passed_s + AHEAD_S) / PACKET_S

    def is_early(self, index: int, now: float) -> bool:
        """Tell whether the packet with this place cannot have been said by now, if the BEGIN was not held up."""
        return index + 1 > self._reached(self._joined_s, now, 0.0)

    def arrived(self, highest: int, packets: int, now: float) -> None:
        """Take note of a frame of the over with so many new packets, the last of them with this place."""
        self._highest = max(self._highest, highest)
        self._last_s = now
        self._note_spoken(self._highest + 1)
        if packets:
            self._arrivals.append((now, packets))

    def ended(self, length: int, now: float) -> None:
        """Take note that the talker let go after so many packets, or as many as have come."""
        self._ended_s = now
        self._note_spoken(max(length, self._highest + 1))

    def length(self, claimed: int, now: float) -> int:
        """Return the number of packets that the over has: what END claims, as far as the time allows it."""
        own, shared = self._reached(self._joined_s, now, END_AHEAD_S), self._reached(self._spoken_from_s, now, AHEAD_S)
        return min(claimed, max(self._highest + 1, math.ceil(min(own, shared))))

    def yields(self, now: float) -> bool:
        """Tell whether another station's BEGIN takes the ear over.

        It does once the talker has sent little for seconds, or the channel was busy for as long as anybody may talk.
        """
        if now - self._busy_since_s >= TALK_LIMIT_S * self._slowness:
            return True
        return is_dense(self._arrivals, self._talker_since_s, self._frame_s, self._slowness, now) is False

    def is_new(self, now: float) -> bool:
        """Tell whether this over is followed for so short a time that every talker keeps the ear."""
        return now - self._joined_s < EAR_GRACE_S + self._frame_s

    def too_long(self, now: float) -> bool:
        """Tell whether this over was followed for as long as anybody may talk."""
        return now - self._joined_s >= TALK_LIMIT_S * self._slowness

    def _note_spoken(self, length: int) -> None:
        self._spoken_until_s = self._spoken_from_s + (length - self._first_index) * PACKET_S

    def _reached(self, since_s: float, now: float, ahead_s: float) -> float:
        """Return the place up to which the over can have come since then, with so many seconds to spare."""
        passed_s = min(now, self._last_s + AHEAD_S) - since_s  # nobody speaks on while nothing comes
        return self._first_index + (passed_s + ahead_s) / PACKET_S
