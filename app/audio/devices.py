"""What the engine takes for a microphone and a loudspeaker, and the small pieces of signal work around them.

Blocks are float32 [n], mono, 8 kHz, -1..1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import trio

from app.events import QUIET_DB, Device, DeviceProblem, DeviceReady, Level
from codec.format import SAMPLE_RATE_HZ

BLOCK_SAMPLES = 160
"""20 ms: what microphones deliver at a time."""
BLOCK_S = BLOCK_SAMPLES / SAMPLE_RATE_HZ
METER_S = 0.1
"""Level events come this often."""
CLIPPED = 0.999
"""A sample this near to full scale was cut off."""

Block = np.ndarray
DeviceReport = Callable[[DeviceReady | DeviceProblem], None]


class Microphone(Protocol):
    """A source of sound, in real time."""

    @property
    def latency_s(self) -> float:
        """How old a sound is when its block is delivered."""
        ...

    @property
    def working(self) -> bool:
        """Blocks are coming."""
        ...

    async def run(self, deliver: Callable[[Block], None], report: DeviceReport) -> None:
        """Delivers blocks in the trio thread until cancelled; reports what happens to the device and survives it."""
        ...

    def choose(self, name: str | None) -> None:
        """Switches to another device."""
        ...


class Loudspeaker(Protocol):
    """A sink for sound, played in real time in the order given."""

    @property
    def latency_s(self) -> float:
        """How long after its turn a sample is heard."""
        ...

    @property
    def queued_s(self) -> float:
        """Sound given and not played yet."""
        ...

    async def run(self, report: DeviceReport) -> None:
        """Keeps the device open until cancelled; reports what happens to it and survives it."""
        ...

    def play(self, samples: Block) -> None:
        """Queues behind what is queued. Never blocks; without a device the sound is dropped at the pace of time."""
        ...

    def hush(self) -> None:
        """Drops what is queued."""
        ...

    def choose(self, name: str | None) -> None:
        """Switches to another device."""
        ...


class NoMicrophone:
    """For stations that only listen, or speak from a file."""

    latency_s = 0.0
    working = False

    async def run(self, deliver: Callable[[Block], None], report: DeviceReport) -> None:
        await trio.sleep_forever()

    def choose(self, name: str | None) -> None:
        """There is none to choose."""


class NoLoudspeaker:
    """For stations whose sound goes to a file, or nowhere."""

    latency_s = 0.0

    def __init__(self) -> None:
        self._silent_at = -1.0

    @property
    def queued_s(self) -> float:
        return max(0.0, self._silent_at - trio.current_time())

    async def run(self, report: DeviceReport) -> None:
        await trio.sleep_forever()

    def play(self, samples: Block) -> None:
        self._silent_at = max(self._silent_at, trio.current_time()) + len(samples) / SAMPLE_RATE_HZ

    def hush(self) -> None:
        self._silent_at = -1.0

    def choose(self, name: str | None) -> None:
        """There is none to choose."""


class Meter:
    """Blocks in, a Level about every METER_S."""

    def __init__(self, device: Device) -> None:
        self._device: Device = device
        self._samples = 0
        self._energy = 0.0
        self._peak = 0.0

    def push(self, block: Block) -> Level | None:
        """block: float32 [n], before clipping."""
        if len(block):
            self._samples += len(block)
            self._energy += float(np.dot(block, block))
            self._peak = max(self._peak, float(np.abs(block).max()))
        if self._samples < METER_S * SAMPLE_RATE_HZ:
            return None
        level = Level(
            self._device, decibels((self._energy / self._samples) ** 0.5), decibels(self._peak), self._peak >= CLIPPED
        )
        self._samples, self._energy, self._peak = 0, 0.0, 0.0
        return level


def decibels(amplitude: float) -> float:
    """0..1 -> dB of full scale, not below QUIET_DB."""
    return max(QUIET_DB, 20.0 * float(np.log10(max(amplitude, 1e-9))))


def amplitude(level_db: float) -> float:
    return float(10.0 ** (level_db / 20.0))


def permit_tone() -> Block:
    """Two short rising notes at -20 dB, 110 ms: "talk now". float32 [880]"""
    return _notes((880.0, 0.05), (1320.0, 0.06))


def courtesy_tone() -> Block:
    """One short low note, 70 ms: "that was all, your turn". float32 [560]"""
    return _notes((660.0, 0.07))


def call_tone() -> Block:
    """Two notes, twice, 480 ms: "somebody calls". float32 [3840]"""
    return _notes((1046.5, 0.12), (1318.5, 0.12), (1046.5, 0.12), (1318.5, 0.12))


def _notes(*notes: tuple[float, float]) -> Block:
    """Sine tones at -20 dB one after another: frequency in Hz, duration in s. float32 [n]"""
    parts = []
    for frequency_hz, duration_s in notes:
        time_s = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        ramp = np.minimum(1.0, np.minimum(time_s, time_s[::-1]) / 0.005)  # 5 ms in and out, or it clicks
        parts.append(0.1 * ramp * np.sin(2 * np.pi * frequency_hz * time_s))
    return np.concatenate(parts).astype(np.float32)
