"""One direction of a simulated link: codec frames in, what a station plays out. No I/O; the time is passed in.

codec frame --framing--> link frame --impairment layer--> arrivals --framing--> codec frames --play-out--> items

The play-out is that of a station, for every codec: each codec frame has its deadline, what is missing then is lost, and
on a link that runs behind what comes is gathered until its delay is steady again (transport/playout).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator

from app.simulation.framing import Framing, LinkFrame
from app.simulation.rates import RateMeter, SpeechFates
from transport.errors import FrameError
from transport.impairment import Delivery, ImpairedPath
from transport.playout.playout import Playout, PlayoutItem

QUEUE_S = 10.0
"""Longest wait for the link; a frame that would wait longer is dropped, as by any modem."""


class OneWay:
    """One over of one codec on its way."""

    def __init__(
        self,
        framing: Framing,
        path: ImpairedPath,
        overhead_bytes: int,
        codec_frame_s: float,
        now: float,
        jitter_s: float | None = None,
    ) -> None:
        """Begin the over at `now`.

        A frame costs `overhead_bytes` on the wire beyond itself; a codec frame is `codec_frame_s` of speech. `jitter_s`
        is the jitter that the play-out knows from earlier overs, None in the first one.
        """
        self.path = path
        self.asked, self.got = RateMeter(now), RateMeter(now)
        """Bits put on the link, and those that arrived and could be read."""
        self.fates = SpeechFates()
        self.speech_bytes = 0
        """Bytes on the wire from the first speech to the last: without the first BEGIN, and END."""
        self._framing = framing
        self._overhead_bytes = overhead_bytes
        self._coming: list[tuple[Delivery, LinkFrame]] = []
        self._playout = Playout(packet_s=codec_frame_s)
        if jitter_s is not None:
            self._playout.jitter.add([0.0, jitter_s])
        self._playout.begin(framing.frames_together)
        self._send(framing.begin(), now)

    # --- the talker's end ------------------------------------------------------------------------------------------

    def push(self, content: bytes, now: float) -> None:
        """Take a codec frame whose speech ends now."""
        self._send_speech(self._framing.push(content), now)

    def end(self, now: float) -> None:
        """Take note that all has been said."""
        self._send_speech(self._framing.flush(), now)
        self._send(self._framing.end(), now)

    def _send_speech(self, frames: list[LinkFrame], now: float) -> None:
        self.speech_bytes += sum(len(frame.octets) + self._overhead_bytes for frame in frames)
        self._send(frames, now)

    def _send(self, frames: list[LinkFrame], now: float) -> None:
        for frame in frames:
            self.asked.add(len(frame.octets) + self._overhead_bytes, now)
            deliveries = []
            if self.queue_s(now) <= QUEUE_S:
                deliveries = self.path.hand_over(frame.octets, now)
            if not deliveries:
                self.fates.add(frame.speech_s, now, lost=True, damaged=False)
            for place, delivery in enumerate(deliveries):
                counted = frame if not place else LinkFrame(frame.octets, 0.0)
                heapq.heappush(self._coming, (delivery, counted))

    def queue_s(self, now: float) -> float:
        """Return how long the link is still busy with what was given to it, in seconds."""
        return self.path.free_at_s(now) - now

    # --- the listener's end ----------------------------------------------------------------------------------------

    def play_until(self, until_s: float) -> Iterator[tuple[float, PlayoutItem]]:
        """Yield what is played until then, each item with its time; arrivals and deadlines in their order."""
        while True:
            arrival_s = self._coming[0][0].at_s if self._coming else math.inf
            deadline_s = self._playout.next_deadline_s()
            if deadline_s is None:
                deadline_s = math.inf
            if min(arrival_s, deadline_s) > until_s or arrival_s == deadline_s == math.inf:
                return
            if arrival_s <= deadline_s:
                self._receive(*heapq.heappop(self._coming))
            elif (item := self._playout.take(deadline_s)) is not None:
                yield deadline_s, item

    def _receive(self, delivery: Delivery, frame: LinkFrame) -> None:
        now = delivery.at_s
        try:
            arrived = self._framing.receive(delivery.octets, now)
        except FrameError:
            self.fates.add(frame.speech_s, now, lost=True, damaged=False)
            return
        self.got.add(len(delivery.octets) + self._overhead_bytes, now)
        self.fates.add(frame.speech_s, now, lost=False, damaged=any(one.damaged for one in arrived.frames))
        for one in arrived.frames:
            self._playout.push(one.index, one.content, one.damaged, now)
        if arrived.total is not None:
            self._playout.end(arrived.total, now)

    def abandon(self, now: float) -> None:
        """End the over for want of news, as a station does whose talker has disappeared; nothing after its end."""
        self._playout.end(None, now)

    @property
    def last_arrival_s(self) -> float:
        """Time at which the last frame that was sent so far arrives; minus infinity where none is on its way."""
        return max((delivery.at_s for delivery, _ in self._coming), default=-math.inf)

    @property
    def unplayed_s(self) -> float:
        """Speech that is on its way, or has come and is not played yet, in seconds."""
        return sum(frame.speech_s for _, frame in self._coming) + self._playout.waiting_s
