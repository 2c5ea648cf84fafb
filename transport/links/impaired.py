"""A link that is worse than the one it wraps, in both directions; impairment.py decides what happens to each frame."""

from __future__ import annotations

import contextlib
import heapq
import math
from collections.abc import Awaitable, Callable

import trio

from transport.errors import LinkClosed, TransportError
from transport.impairment import Delivery, ImpairedPath, Impairment
from transport.link_kinds import LayerBytes
from transport.links.base import Link
from transport.links.traffic import Traffic, count_frame

MAX_ON_THE_WAY = 4096
"""Frames that a path holds at once; at 72 bytes and 100 bit/s that is six hours. More are lost, as in any queue."""
ARRIVED_FRAMES = 64
"""Arrived frames that wait to be fetched: 20 s of speech at k = 1. The path waits while there are so many."""


LINGER_S = 5.0
"""Longest time that `aclose` takes for what is still on its way, in seconds: the END of an over, in most cases."""


class _Path:
    """One direction: frames go in at any time, and `run` hands them on when they arrive."""

    def __init__(self, impairment: Impairment, overhead_bytes: int) -> None:
        self.model = ImpairedPath(impairment, overhead_bytes)
        self._on_the_way: list[Delivery] = []
        self._changed = trio.Event()

    def hand_over(self, frame: bytes) -> None:
        for delivery in self.model.hand_over(frame, trio.current_time()):
            if len(self._on_the_way) < MAX_ON_THE_WAY:
                heapq.heappush(self._on_the_way, delivery)
        self._changed.set()

    async def run(self, deliver: Callable[[bytes], Awaitable[None]]) -> None:
        while True:
            next_s = self._on_the_way[0].at_s if self._on_the_way else math.inf
            if next_s <= trio.current_time():
                await deliver(heapq.heappop(self._on_the_way).octets)
                continue
            self._changed = trio.Event()
            with trio.move_on_at(next_s):
                await self._changed.wait()

    async def deliver_rest(self, deliver: Callable[[bytes], Awaitable[None]]) -> None:
        """Hand on what is on its way, each frame when it arrives, and return when nothing is left."""
        while self._on_the_way:
            await trio.sleep_until(self._on_the_way[0].at_s)
            await deliver(heapq.heappop(self._on_the_way).octets)


class ImpairedLink:
    """A link around another one, which it makes worse. It keeps the rate by making `send` wait."""

    def __init__(self, inner: Link, impairment: Impairment, nursery: trio.Nursery) -> None:
        overhead_bytes = sum(layer.octets for layer in inner.layers)
        self.sent = Traffic()
        self.received = Traffic()
        self._inner = inner
        self._outgoing = _Path(impairment, overhead_bytes)
        self._incoming = _Path(impairment.reversed(), overhead_bytes)
        self._send_lock = trio.Lock()
        self._send_error: TransportError | None = None
        self._scopes: list[trio.CancelScope] = []
        self._arrive, self._arrived = trio.open_memory_channel[bytes | TransportError](ARRIVED_FRAMES)
        for task in (self._send_on, self._fetch, self._let_arrive):
            scope = trio.CancelScope()
            self._scopes.append(scope)
            nursery.start_soon(self._run_in, scope, task, name=f"{type(self).__name__}.{task.__name__}")

    @property
    def inner(self) -> Link:
        """The link that this one makes worse."""
        return self._inner

    @property
    def name(self) -> str:
        """The name of the link inside."""
        return self._inner.name

    @property
    def layers(self) -> tuple[LayerBytes, ...]:
        """Layers below the frame on the link inside."""
        return self._inner.layers

    @property
    def max_frame_bytes(self) -> int:
        """Length of the longest frame that can be sent."""
        return self._inner.max_frame_bytes

    @property
    def tag_bytes(self) -> int:
        """Bytes of the tag of a sealed or ham frame."""
        return self._inner.tag_bytes

    @property
    def dropped(self) -> int:
        """Number of frames that the link inside dropped."""
        return self._inner.dropped

    @property
    def ready(self) -> bool:
        """Return whether there is somebody to send to."""
        return self._inner.ready

    @property
    def copies(self) -> int:
        """How many times a frame goes out."""
        return self._inner.copies

    async def wait_ready(self) -> None:
        """Return as soon as the link inside is ready."""
        await self._inner.wait_ready()

    async def send(self, frame: bytes) -> None:
        """Hand over one frame, waiting until the wire is free."""
        async with self._send_lock:
            error, self._send_error = self._send_error, None
            if error is not None:
                raise error
            if not self._inner.ready:
                await self._inner.send(frame)  # says at once that there is no peer yet
                return
            await trio.sleep_until(self._outgoing.model.free_at_s(trio.current_time()))
            self._outgoing.hand_over(frame)
            self.sent = count_frame(self.sent, frame, self.layers)
            for _ in range(self._inner.copies - 1):
                self._outgoing.model.occupy(len(frame), trio.current_time())
                self.sent = count_frame(self.sent, frame, self.layers)

    def drain_s(self) -> float:
        """Return the seconds until all that was handed over has left the wire and the link inside."""
        now = trio.current_time()
        return self._outgoing.model.free_at_s(now) - now + self._inner.drain_s()

    async def receive(self) -> bytes:
        """Return the next frame that arrives, perhaps damaged."""
        try:
            arrived = await self._arrived.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            raise LinkClosed(f"{self.name} was closed") from None
        if isinstance(arrived, TransportError):
            raise arrived
        self.received = count_frame(self.received, arrived, self.layers)
        return arrived

    async def aclose(self) -> None:
        """End the tasks, let what was sent arrive, and close the link inside."""
        for scope in self._scopes:
            scope.cancel()
        self._arrive.close()
        with trio.move_on_after(LINGER_S), contextlib.suppress(TransportError):
            await self._outgoing.deliver_rest(self._inner.send)
        await self._inner.aclose()

    async def _run_in(self, scope: trio.CancelScope, task: Callable[[], Awaitable[None]]) -> None:
        with scope:
            await task()

    async def _send_on(self) -> None:
        async def deliver(frame: bytes) -> None:
            try:
                await self._inner.send(frame)
            except TransportError as error:
                self._send_error = error

        await self._outgoing.run(deliver)

    async def _fetch(self) -> None:
        while True:
            try:
                self._incoming.hand_over(await self._inner.receive())
            except LinkClosed:
                self._arrive.close()
                return
            except TransportError as error:
                await self._arrive.send(error)

    async def _let_arrive(self) -> None:
        try:
            await self._incoming.run(self._arrive.send)
        except trio.ClosedResourceError:
            return


def impair(link: Link, impairment: Impairment, nursery: trio.Nursery) -> Link:
    """Return the same link, worse in both directions. Its tasks run in `nursery` and end with `aclose`."""
    return ImpairedLink(link, impairment, nursery)
