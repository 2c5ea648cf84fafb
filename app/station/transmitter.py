"""The way out: frames in order, one at a time, at the pace of the link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import trio

from app.station.wire_meter import wire_bytes
from transport.errors import LinkError
from transport.links.base import Link
from transport.links.traffic import Traffic
from transport.protocol.frames import Frame

MAX_WAITING = 4096
"""Largest number of frames that wait: 22 minutes of speech. Only a link slower than speech ever comes near it."""


@dataclass(frozen=True, slots=True)
class _Outgoing:
    frame: Frame
    on_sent: Callable[[float], None] | None
    """Told the time at which the link took the frame."""


class Transmitter:
    """The queue through which everything passes that a station sends."""

    def __init__(self, link: Link, encode: Callable[[Frame], bytes]) -> None:
        """Take the link, and the channel's `encode`, which is called when a frame goes out."""
        self._link = link
        self._encode = encode
        self._put, self._take = trio.open_memory_channel[_Outgoing](MAX_WAITING)
        self._busy = False
        self._idle = trio.Event()
        self._frame_s = 0.0

    def send(self, frame: Frame, on_sent: Callable[[float], None] | None = None) -> None:
        """Queue a frame; `on_sent` is told the time at which the link took it.

        Raises trio.WouldBlock when MAX_WAITING frames wait.
        """
        self._put.send_nowait(_Outgoing(frame, on_sent))
        self._idle = trio.Event()

    @property
    def waiting(self) -> int:
        """Number of frames that the link has not taken yet."""
        return self._put.statistics().current_buffer_used + self._busy

    @property
    def left_s(self) -> float:
        """Seconds until everything has left, estimated from how long the link took for the last frame."""
        return self._link.drain_s() + self.waiting * self._frame_s

    @property
    def sent(self) -> Traffic:
        """Everything that the link has carried for this station so far."""
        return self._link.sent

    def wire_bytes_since(self, before: Traffic) -> int:
        """Return the bytes of all layers that went out since `sent` was `before`."""
        return wire_bytes(self._link, self._link.sent - before)

    async def drained(self) -> None:
        """Return when everything that was queued has left."""
        if self.waiting:
            await self._idle.wait()
        await trio.sleep(self._link.drain_s())

    async def run(self, on_problem: Callable[[LinkError], None]) -> None:
        """Send until cancelled. A frame that cannot be sent is told to `on_problem` and lost; the next one is tried."""
        async for outgoing in self._take:
            self._busy = True
            began_s = trio.current_time()
            try:
                await self._link.send(self._encode(outgoing.frame))
            except LinkError as problem:
                on_problem(problem)
            else:
                if outgoing.on_sent is not None:
                    outgoing.on_sent(trio.current_time())
            finally:
                self._busy = False
            self._frame_s = trio.current_time() - began_s
            if not self.waiting:
                self._idle.set()
