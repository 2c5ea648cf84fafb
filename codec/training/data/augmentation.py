"""Changes of clean speech: those of a real microphone, line and room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codec import format

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Augmentation:
    """Probabilities, for each segment, and ranges of the changes."""

    level_low_db: float = -24.0
    """Lower end of the change of level, in dB, which is uniform between both ends."""
    level_high_db: float = 9.0
    """Upper end of the change of level, in dB."""
    speed: float = 0.5
    """Probability that a segment is played faster or slower, which makes new voices."""
    slowest: float = 0.87
    """Smallest factor of the speed."""
    fastest: float = 1.15
    """Largest factor of the speed; a fast adult has the formants of a child."""
    noise: float = 0.35
    """Probability of noise on the input; the target stays clean."""
    snr_low_db: float = 3.0
    """Lowest ratio of signal to noise, in dB."""
    snr_high_db: float = 30.0
    """Highest ratio of signal to noise, in dB."""
    colour: float = 0.4
    """Probability of another microphone (band edges and a tilt), on input and target."""
    echo: float = 0.15
    """Probability of a room on the input; the target stays dry."""


def coloured_noise(random: np.random.Generator, length: int) -> Array:
    """Return noise of variance 1, float32 [length]: a slope from white to brown, and sometimes mains hum."""
    spectrum = np.fft.rfft(random.standard_normal(length))
    hz = np.maximum(np.fft.rfftfreq(length, 1 / format.SAMPLE_RATE_HZ), 30.0)
    noise = np.fft.irfft(spectrum * (hz / 1000.0) ** -random.uniform(0.0, 1.0), length)
    noise /= noise.std() + 1e-9
    if random.random() < 0.25:
        mains = random.choice([50.0, 60.0]) * np.arange(1, 8)[:, None]
        time = np.arange(length) / format.SAMPLE_RATE_HZ
        phases, strengths = random.uniform(0, 2 * np.pi, (7, 1)), random.uniform(0, 1, (7, 1))
        hum = (strengths * np.sin(2 * np.pi * mains * time + phases)).sum(0)
        noise = 0.5 * noise + hum / (hum.std() + 1e-9)
        noise /= noise.std() + 1e-9
    return noise.astype(np.float32)


def coloured(random: np.random.Generator, audio: Array) -> Array:
    """Return the sound through another microphone and line, float32 of the same length.

    Its band edges are at 60-300 and 3300-3950 Hz, its tilt is up to 4 dB an octave round 1 kHz.
    """
    spectrum = np.fft.rfft(audio)
    hz = np.fft.rfftfreq(len(audio), 1 / format.SAMPLE_RATE_HZ)
    low, high = random.uniform(60, 300), random.uniform(3300, 3950)
    octaves = np.log2(np.maximum(hz, 60.0) / 1000.0)
    shape = 10.0 ** (random.uniform(-4, 4) * octaves / 20.0)
    shape /= np.sqrt(1.0 + (low / np.maximum(hz, 1.0)) ** 6) * np.sqrt(1.0 + (hz / high) ** 40)
    return np.fft.irfft(spectrum * shape, len(audio)).astype(np.float32)


def echoed(random: np.random.Generator, audio: Array) -> Array:
    """Return the sound in a small room, float32 of the same length: direct sound and a decaying tail of 0.1-0.4 s."""
    length = int(random.uniform(0.1, 0.4) * format.SAMPLE_RATE_HZ)
    tail = random.standard_normal(length) * 10.0 ** (-3.0 * np.arange(length) / length)
    tail *= random.uniform(0.1, 0.5) / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    size = 1 << (len(audio) + length).bit_length()
    return np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(tail, size), size)[: len(audio)].astype(np.float32)
