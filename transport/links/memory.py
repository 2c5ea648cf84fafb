"""Two ends of a link inside one program, for the parrot and for tests."""

from __future__ import annotations

import trio

from transport.link_kinds import LayerBytes
from transport.links.base import BaseLink
from transport.protocol.frames import TAG_BYTES_IP

QUEUED_FRAMES = 1024
"""Sent frames that wait to be fetched: minutes of speech. An end that leaves so many is not running; more are lost."""


class MemoryLink(BaseLink):
    """One end. `memory_pair` makes it."""

    def __init__(
        self,
        name: str,
        layers: tuple[LayerBytes, ...],
        out: trio.MemorySendChannel[bytes],
        incoming: trio.MemoryReceiveChannel[bytes],
    ) -> None:
        super().__init__(name, layers, TAG_BYTES_IP)
        self._out = out
        self._incoming = incoming

    async def send(self, frame: bytes) -> None:
        """Give one frame to the other end; it is lost where too many wait there."""
        await trio.lowlevel.checkpoint()
        try:
            self._out.send_nowait(frame)
        except trio.WouldBlock:
            pass  # lost, as on a link whose far end is off
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise self._was_closed() from None
        self._count_sent(frame)

    async def receive(self) -> bytes:
        """Return the next frame."""
        try:
            frame = await self._incoming.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            raise self._was_closed() from None
        self._count_received(frame)
        return frame

    async def aclose(self) -> None:
        """Close this end; the other one gets LinkClosed."""
        self._out.close()
        self._incoming.close()


def memory_pair(
    name: str = "memory://", other_name: str = "memory://", layers: tuple[LayerBytes, ...] = ()
) -> tuple[MemoryLink, MemoryLink]:
    """Return two links, each of which receives what the other sends, at once and undamaged.

    `layers` is what a real link of this kind would add to every frame. It is counted, and takes time where the link is
    given a rate.
    """
    there, here = trio.open_memory_channel[bytes](QUEUED_FRAMES)
    back, home = trio.open_memory_channel[bytes](QUEUED_FRAMES)
    return MemoryLink(name, layers, there, home), MemoryLink(other_name, layers, back, here)
