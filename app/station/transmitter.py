"""The way out: frames in order, one at a time, at the pace of the link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import trio

from transport.errors import LinkError
from transport.links.base import Link
from transport.protocol.frames import Frame

MAX_WAITING = 4096
"""Frames: 22 minutes of speech, more than the longest over; only a link slower than speech ever gets near it."""


@dataclass(frozen=True, slots=True)
class _Outgoing:
    frame: Frame
    on_sent: Callable[[float], None] | None
    """Told the time at which the link took it."""


class Transmitter:
    """Everything that this station sends passes through here."""

    def __init__(self, link: Link, encode: Callable[[Frame], bytes], on_problem: Callable[[LinkError], None]) -> None:
        """`encode` makes bytes of a frame when they go out; `on_problem` is told when a frame could not be sent; that
        frame is lost, the next one is tried."""
        self._link = link
        self._encode = encode
        self._on_problem = on_problem
        self._put, self._take = trio.open_memory_channel[_Outgoing](MAX_WAITING)
        self._busy = False
        self._idle = trio.Event()
        self._frame_s = 0.0

    def send(self, frame: Frame, on_sent: Callable[[float], None] | None = None) -> None:
        """Queues a frame. Raises trio.WouldBlock when far too much waits."""
        self._put.send_nowait(_Outgoing(frame, on_sent))
        self._idle = trio.Event()

    @property
    def waiting(self) -> int:
        """Frames not yet taken by the link."""
        return self._put.statistics().current_buffer_used + self._busy

    @property
    def left_s(self) -> float:
        """Seconds until everything has left; an estimate, from how long the link took for the last frame."""
        return self._link.drain_s() + self.waiting * self._frame_s

    async def drained(self) -> None:
        """Returns when everything that was queued has left."""
        if self.waiting:
            await self._idle.wait()
        await trio.sleep(self._link.drain_s())

    async def run(self) -> None:
        """Sends until cancelled."""
        async for outgoing in self._take:
            self._busy = True
            began_s = trio.current_time()
            try:
                await self._link.send(self._encode(outgoing.frame))
            except LinkError as problem:
                self._on_problem(problem)
            else:
                if outgoing.on_sent is not None:
                    outgoing.on_sent(trio.current_time())
            finally:
                self._busy = False
            self._frame_s = trio.current_time() - began_s
            if not self.waiting:
                self._idle.set()
