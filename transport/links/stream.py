"""A link over a stream of bytes that can go away and come back: a serial port, a TNC behind TCP.

One task reads; when the stream breaks, that is said once, and the task tries to open it again until it succeeds.
`send` never hands over more than the line takes in a moment (`ahead_s`): so what waits is known, and radios with small
buffers are not overrun.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import trio

from transport.errors import LinkClosed, LinkError, PeerUnreachable
from transport.framing.stream_reader import StreamReader
from transport.links.traffic import LayerBytes, Traffic, count_frame

AHEAD_S = 0.3
"""What may be handed over to a port before its time: enough that the line never pauses, and no more, for it cannot be
taken back. What is behind the port may queue for itself, and then wants more."""
TRY_AGAIN_S = 0.5
"""While a port is gone."""
ARRIVED_FRAMES = 64
"""Frames that have arrived and were not fetched: 20 s of speech at k = 1. The reader waits while it is full."""


class Port(Protocol):
    """Where the bytes go. Raises PeerUnreachable, in one line for the user, from everything that does not work."""

    async def open(self) -> None:
        """Open it, or open it again. Raises LinkError."""

    async def read(self) -> bytes:
        """What has come, at least one byte."""

    async def write(self, octets: bytes) -> None:
        """All of them."""

    def close(self) -> None:
        """May be called at any time, and twice."""


class StreamLink:
    """Frames in a stream. serial_radio.py and kiss.py say how they are wrapped, and how long they take."""

    def __init__(
        self,
        name: str,
        port: Port,
        reader: StreamReader,
        wrap: Callable[[bytes], bytes],
        unwrap: Callable[[bytes], bytes],
        line_s: Callable[[int], float],
        layers: tuple[LayerBytes, ...],
        max_frame_bytes: int,
        greeting: bytes = b"",
        ahead_s: float = AHEAD_S,
    ) -> None:
        """`wrap` makes of a frame what is written, `unwrap` of what `reader` found a frame, or RUBBISH. `line_s` is how
        long the slowest stretch of the way is busy with a frame of so many bytes. `greeting` is written whenever the
        port was opened. `ahead_s`: what may be handed over before its time."""
        self.name = name
        self.layers = layers
        self.max_frame_bytes = max_frame_bytes
        self.tag_bytes = 4
        self.sent = Traffic()
        self.received = Traffic()
        self._port = port
        self._reader = reader
        self._wrap = wrap
        self._unwrap = unwrap
        self._line_s = line_s
        self._greeting = greeting
        self._ahead_s = ahead_s
        self._free_s = 0.0
        self._is_open = trio.Event()
        self._gone = PeerUnreachable(f"{name} is not open", "a moment")
        self._closed = False
        self._scope = trio.CancelScope()
        self._send_lock = trio.Lock()
        self._arrive, self._arrived = trio.open_memory_channel[bytes | PeerUnreachable](ARRIVED_FRAMES)

    async def open(self) -> None:
        """The first time: raises LinkError."""
        await self._port.open()
        await self._greet()

    async def run(self) -> None:
        """Reads until `aclose`, and opens the port again when it is gone."""
        with self._scope:
            while True:
                try:
                    octets = await self._port.read()
                except PeerUnreachable as problem:
                    self._lost(problem)
                    await self._arrive.send(problem)
                    await self._open_again()
                    continue
                for found in self._reader.receive(octets):
                    await self._arrive.send(self._unwrap(found))

    @property
    def ready(self) -> bool:
        return self._is_open.is_set()

    async def wait_ready(self) -> None:
        while not self.ready:
            await self._is_open.wait()

    async def send(self, frame: bytes) -> None:
        async with self._send_lock:
            await trio.sleep_until(self._free_s - self._ahead_s)
            if self._closed:
                raise LinkClosed(f"{self.name} was closed")
            if not self.ready:
                raise PeerUnreachable(self._gone.cause, self._gone.cure)
            try:
                await self._port.write(self._wrap(frame))
            except PeerUnreachable as problem:
                raise (LinkClosed(f"{self.name} was closed") if self._closed else problem) from None
            self._free_s = max(trio.current_time(), self._free_s) + self._line_s(len(frame))
            self.sent = count_frame(self.sent, frame, self.layers)

    def drain_s(self) -> float:
        return max(0.0, self._free_s - trio.current_time())

    async def receive(self) -> bytes:
        try:
            arrived = await self._arrived.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            raise LinkClosed(f"{self.name} was closed") from None
        if isinstance(arrived, PeerUnreachable):
            raise arrived
        self.received = count_frame(self.received, arrived, self.layers if arrived else ())
        return arrived

    async def aclose(self) -> None:
        self._closed = True
        self._scope.cancel()
        self._port.close()
        self._arrive.close()
        await trio.lowlevel.checkpoint()

    def _lost(self, problem: PeerUnreachable) -> None:
        self._gone = problem
        self._is_open = trio.Event()
        self._reader.reset()
        self._free_s = 0.0

    async def _open_again(self) -> None:
        while not self.ready:
            await trio.sleep(TRY_AGAIN_S)
            try:
                await self._port.open()
                await self._greet()
            except LinkError:
                continue

    async def _greet(self) -> None:
        if self._greeting:
            await self._port.write(self._greeting)
        self._is_open.set()
