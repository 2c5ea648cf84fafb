"""The delay from mouth to ear: its parts, each timed where it happens.

    first sample at the microphone --packet--> handed to the link --link--> at the far end --playout--> at the ear

Only where both ends share a clock (the parrot, which notes when each frame reached it) can the link's part be timed.
There the way out and the way back are the same kind of link, so what the parrot received and what we play of its answer
make up one trip: packet and link are timed on the way out, play-out on the way back.
"""

from __future__ import annotations

from collections import deque
from statistics import fmean

from app.events import MouthToEar
from codec.format import DELAY_SAMPLES, PACKET_S, SAMPLE_RATE_HZ

REMEMBERED_FRAMES = 1024
"""Largest number of our own frames whose times are kept until the far end has them."""


class Latency:
    """A stopwatch for the frames of one station, and for what it hears."""

    def __init__(self) -> None:
        self._handed: dict[tuple[int, int], float] = {}
        self._packet_s: deque[float] = deque(maxlen=REMEMBERED_FRAMES)
        self._link_s: deque[float] = deque(maxlen=REMEMBERED_FRAMES)
        self._playout_s: deque[float] = deque(maxlen=REMEMBERED_FRAMES)

    def handed_over(self, over: int, sequence: int, first_sample_s: float, now: float) -> None:
        """Note that a VOICE frame of ours goes to the link.

        first_sample_s: time at which its first sample was at the microphone.
        """
        self._packet_s.append(now - first_sample_s)
        self._handed[over, sequence] = now
        while len(self._handed) > REMEMBERED_FRAMES:
            del self._handed[next(iter(self._handed))]

    def arrived(self, over: int, sequence: int, now: float) -> None:
        """Note that a frame of ours has reached the far end, as only a station in this program can tell."""
        handed_s = self._handed.pop((over, sequence), None)
        if handed_s is not None:
            self._link_s.append(now - handed_s)

    def played(self, waited_s: float, queued_s: float) -> None:
        """Note that the first packet of a frame is played.

        waited_s: time since it arrived. queued_s: sound for the loudspeaker before it.
        """
        self._playout_s.append(waited_s + queued_s + DELAY_SAMPLES / SAMPLE_RATE_HZ)

    def summary(self, packets_per_frame: int, microphone_s: float, loudspeaker_s: float) -> MouthToEar | None:
        """Return the means of what was timed since the last summary, or None when nothing was heard."""
        if not self._playout_s:
            return None
        measured = bool(self._packet_s and self._link_s)
        packet_s = fmean(self._packet_s) if measured else packets_per_frame * PACKET_S
        link_s = fmean(self._link_s) if measured else 0.0
        playout_s = fmean(self._playout_s)
        devices_s = microphone_s + loudspeaker_s
        for times_s in (self._packet_s, self._link_s, self._playout_s):
            times_s.clear()
        return MouthToEar(packet_s + link_s + playout_s + devices_s, packet_s, link_s, playout_s, devices_s, measured)
