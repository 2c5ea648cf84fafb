"""The frames of one over as they come: how late each is, and which stand far ahead. It is told the time.

    nominal time + place * 320 ms --> when a packet comes that is neither early nor late

A packet that stands far ahead was sent by somebody else, or the BEGIN was held up on its way while the frames behind it
were not. Nothing is measured by it before others follow it at the pace of speech, and none come where the talker is.
"""

from __future__ import annotations

import math
from collections import deque

from transport.playout.jitter import MAX_HOLD_S
from transport.protocol.places import HOLE_FRAMES, last_of_row

FRAMES_PER_OVER = 256
"""Number of newest arrivals kept of an over, so that a long one does not outvote the others in the jitter history."""
STEADY_FRAMES = 3
"""Number of arrivals that show whether a delay is steady again."""
SLOWER_THAN_SPEECH = 1.02
"""Seconds for a second of speech from which on a link is slower than speech; two clocks differ by 0.0002."""
BEFORE_KEY_S = 0.6
"""Time by which the first frame of an over may be ahead of the BEGIN, in seconds: what VOX sends at once."""
EARLY_S = 0.25
"""Speech by which the packet that comes first may be ahead of the BEGIN, in seconds, if it is not the first one of all.

It is what is said before the key by default, and less than a packet: by then the one before has come.
"""
AHEAD_S = 1.0
"""Speech by which later ones may be ahead, in seconds, where more than HOLE_FRAMES are missing before them."""
FOLLOWED_S = 1.0
"""Time for which other packets must follow one that stands ahead until they are believed, in seconds, or two frames."""


class Arrivals:
    """The arrivals of one over."""

    def __init__(self, k: int, first_index: int, begun_s: float | None, packet_s: float) -> None:
        """Take when the BEGIN came after which the packet at `first_index` is said; None: the first packet tells."""
        self._k, self._first, self._packet_s = k, first_index, packet_s
        self.delays: deque[tuple[int, float]] = deque(maxlen=FRAMES_PER_OVER)
        """(frame number, delay), every frame that does not stand ahead."""
        self.newest: deque[tuple[int, float]] = deque(maxlen=FRAMES_PER_OVER)
        """Those that came in order."""
        self.highest = first_index - 1
        """Highest place of a packet that does not stand ahead."""
        self._begun_s = math.inf if begun_s is None else begun_s + (k - first_index) * packet_s
        self.nominal_s = self._begun_s
        """Time at which packet 0 came, or would have: by the BEGIN, then by the first packet that is believed."""
        self._earliest_s = self._begun_s - (k - 1) * packet_s
        self.believed = False
        """True once a packet came that tells when the others are due."""
        self._last_s = -math.inf
        self._row: tuple[int, float, int] | None = None
        """First place, its time and last place of packets that stand ahead, one behind the other."""

    def begin_anew(self) -> None:
        """Forget what has come: it was somebody else's."""
        self.delays.clear()
        self.newest.clear()
        self.highest, self.believed, self._last_s = self._first - 1, False, -math.inf
        self.nominal_s, self._earliest_s = self._begun_s, self._begun_s - (self._k - 1) * self._packet_s

    def stands_ahead(self, index: int, now: float) -> bool:
        """Take a packet's arrival, and tell whether it stands far ahead of what is being said."""
        lead_s, hole = self._earliest_s + index * self._packet_s - now, index - self.highest - 1
        if self.believed:
            ahead = lead_s > AHEAD_S and hole > HOLE_FRAMES * self._k
        else:
            first_lead_s = self.nominal_s + self._first * self._packet_s - now
            ahead = lead_s > EARLY_S if hole > 0 else first_lead_s > BEFORE_KEY_S
            ahead = ahead and self._earliest_s < math.inf
        if not ahead:
            self._row = None
            self._believe(index, now)
            return False
        first, first_s, last = self._row or (index, now, index)
        if not last <= index <= last_of_row(last, [index], self._k):
            first, first_s = index, now
        self._row = first, first_s, index
        frame_s, passed_s = self._k * self._packet_s, now - first_s
        if passed_s < max(FOLLOWED_S, 2 * frame_s) or (index - first) * self._packet_s > passed_s + frame_s:
            return True
        self._row = None
        self._believe(first, first_s)
        return False

    def note(self, index: int, now: float) -> bool:
        """Keep the delay of a frame that does not stand ahead: arrival minus nominal time.

        Return True for the first packet of this moment.
        """
        frame, in_order = index // self._k, index > self.highest
        self.highest = max(self.highest, index)
        # Of several frames at the same time the newest counts, because the others are repeats that came with it.
        first, self._last_s = now != self._last_s, now
        entry = (frame, now - frame * self._k * self._packet_s)
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

    @property
    def shrinking(self) -> bool:
        """Tell whether the newest frame came with less delay than the one before."""
        return len(self.newest) > 1 and self.newest[-1][1] < self.newest[-2][1]

    @property
    def steady(self) -> bool:
        """Tell whether the delay of the newest frames does not grow."""
        if len(self.newest) < STEADY_FRAMES:
            return False
        (first, first_delay_s), *_, (last, last_delay_s) = list(self.newest)[-STEADY_FRAMES:]
        return last_delay_s - first_delay_s <= (SLOWER_THAN_SPEECH - 1) * (last - first) * self._k * self._packet_s

    @property
    def slower_than_speech(self) -> bool | None:
        """Tell whether the arrivals show a link slower than speech; None if they show too little."""
        if len(self.newest) < STEADY_FRAMES:
            return None
        (first, first_delay_s), (last, last_delay_s) = self.newest[0], self.newest[-1]
        growth_s = last_delay_s - first_delay_s
        speech_s = (last - first) * self._k * self._packet_s
        return growth_s > max(MAX_HOLD_S, self._k * self._packet_s, (SLOWER_THAN_SPEECH - 1) * speech_s)

    def _believe(self, index: int, now: float) -> None:
        came_s = now - index * self._packet_s
        if not self.believed:
            self.believed, self.nominal_s = True, came_s
        self._earliest_s = min(self._earliest_s, came_s)
