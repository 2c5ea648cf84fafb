"""Loudness of sound: decibels of full scale, and a meter that reports levels ten times a second."""

from __future__ import annotations

import numpy as np

from app.audio.devices import Block
from app.events import QUIET_DB, Device, Level
from codec.format import SAMPLE_RATE_HZ

METER_S = 0.1
"""Seconds of sound that one Level event sums up."""
CLIPPED = 0.999
"""Amplitude from which a sample counts as cut off at full scale."""


def decibels(amplitude: float) -> float:
    """Return an amplitude, 0..1, in dB of full scale, at least QUIET_DB."""
    return max(QUIET_DB, 20.0 * float(np.log10(max(amplitude, 1e-9))))


def amplitude(level_db: float) -> float:
    """Return the amplitude, 0..1, of a level in dB of full scale."""
    return float(10.0 ** (level_db / 20.0))


class LevelMeter:
    """A level meter: takes blocks of any length and gives a Level for every METER_S of them."""

    def __init__(self, device: Device) -> None:
        self._device: Device = device
        self._samples = 0
        self._energy = 0.0
        self._peak = 0.0

    def push(self, block: Block) -> Level | None:
        """Take float32 [n], not clipped yet; return the Level when METER_S of sound has come since the last one."""
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
