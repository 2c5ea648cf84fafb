"""Signals for the tests of codec and vocoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from codec import format
from codec.encoder import PacketAssembler, PacketEncoder
from codec.models import asset_path

Array = NDArray[np.float32]
FIXTURES = Path(__file__).parents[1] / "fixtures"


def clips(folder: str = "clips") -> list[Array]:
    """Return the speech bundled in a folder of assets/, float32 [n] at 8 kHz each."""
    found = []
    for path in sorted(Path(str(asset_path(folder))).glob("*.flac")):
        samples, rate = soundfile.read(path, dtype="float32")
        assert rate == format.SAMPLE_RATE_HZ
        found.append(samples)
    return found


def clip() -> Array:
    """Return the first bundled clip."""
    return clips()[0]


def energy_envelope(sound: Array) -> Array:
    """Return the normalised energy in blocks of 2 ms, without its mean: float32 [n] -> [n // 16]."""
    power = (sound[: len(sound) // 16 * 16].reshape(-1, 16) ** 2).mean(1)
    power = power - power.mean()
    return np.asarray(power / np.linalg.norm(power), np.float32)


def vowel(f0_hz: float, seconds: float, level: float = 0.1) -> Array:
    """Return a buzz of all harmonics up to 3.5 kHz, float32 [n], of the given root-mean-square level."""
    time = np.arange(int(seconds * format.SAMPLE_RATE_HZ)) / format.SAMPLE_RATE_HZ
    harmonics = np.arange(1, int(3500 / f0_hz) + 1)[:, None]
    sound = (np.cos(2 * np.pi * f0_hz * harmonics * time) / harmonics).sum(0)
    return (level * sound / sound.std()).astype(np.float32)


def encode_all(samples: Array, encoder: PacketEncoder) -> bytes:
    """Return the content of a .g800 file for a recording float32 [n]: 32 * ceil(n / 2560) bytes."""
    assembler = PacketAssembler(encoder)
    assembler.reset()
    return b"".join([*assembler.push(samples), *assembler.flush()])


def packets_of(content: bytes) -> list[bytes]:
    """Return the content of a .g800 file, cut into packets."""
    return [content[start : start + format.PACKET_BYTES] for start in range(0, len(content), format.PACKET_BYTES)]


def f0_by_autocorrelation(sound: Array) -> float:
    """Return F0 in Hz of the whole of a steady sound, 60..450."""
    spectrum = np.fft.rfft(sound, 2 * len(sound))
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)
    lags = np.arange(int(8000 / 450), int(8000 / 60))
    near_best = lags[correlation[lags] > 0.93 * correlation[lags].max()]  # a multiple of the period is as good
    best = near_best[0] + np.argmax(correlation[near_best[0] : near_best[0] + 10])
    left, middle, right = correlation[best - 1 : best + 2]
    return float(format.SAMPLE_RATE_HZ / (best + 0.5 * (left - right) / (left - 2 * middle + right)))


def level_db(sound: Array) -> float:
    """Return the root-mean-square level in dBFS."""
    return float(10 * np.log10(np.mean(sound.astype(np.float64) ** 2) + 1e-12))


def noise(seed: int, level: float, power: float, seconds: float = 8.0) -> np.ndarray:
    """Return noise, float32 [n]; power: 0 white, 0.5 pink."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(round(seconds * format.SAMPLE_RATE_HZ)))
    shaped = np.fft.irfft(spectrum / np.maximum(1, np.arange(len(spectrum))) ** power)
    return (level * shaped / shaped.std()).astype(np.float32)
