"""Two ends of a link inside one program: for the parrot and for tests."""

from __future__ import annotations

import trio

from transport.errors import LinkClosed
from transport.links.traffic import LayerBytes, Traffic, count_frame
from transport.protocol.open_frames import MAX_FRAME_BYTES

QUEUED_FRAMES = 1024
"""Frames not fetched yet, minutes of speech: an end that leaves so many is not running. More are lost."""


class MemoryLink:
    """One end. Made by `memory_pair`."""

    def __init__(
        self,
        name: str,
        layers: tuple[LayerBytes, ...],
        out: trio.MemorySendChannel[bytes],
        incoming: trio.MemoryReceiveChannel[bytes],
    ) -> None:
        self.name = name
        self.layers = layers
        self.max_frame_bytes = MAX_FRAME_BYTES
        self.tag_bytes = 8
        self.ready = True
        self.sent = Traffic()
        self.received = Traffic()
        self._out = out
        self._incoming = incoming

    async def wait_ready(self) -> None:
        await trio.lowlevel.checkpoint()

    async def send(self, frame: bytes) -> None:
        await trio.lowlevel.checkpoint()
        try:
            self._out.send_nowait(frame)
        except trio.WouldBlock:
            pass  # lost, as on a link whose far end is off
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise LinkClosed(f"{self.name} was closed") from None
        self.sent = count_frame(self.sent, frame, self.layers)

    def drain_s(self) -> float:
        return 0.0

    async def receive(self) -> bytes:
        try:
            frame = await self._incoming.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            raise LinkClosed(f"{self.name} was closed") from None
        self.received = count_frame(self.received, frame, self.layers)
        return frame

    async def aclose(self) -> None:
        self._out.close()
        self._incoming.close()


def memory_pair(
    name: str = "memory://", other_name: str = "memory://", layers: tuple[LayerBytes, ...] = ()
) -> tuple[MemoryLink, MemoryLink]:
    """Two links, each of which receives what the other sends, at once and undamaged. `layers` is what a link like this
    would add to every frame if it were real: counted, and taking time if the link is given a rate."""
    there, here = trio.open_memory_channel[bytes](QUEUED_FRAMES)
    back, home = trio.open_memory_channel[bytes](QUEUED_FRAMES)
    return MemoryLink(name, layers, there, home), MemoryLink(other_name, layers, back, here)
