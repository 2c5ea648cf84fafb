"""Whether bytes without a mark can be raw sound: 16-bit little-endian samples at 8 kHz."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEWEST_SAMPLES = 16
"""Samples from which on anything can be said: a packet's 32 bytes."""
LOUD = 0.4
"""Root-mean-square level, full scale 1, from which on sound is louder than any speech. Bits at random have 0.58."""
PREDICTABLE_DB = 3.0
"""Gain of linear prediction below which samples tell nothing of each other. Packets and archives have 0 to 2.5 dB,
loud speech 10 and more (measured on the bundled clips, in pieces of 128 ms)."""
PREDICTION_ORDER = 8
"""Number of samples from which the next one is predicted; fewer where there are few at all."""


def can_be_sound(octets: bytes) -> bool:
    """Tell whether bytes can be the beginning of raw sound; False where it would be noise at full volume.

    So are packets, archives, and everything else that is compressed or encrypted.
    """
    samples = np.frombuffer(octets[: len(octets) & ~1], "<i2").astype(np.float64) / 32768
    if len(samples) < FEWEST_SAMPLES or np.sqrt(np.mean(samples**2)) < LOUD:
        return True
    return prediction_gain_db(samples, min(PREDICTION_ORDER, len(samples) // 8)) >= PREDICTABLE_DB


def prediction_gain_db(samples: NDArray[np.float64], order: int) -> float:
    """Return by how many dB linear prediction from `order` samples lowers the power of float64 [n], not all of it 0.

    It is Levinson and Durbin's recursion over the autocorrelation.
    """
    correlation = np.array([np.dot(samples[: len(samples) - lag], samples[lag:]) for lag in range(order + 1)])
    error, taps = correlation[0], np.zeros(0)
    for lag in range(1, order + 1):
        reflection = (correlation[lag] - taps @ correlation[lag - 1 : 0 : -1]) / error
        taps = np.append(taps - reflection * taps[::-1], reflection)
        error *= max(1e-9, 1.0 - reflection**2)
    return float(10.0 * np.log10(correlation[0] / error))
