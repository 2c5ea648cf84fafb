"""A capture played back through the receiving half of a station, in virtual time.

The same frames come at the same moments to the same floor, play-out and decoder: and so the same fault appears.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import trio
from trio.testing import MockClock

from app import events
from app.audio.devices import Block, absent_devices
from app.errors import GossamerError
from app.events import Event
from app.history.capture import Capture, CapturedFrame
from app.settings.model import Settings
from app.signals import Ending, run_until_signal
from app.station.engine import Engine
from app.station.parrot import ParrotPorts
from app.station.parts import Parts, StationCodec, no_tap
from transport.address import Address
from transport.link_kinds import LayerBytes
from transport.links.base import Link
from transport.links.traffic import Traffic, count_frame
from transport.protocol.frames import TAG_BYTES_IP
from transport.protocol.open_frames import MAX_FRAME_BYTES

AFTERWARDS_S = 3600.0
"""Longest wait for the end of what is still being played: an over may have been gathered."""
LONGEST_PAUSE_S = 120.0
"""Longest pause between two frames that is played, in seconds. Nothing lasts longer in a station that hears nothing,
but for what goes by the time of day, which does not stand still meanwhile."""
LONGEST_PLAYED_S = 24 * 3600.0
"""Longest capture that is played, without its pauses, in seconds."""
TELLS = 100
"""How often it is told how far a capture has come; of a short one, after each frame."""
LOOK_EVERY_S = 1.0
"""Seconds between two looks whether anything is still being played."""


def _without_pauses(frames: list[CapturedFrame]) -> list[tuple[float, CapturedFrame]]:
    """Return the frames with the times at which they are to come, all pauses cut to LONGEST_PAUSE_S."""
    timed = []
    played_s = before_s = 0.0
    for frame in frames:
        played_s += min(max(0.0, frame.at_s - before_s), LONGEST_PAUSE_S)
        before_s = max(before_s, frame.at_s)
        timed.append((played_s, frame))
    return timed


class CaptureLink:
    """A link that delivers the frames of a capture at their times, counted from now, and drops what it is given."""

    layers: tuple[LayerBytes, ...] = ()
    max_frame_bytes = 2 * MAX_FRAME_BYTES
    ready = True
    copies = 1
    dropped = 0

    def __init__(self, capture: Capture, at: Callable[[float], None]) -> None:
        """Take the capture, and a function that is told how far it has come, 0..1."""
        self.name = str(capture.header.get("link", "capture"))
        self.tag_bytes = int(capture.header.get("tag_bytes", TAG_BYTES_IP))
        self.sent = Traffic()
        self.received = Traffic()
        self.delivered = trio.Event()
        """Set when all frames are delivered."""
        self._incoming = _without_pauses([frame for frame in capture.frames if frame.way == "in"])
        if self._incoming and self._incoming[-1][0] > LONGEST_PLAYED_S:
            raise GossamerError(
                f"this capture lasts more than {LONGEST_PLAYED_S / 3600:.0f} hours", "export less of it: --minutes"
            )
        self._incoming.reverse()
        self._frames = len(self._incoming)
        self._at = at
        self._began_s = trio.current_time()
        self.left_out_s = 0.0
        """Length of the pauses so far that were cut short, in seconds."""

    async def wait_ready(self) -> None:
        """Return at once."""
        await trio.lowlevel.checkpoint()

    async def send(self, frame: bytes) -> None:
        """Drop a frame."""
        await trio.lowlevel.checkpoint()

    def drain_s(self) -> float:
        """Return 0: nothing waits."""
        return 0.0

    async def receive(self) -> bytes:
        """Return the next frame when its time has come; after the last one wait until cancelled."""
        if not self._incoming:
            self.delivered.set()
            await trio.sleep_forever()
        at_s, frame = self._incoming.pop()
        if len(self._incoming) % max(1, self._frames // TELLS) == 0:
            self._at(1.0 - len(self._incoming) / self._frames)
        await trio.sleep_until(self._began_s + at_s)
        self.left_out_s = frame.at_s - at_s
        self.received = count_frame(self.received, frame.octets, self.layers)
        return frame.octets

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""
        await trio.lowlevel.checkpoint()


@dataclass
class Reproduced:
    """The record of what a station made of a capture."""

    overs: list[events.OverPlayed] = field(default_factory=list)
    texts: list[events.TextHeard] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Collisions, other codecs, other modes on the channel: a line each."""
    counts: events.PacketCounts = field(default_factory=lambda: events.PacketCounts(0, 0, 0, 0, 0))
    refused: events.ChannelCounts = field(default_factory=events.ChannelCounts)

    def note(self, event: Event) -> None:
        """Take an event of the engine."""
        match event:
            case events.OverPlayed():
                self.overs.append(event)
            case events.TextHeard():
                self.texts.append(event)
            case events.PacketCounts():
                self.counts = event
            case events.ChannelCounts():
                self.refused = event
            case events.Collision(reason):
                self.problems.append(reason)
            case events.CodecMismatch(sender, ours, theirs):
                self.problems.append(f"{sender} speaks codec {theirs}, this is {ours}")
            case events.ChannelProblem():
                self.problems.append(str(event))


async def _at_once(work: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in place of a thread, which would not know what time it is."""
    await trio.lowlevel.checkpoint()
    return work(*arguments)


def reproduce(
    capture: Capture,
    settings: Settings,
    codec: StationCodec,
    hear: Callable[[Block], None] = no_tap,
    at: Callable[[float], None] = lambda fraction: None,
) -> Reproduced:
    """Play a capture back, in the time that decoding takes, and return what a station made of it.

    settings: those that matter to a receiver, such as the passphrase. hear: takes what is played, over after over
    without the pauses, float32 [n], 8 kHz; nothing keeps it here, since a capture may play for a day. at: is told how
    far it has come, 0..1, for it takes minutes. Raises GossamerError as a station does.
    """
    result = Reproduced()

    async def main(ending: Ending) -> None:
        links: list[CaptureLink] = []

        async def open_link(address: Address[Any], nursery: trio.Nursery, ports: ParrotPorts) -> tuple[Link, str]:
            links.append(CaptureLink(capture, at))
            return links[0], ""

        def clock() -> int:
            """Return the capture's time; 0, as without a clock, until the link is open: no second is waited for."""
            if not links or not capture.started_utc_s:
                return 0
            return capture.started_utc_s + int(trio.current_time() - began_s + links[0].left_out_s)

        parts = Parts(
            load_codec=lambda synth, model: codec,
            open_link=open_link,
            open_sound=absent_devices,
            load_clip=lambda number: np.zeros(0, np.float32),
            in_thread=lambda: _at_once,
            clock=clock,
            on_heard=hear,
        )
        began_s = trio.current_time()
        engine = Engine(settings, result.note, parts)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ending.cancel_when_asked)
            await nursery.start(engine.run)
            await links[0].delivered.wait()
            with trio.move_on_after(AFTERWARDS_S):
                await trio.sleep(LOOK_EVERY_S)
                while not engine.idle:
                    await trio.sleep(LOOK_EVERY_S)
            nursery.cancel_scope.cancel()

    run_until_signal(main, clock=MockClock(autojump_threshold=0))
    return result
