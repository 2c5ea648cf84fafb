"""A link over a stream of bytes that can go away and come back: a serial port, a TNC behind TCP.

One task reads. When the stream breaks, it says so once, and tries to open the stream again until it succeeds. `send`
hands over no more than the line takes in a moment (`ahead_s`), so that what waits is known, and radios with small
buffers are not overrun.
"""

from __future__ import annotations

from typing import Any, Protocol

import trio

from transport.address import Address
from transport.errors import LinkError, LinkRemade, PeerUnreachable
from transport.framing.stream_reader import StreamReader
from transport.links.base import BaseLink

AHEAD_S = 0.3
"""Transmission time that is handed over to a port ahead, in seconds.

Enough that the line never pauses, and no more, because it cannot be taken back. A port with a queue of its own behind
it may want more.
"""
TRY_AGAIN_S = 0.5
"""Pause between two attempts to open a port that is gone."""
ARRIVED_FRAMES = 64
"""Received frames that wait to be fetched: 20 s of speech at k = 1. The reader waits while there are so many."""


class Port(Protocol):
    """The stream of bytes. What does not work raises PeerUnreachable, in one line for the user."""

    async def open(self) -> LinkRemade | None:
        """Open the port, or open it again. Raise LinkError.

        Return what to tell the user where it is no longer what it was.
        """

    async def read(self) -> bytes:
        """Return what has come, at least one byte."""

    async def write(self, octets: bytes) -> None:
        """Write all of the bytes."""

    def close(self) -> None:
        """Close the port; at any time, and twice if need be."""


class Wrapping(Protocol):
    """The coding of frames in a stream."""

    def wrap(self, frame: bytes) -> bytes:
        """Return what is written for a frame."""

    def unwrap(self, octets: bytes) -> bytes:
        """Return the frame in what the reader cut out of the stream, or RUBBISH."""


class StreamLink(BaseLink):
    """A link whose frames stand in a stream. serial_port.py and kiss_tnc.py say how they are wrapped."""

    def __init__(
        self,
        address: Address[Any],
        port: Port,
        reader: StreamReader,
        wrapping: Wrapping,
        *,
        greeting: bytes = b"",
        ahead_s: float = AHEAD_S,
    ) -> None:
        """Take the bytes that are written whenever the port was opened, and how long before its time a frame may go."""
        super().__init__(address.text, address.kind.layers, address.kind.tag_bytes)
        self._stages = address.kind.way(address.settings, address.radio, None).stages
        self._port = port
        self._reader = reader
        self._wrapping = wrapping
        self._greeting = greeting
        self._ahead_s = ahead_s
        self._free_s = 0.0
        self._is_open = trio.Event()
        self._gone = PeerUnreachable(f"{self.name} is not open", "a moment")
        self._closed = False
        self._scope = trio.CancelScope()
        self._send_lock = trio.Lock()
        self._arrive, self._arrived = trio.open_memory_channel[bytes | PeerUnreachable](ARRIVED_FRAMES)

    async def open(self) -> None:
        """Open the port for the first time. Raise LinkError."""
        await self._port.open()
        await self._greet()

    async def run(self) -> None:
        """Read until `aclose`, and open the port again when it is gone."""
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
                    await self._arrive.send(self._wrapping.unwrap(found))

    @property
    def ready(self) -> bool:
        """Return whether the port is open."""
        return self._is_open.is_set()

    async def wait_ready(self) -> None:
        """Return as soon as the port is open."""
        while not self.ready:
            await self._is_open.wait()

    async def send(self, frame: bytes) -> None:
        """Hand over one frame, not before the line will soon be free."""
        async with self._send_lock:
            await trio.sleep_until(self._free_s - self._ahead_s)
            if self._closed:
                raise self._was_closed()
            if not self.ready:
                raise PeerUnreachable(self._gone.cause, self._gone.cure)
            try:
                await self._port.write(self._wrapping.wrap(frame))
            except PeerUnreachable as problem:
                raise (self._was_closed() if self._closed else problem) from None
            self._free_s = max(trio.current_time(), self._free_s) + self._line_s(len(frame))
            self._count_sent(frame)

    def drain_s(self) -> float:
        """Return the seconds until the line has carried what was handed over."""
        return max(0.0, self._free_s - trio.current_time())

    async def receive(self) -> bytes:
        """Return the next frame, or RUBBISH."""
        try:
            arrived = await self._arrived.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            raise self._was_closed() from None
        if isinstance(arrived, PeerUnreachable):
            raise arrived
        # What stood around rubbish is not known.
        self._received.add(arrived, self.layers if arrived else ())
        return arrived

    async def aclose(self) -> None:
        """Close the port and end the reader."""
        self._closed = True
        self._scope.cancel()
        self._port.close()
        self._arrive.close()
        await trio.lowlevel.checkpoint()

    def _line_s(self, frame_bytes: int) -> float:
        """Return how long the slowest stretch of the way is busy with a frame of this length."""
        return max(stage.time_s(frame_bytes) for stage in self._stages)

    def _lost(self, problem: PeerUnreachable) -> None:
        self._gone = problem
        self._is_open = trio.Event()
        self._reader.reset()
        self._free_s = 0.0

    async def _open_again(self) -> None:
        while not self.ready:
            await trio.sleep(TRY_AGAIN_S)
            try:
                remade = await self._port.open()
                await self._greet()
            except LinkError:
                continue
            if remade is not None:
                await self._arrive.send(remade)

    async def _greet(self) -> None:
        if self._greeting:
            await self._port.write(self._greeting)
        self._is_open.set()
