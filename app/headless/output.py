"""Standard output of a station without a screen: a line an event, written by a task of its own, which may wait."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

import trio

from app import events
from app.headless.event_lines import EventsDropped, event_line
from transport.protection.rate_limit import TokenBucket

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MAX_WAITING = 1000
"""Lines that wait for a reader that is slow or stopped; of more, the oldest are dropped and counted."""
LATEST = (events.PacketCounts, events.ChannelCounts, events.PlayoutState, events.WireRate, events.FloorChanged)
"""Events of which the last one says all. A stranger can cause thousands of them in a second."""
LATEST_PER_S, LATEST_AT_ONCE = 5.0, 20.0
"""Lines of each of these kinds in a second, and after a pause; of more, the last one is written a moment later."""
LAST_LINES_S = 2.0
"""Time that the last lines get to be read, in seconds."""


class EventWriter:
    """A writer of events, which never holds up the station: whoever does not read in time misses the oldest ones."""

    def __init__(self, descriptor: int = 1) -> None:
        """Take the file descriptor to write to."""
        self._descriptor = descriptor
        self._waiting: deque[str] = deque(maxlen=MAX_WAITING)
        self._dropped = 0
        self._buckets: dict[type, TokenBucket] = {kind: TokenBucket(LATEST_PER_S, LATEST_AT_ONCE) for kind in LATEST}
        self._latest: dict[type, DataclassInstance] = {}
        self._ended = False
        self._more = trio.Event()
        self.gone = ""
        """Reason why nothing can be written any more; "" while it can."""

    def put(self, event: DataclassInstance) -> None:
        """Have an event written. Never blocks."""
        if self.gone:
            return
        kind = type(event)
        bucket = self._buckets.get(kind)
        if kind in self._latest:
            self._latest[kind] = event
            return
        if bucket is None or bucket.take(trio.current_time()):
            self._queue(event)
        else:
            self._latest[kind] = event
        self._more.set()

    def _queue(self, event: DataclassInstance) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(event_line(event, time.time()))

    async def run(self) -> None:
        """Write until `end`, or until nobody reads any more: whoever puts events goes on without a reader."""
        while not self.gone:
            while self._waiting and not self.gone:
                await self._write_all()
            if self._ended and not self._latest:
                return
            if self._ended:
                self._queue_latest(math.inf)
                continue
            self._more = trio.Event()
            with trio.move_on_after(1 / LATEST_PER_S if self._latest else math.inf):
                await self._more.wait()
            self._queue_latest(trio.current_time())

    def _queue_latest(self, now: float) -> None:
        """Queue the last event of each kind that may be written by now."""
        for kind in [kind for kind in self._latest if self._buckets[kind].take(now)]:
            self._queue(self._latest.pop(kind))

    def end(self) -> None:
        """Have `run` return once everything is written that was put so far."""
        self._ended = True
        self._more.set()

    async def flush(self) -> None:
        """Write what waits, for LAST_LINES_S at most."""
        self._queue_latest(math.inf)
        with trio.move_on_after(LAST_LINES_S):
            while self._waiting and not self.gone:
                await self._write_all()

    async def _write_all(self) -> None:
        """Write everything that waits."""
        lines = [*self._waiting]
        if self._dropped:
            lines.insert(0, event_line(EventsDropped(self._dropped), time.time()))
        self._waiting.clear()
        self._dropped = 0
        octets = "".join(f"{line}\n" for line in lines).encode()
        try:
            while octets:
                write = partial(os.write, self._descriptor, octets)
                octets = octets[await trio.to_thread.run_sync(write, abandon_on_cancel=True) :]
        except OSError as error:
            self.gone = error.strerror or "closed"
            self._waiting.clear()
