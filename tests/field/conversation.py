"""Two stations with the real models, in one process and in real time, and a stopwatch on every frame between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean, median

import numpy as np
import trio

from app import events
from app.audio.devices import absent_devices
from app.clips import load_clip
from app.events import Event
from app.settings.model import Settings
from app.station.engine import Engine
from app.station.parts import load_codec, open_station_link, real_parts
from codec.format import SAMPLE_RATE_HZ
from transport.address import parse_address
from transport.links.base import Link
from transport.planning.planner import chosen, plan
from transport.protocol.frames import VOICE_SHAPES
from transport.protocol.open_frames import peek_type

WARM_UP_S = 30.0
ANSWER_AFTER_S = 1.0
PATIENCE_S = 40.0
"""On top of twice the length of what is said: sound cards, models, the last frames."""


class TimedLink:
    """A link that notes when each VOICE frame is handed to it and when each one comes."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.handed: dict[bytes, float] = {}
        self.arrived: dict[bytes, float] = {}

    def __getattr__(self, name: str):
        return getattr(self._link, name)

    async def send(self, frame: bytes) -> None:
        if peek_type(frame) in VOICE_SHAPES:
            self.handed[frame] = trio.current_time()
        await self._link.send(frame)

    async def receive(self) -> bytes:
        frame = await self._link.receive()
        if peek_type(frame) in VOICE_SHAPES:
            self.arrived.setdefault(frame, trio.current_time())
        return frame


@dataclass
class Station:
    """One of the two stations of a conversation, with the events that happened in it."""

    name: str
    link: str
    around: Callable = open_station_link
    """Opens the link, perhaps somewhere else than in this process's network."""
    happened: list[tuple[float, Event]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._more = trio.Event()
        self._timed: TimedLink | None = None
        self.spoken: list[np.ndarray] = []
        self.heard: list[np.ndarray] = []
        parts = real_parts(
            load_codec=load_codec,
            open_link=self._open,
            open_sound=absent_devices,
            recordings=None,
            on_spoken=self.spoken.append,
            on_heard=self.heard.append,
        )
        self.engine = Engine(Settings(link=self.link, name=self.name, permit_tone=False), self._note, parts)

    async def _open(self, address, nursery, ports):
        link, who = await self.around(address, nursery, ports)
        self._timed = TimedLink(link)
        return self._timed, who

    @property
    def timed(self) -> TimedLink:
        """The station's link; there is one from its first event on."""
        assert self._timed is not None
        return self._timed

    def _note(self, event: Event) -> None:
        self.happened.append((trio.current_time(), event))
        self._more.set()

    def only(self, kind: type) -> list:
        return [event for _, event in self.happened if isinstance(event, kind)]

    async def until(self, kind: type, count: int, within_s: float) -> None:
        """Wait for the count-th event of a kind. Raises TooSlowError."""
        with trio.fail_after(within_s):
            while len(self.only(kind)) < count:
                self._more = trio.Event()
                await self._more.wait()


@dataclass(frozen=True)
class Outcome:
    """One over, seen from both ends."""

    talker: str
    k: int
    packets: int
    lost: int
    damaged: int
    rubbish: int
    frames: int
    """VOICE frames handed over; as many as there are delays came intact."""
    delays_s: list[float]
    """Of every VOICE frame that came, in the order in which they were handed over."""
    wire_bps: float

    @property
    def growth_s(self) -> float:
        """Return the median of the last third of the delays minus that of the first; about 0 on a steady link."""
        third = max(1, len(self.delays_s) // 3)
        return median(self.delays_s[-third:]) - median(self.delays_s[:third])

    def __str__(self) -> str:
        delays = f"{min(self.delays_s):.2f}..{max(self.delays_s):.2f} s, mean {fmean(self.delays_s):.2f} s"
        return (
            f"{self.talker}: k={self.k}, {self.packets} packets, {self.lost} lost, {self.damaged} damaged, "
            f"{self.rubbish} rubbish; frame delay {delays}, last third {self.growth_s:+.2f} s over the first; "
            f"{self.wire_bps:.0f} bit/s on the wire"
        )


def speech(duration_s: float) -> np.ndarray:
    """Return the bundled clips in a row, repeated up to this duration, float32 [n] at 8 kHz."""
    clips = np.concatenate([load_clip(number) for number in range(3)])
    return np.resize(clips, round(duration_s * SAMPLE_RATE_HZ))


def planned_k(link: str) -> int:
    """Return the packets a frame that the planner takes for a link. Raises AssertionError where it refuses."""
    row = chosen(plan(parse_address(link)))
    assert row is not None, f"the planner refuses {link}"
    return row.k


async def converse(one: Station, other: Station, duration_s: float, *, warm_up: bool = False) -> list[Outcome]:
    """Run both stations, let each speak for so long in turn, and return what came of their overs.

    warm_up: send frames to and fro first, until both were heard."""
    outcomes = []
    async with trio.open_nursery() as nursery:
        for station in (one, other):
            await nursery.start(station.engine.run)
        if warm_up:
            for sender, listener in ((one, other), (other, one)):
                await _warm_up(sender, listener)
        else:
            await one.timed.wait_ready()
            await other.timed.wait_ready()
        for talker, listener in ((one, other), (other, one)):
            outcomes.append(await _over(talker, listener, duration_s))
            await trio.sleep(ANSWER_AFTER_S)
        for station in (one, other):
            station.engine.close()
    return outcomes


async def _warm_up(sender: Station, listener: Station) -> None:
    """Send frames until one is heard: modems and sound servers need a moment before the first gets through."""
    with trio.fail_after(WARM_UP_S):
        while not listener.only(events.TextHeard):
            sender.engine.send_text("test")
            with trio.move_on_after(3.0):
                await listener.until(events.TextHeard, 1, WARM_UP_S)


async def _over(talker: Station, listener: Station, duration_s: float) -> Outcome:
    before = len(listener.only(events.OverPlayed))
    rubbish_before = _rubbish(listener)
    talker.timed.handed.clear()
    listener.timed.arrived.clear()
    talker.engine.play_clip(speech(duration_s))
    patience_s = PATIENCE_S + 2 * duration_s
    await talker.until(events.OverSent, 1, patience_s)
    await listener.until(events.OverPlayed, before + 1, patience_s)
    sent, heard = talker.only(events.OverSent)[-1], listener.only(events.OverPlayed)[-1]
    arrived = listener.timed.arrived
    delays_s = [arrived[frame] - at_s for frame, at_s in talker.timed.handed.items() if frame in arrived]
    k = listener.only(events.OverBegan)[-1].packets_per_frame
    lost = heard.lost + sent.packets - heard.packets
    return Outcome(
        talker.name,
        k,
        sent.packets,
        lost,
        heard.damaged,
        _rubbish(listener) - rubbish_before,
        len(talker.timed.handed),
        delays_s,
        sent.wire_bps,
    )


def _rubbish(station: Station) -> int:
    counts = station.only(events.PacketCounts)
    return counts[-1].rubbish if counts else 0
