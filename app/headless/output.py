"""Standard output of a station without a screen: a line an event, written by a task of its own, which may wait."""

from __future__ import annotations

import os
import time
from collections import deque
from functools import partial

import trio

from app.headless.event_lines import AnyEvent, EventsDropped, event_line

MAX_WAITING = 1000
"""Lines that wait for a reader that is slow or stopped; of more, the oldest are dropped and counted."""
LAST_LINES_S = 2.0
"""Time that the last lines get to be read, in seconds."""


class EventWriter:
    """A writer of events, which never holds up the station: whoever does not read in time misses the oldest ones."""

    def __init__(self, descriptor: int = 1) -> None:
        """Take the file descriptor to write to."""
        self._descriptor = descriptor
        self._waiting: deque[str] = deque(maxlen=MAX_WAITING)
        self._dropped = 0
        self._more = trio.Event()
        self.gone = ""
        """Reason why nothing can be written any more; "" while it can."""

    def put(self, event: AnyEvent) -> None:
        """Have an event written. Never blocks."""
        if self.gone:
            return
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(event_line(event, time.time()))
        self._more.set()

    async def run(self) -> None:
        """Write until cancelled, or until nobody reads any more: the station goes on without a reader."""
        while not self.gone:
            while self._waiting and not self.gone:
                await self._write_all()
            self._more = trio.Event()
            await self._more.wait()

    async def flush(self) -> None:
        """Write what waits, for LAST_LINES_S at most."""
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
