"""A signal that exercises everything in the graphs, made by formulas, so that no recording is needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codec import format


def synthetic_speech(length: int, seed: int) -> NDArray[np.int16]:
    """Return a signal with the ups and downs of speech, int16 [length]: gliding harmonics, formants, hiss, pauses."""
    random = np.random.default_rng(seed)
    time = np.arange(length) / format.SAMPLE_RATE_HZ
    f0 = 130.0 * 2 ** (0.4 * np.sin(2 * np.pi * 0.6 * time) + 0.2 * np.sin(2 * np.pi * 1.7 * time))
    phase = 2 * np.pi * np.cumsum(f0) / format.SAMPLE_RATE_HZ
    first, second = 500 + 250 * np.sin(2 * np.pi * 1.1 * time), 1500 + 600 * np.sin(2 * np.pi * 0.7 * time + 1)
    voice = np.zeros(length)
    for k in range(1, 28):
        hz = k * f0
        gain = 1 / (1 + ((hz - first) / 120) ** 2) + 0.4 / (1 + ((hz - second) / 160) ** 2) + 0.003
        voice += np.where(hz < 3800, gain * np.cos(k * phase), 0.0)
    hiss = np.diff(random.standard_normal(length + 1))
    speaking = 0.5 + 0.5 * np.tanh(4 * np.sin(2 * np.pi * 2.3 * time))
    hissing = 0.5 + 0.5 * np.tanh(6 * (np.sin(2 * np.pi * 0.9 * time + 2) - 0.8))
    sound = speaking * (0.2 * (1 - hissing) * voice + 0.05 * hissing * hiss) + 1e-3 * random.standard_normal(length)
    sound *= 0.2 + 0.8 * (np.sin(2 * np.pi * 0.11 * time) > -0.8)
    return np.asarray(np.clip(np.round(sound * 16000), -32768, 32767).astype(np.int16))
