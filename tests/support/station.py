"""Stations in virtual time: an engine with a codec that is plain to see through, and sound that the test makes.

The codec keeps the mean of every 80 samples in a byte: what comes out is a staircase of what went in, 240 samples late.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import trio
import trio.testing

from app.audio.devices import (
    BLOCK_S,
    BLOCK_SAMPLES,
    Block,
    DeviceReport,
    MayInterrupt,
    NoLoudspeaker,
    NoMicrophone,
    always,
)
from app.events import DeviceReady, Event
from app.settings.model import Settings
from app.station.channel_end import wall_clock_s
from app.station.engine import Engine
from app.station.parrot import ParrotPorts
from app.station.parts import Parts, StationCodec, open_station_link
from app.station.speech import PacketCopier
from codec import format as fmt
from transport.address import Address
from transport.links.base import Link
from transport.links.memory import memory_pair
from transport.protocol.frames import COPY_BYTES, VOICE_SHAPES
from transport.protocol.open_frames import peek_type

CODEC_ID = 77


class LeftOpen:
    """A link that the station at its other end does not see closed, as on the air."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


class FlippedLink:
    """A link on which the receiver gets some bits of every voice frame wrong: byte 0 is the first of its packets."""

    def __init__(self, link: Link, byte: int, bits: int) -> None:
        self._link, self._place, self._bits = link, 6 + byte, bits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    async def receive(self) -> bytes:
        octets = bytearray(await self._link.receive())
        if octets[0] & 15 == 2:
            octets[self._place] ^= self._bits
        return bytes(octets)


class LosingLink(LeftOpen):
    """A link that loses some of the frames with voice, by their number, and keeps all that it was given."""

    def __init__(self, link: Link, *lost: int) -> None:
        super().__init__(link)
        self._lost = lost
        self.frames: list[bytes] = []
        self._voices = -1

    async def send(self, frame: bytes) -> None:
        self.frames.append(frame)
        self._voices += peek_type(frame) in VOICE_SHAPES
        if peek_type(frame) in VOICE_SHAPES and self._voices in self._lost:
            await trio.lowlevel.checkpoint()
        else:
            await self._link.send(frame)


class StaircaseEncoder:
    """An encoder of float32 [2560] into 32 bytes: the mean of every 80 samples, -1..1 as 0..255."""

    def __init__(self, codec_id: int = CODEC_ID) -> None:
        self.codec_id = codec_id
        self.packets: list[bytes] = []

    def encode(self, samples: np.ndarray) -> bytes:
        means = samples.reshape(fmt.PACKET_FRAMES, fmt.HOP_SAMPLES).mean(axis=1)
        self.packets.append(np.clip(np.rint(128 + 127 * means), 0, 255).astype(np.uint8).tobytes())
        return self.packets[-1]

    def reset(self) -> None:
        pass


class StaircaseCopier:
    """A maker of coarse copies: the mean of every four steps."""

    def copy(self, packet: bytes) -> bytes:
        steps = np.frombuffer(packet, np.uint8).reshape(COPY_BYTES, -1)
        return np.rint(steps.mean(axis=1)).astype(np.uint8).tobytes()

    def reset(self) -> None:
        pass


class StaircaseDecoder:
    """A decoder of 32 bytes into "features" [32, 1]; a lost packet is silence, or what its coarse copy says."""

    def __init__(self, codec_id: int = CODEC_ID) -> None:
        self.codec_id = codec_id
        self.packets: list[bytes | None] = []
        self.copies: list[bytes] = []

    def decode(self, packet: bytes | None, copy: bytes | None = None) -> np.ndarray:
        self.packets.append(packet)
        if copy is not None:
            self.copies.append(copy)
            packet = np.repeat(np.frombuffer(copy, np.uint8), fmt.PACKET_BYTES // len(copy)).tobytes()
        octets = np.frombuffer(packet or bytes([128]) * fmt.PACKET_BYTES, np.uint8)
        return ((octets.astype(np.float32) - 128) / 127)[:, None]

    def reset(self) -> None:
        pass


class StaircaseSynthesizer:
    """A synthesizer of features [32, 1] into float32 [2560], DELAY_SAMPLES late."""

    def __init__(self) -> None:
        self._behind = np.zeros(fmt.DELAY_SAMPLES, np.float32)

    def synthesize(self, features: np.ndarray) -> np.ndarray:
        samples = np.concatenate([self._behind, np.repeat(features[:, 0], fmt.HOP_SAMPLES)])
        self._behind = samples[fmt.PACKET_SAMPLES :]
        return samples[: fmt.PACKET_SAMPLES]

    def flush(self) -> np.ndarray:
        tail = self._behind
        self.reset()
        return tail

    def reset(self) -> None:
        self._behind = np.zeros(fmt.DELAY_SAMPLES, np.float32)


class SteadyMicrophone:
    """A microphone that hears what `signal` says of every moment, with the delay of a real one."""

    latency_s = 0.04
    working = True

    def __init__(self, signal: Callable[[np.ndarray], np.ndarray]) -> None:
        """Take the signal: float64 [n], seconds of the virtual clock, to float32 [n]."""
        self._signal = signal

    async def run(
        self, deliver: Callable[[Block], None], report: DeviceReport, may_interrupt: MayInterrupt = always
    ) -> None:
        report(DeviceReady("microphone", "steady", fmt.SAMPLE_RATE_HZ))
        began_s = trio.current_time()
        number = 0
        while True:
            number += 1
            await trio.sleep_until(began_s + number * BLOCK_S + self.latency_s)
            ends_s = began_s + number * BLOCK_S
            moments_s = ends_s + np.arange(-BLOCK_SAMPLES, 0) / fmt.SAMPLE_RATE_HZ
            deliver(self._signal(moments_s).astype(np.float32))

    def hurry(self, wanted: bool) -> None:
        pass

    def choose(self, name: str | None) -> None:
        pass


class HeardLoudspeaker(NoLoudspeaker):
    """A loudspeaker that plays into a list: when each sample would be heard, and what it was."""

    latency_s = 0.03

    def __init__(self) -> None:
        super().__init__()
        self.played: list[tuple[float, Block]] = []

    def play(self, samples: Block) -> None:
        self.played.append((trio.current_time() + self.queued_s + self.latency_s, samples))
        super().play(samples)

    def sound(self) -> np.ndarray:
        """Return everything that was played, in a row, float32 [n]."""
        return np.concatenate([samples for _, samples in self.played] or [np.zeros(0, np.float32)])

    def first_above(self, level: float) -> float:
        """Return when the first sample beyond this level was heard, in seconds."""
        for at_s, samples in self.played:
            loud = np.flatnonzero(np.abs(samples) > level)
            if len(loud):
                return at_s + loud[0] / fmt.SAMPLE_RATE_HZ
        raise AssertionError(f"nothing above {level} was heard")


async def at_once(work: Callable[..., Any], *arguments: Any) -> Any:
    """Do the work at once, in place of the worker thread, which a virtual clock cannot wait for."""
    await trio.lowlevel.checkpoint()
    return work(*arguments)


@dataclass
class Station:
    """An engine and everything a test wants to see of it."""

    settings: Settings
    microphone: Any = field(default_factory=NoMicrophone)
    link: Link | None = None
    """Instead of the one that the settings name."""
    encoder: StaircaseEncoder = field(default_factory=StaircaseEncoder)
    decoder: StaircaseDecoder = field(default_factory=StaircaseDecoder)
    copier: PacketCopier = field(default_factory=StaircaseCopier)
    wrap: Callable[[Link], Link] = lambda link: link
    recordings: Path | None = None
    nonces: Path | None = None
    clock: Callable[[], int] = wall_clock_s
    speaks_clips: bool = True
    """Speaks a clip where it has no microphone."""

    def __post_init__(self) -> None:
        self.loudspeaker = HeardLoudspeaker()
        self.happened: list[Event] = []
        self.times: list[float] = []
        self.spoken: list[Block] = []
        self.heard: list[Block] = []
        self._more = trio.Event()
        parts = Parts(
            load_codec=lambda synth, model: StationCodec(self.encoder, self.decoder, StaircaseSynthesizer()),
            load_copier=lambda model: self.copier,
            open_link=self._open_link,
            open_sound=lambda settings: (self.microphone, self.loudspeaker),
            load_clip=lambda number: clip(2.0, seed=number),
            in_thread=lambda: at_once,
            recordings=self.recordings,
            nonces=self.nonces,
            clock=self.clock,
            on_spoken=self.spoken.append,
            on_heard=self.heard.append,
        )
        settings = replace(self.settings, clip=self.speaks_clips)
        self.engine = Engine(settings, self._note, parts)

    async def _open_link(self, address: Address, nursery: trio.Nursery, ports: ParrotPorts) -> tuple[Link, str]:
        link, who = (self.link, "") if self.link else await open_station_link(address, nursery, ports)
        return self.wrap(link), who

    def _note(self, event: Event) -> None:
        self.happened.append(event)
        self.times.append(trio.current_time())
        self._more.set()

    def only(self, *kinds: type) -> list[Any]:
        return [event for event in self.happened if isinstance(event, kinds)]

    def when(self, kind: type) -> list[float]:
        """Return the times in seconds at which the events of this kind happened."""
        return [at_s for at_s, event in zip(self.times, self.happened, strict=True) if isinstance(event, kind)]

    async def until(self, kind: type, count: int = 1, within_s: float = 60.0) -> Any:
        """Return the count-th event of this kind; wait for it if need be."""
        with trio.fail_after(within_s):
            while len(self.only(kind)) < count:
                self._more = trio.Event()
                await self._more.wait()
        return self.only(kind)[count - 1]


def clip(duration_s: float, seed: int = 1) -> np.ndarray:
    """Return a staircase that the codec above carries without loss but for rounding, float32 [n]."""
    levels = random.Random(seed).choices([-0.75, -0.5, -0.25, 0.25, 0.5, 0.75], k=round(duration_s * 100))
    return np.repeat(np.array(levels, np.float32), fmt.HOP_SAMPLES)


ADA = Settings(name="Ada", permit_tone=False, courtesy_tone=False, call_tone=False)
BOB = Settings(name="Bob", permit_tone=False, courtesy_tone=False, call_tone=False)


def pair(ada: Settings = ADA, bob: Settings = BOB, **parts: Any) -> tuple[Station, Station]:
    """Return two stations at the two ends of a perfect link; the parts are Ada's."""
    here, there = memory_pair()
    return Station(ada, link=here, **parts), Station(bob, link=there)


@asynccontextmanager
async def running(*stations: Station) -> AsyncGenerator[None, None]:
    """Run the stations, which are ready inside the context, and close them at its end."""
    async with trio.open_nursery() as nursery:
        for station in stations:
            await nursery.start(station.engine.run)
        yield
        for station in stations:
            station.engine.close()


def in_virtual_time(clock: trio.testing.MockClock, play: Callable[..., Awaitable[None]], *stations: Station) -> None:
    """Run the stations, and `play` beside them once all are ready; then close them."""

    async def main() -> None:
        async with running(*stations):
            await play(*stations)

    trio.run(main, clock=clock)
