"""Constants and formulas of the harmonic-plus-noise source, shared by the network's graph and the plain synthesiser."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codec import features, format

Array = NDArray[np.float32]

BINS = format.WINDOW_SAMPLES // 2 + 1
"""Bins of the 320-point transform: 161, 25 Hz apart."""
HARMONIC_LIMIT_HZ = 3800.0
"""Highest frequency of a harmonic."""
FLAT_HZ = 2000.0
"""Fundamental frequency at which a sum of unit cosines has the mean power density of white noise of variance 1: scaled
by sqrt(f0 / 2000) it has that at any f0. Each cosine has power 1/2, one every f0 Hz, against 1 over 4000 Hz."""
NOISE_SAMPLES = 32000
"""Length of the fixed noise table: 4 s, a whole number of frames."""


def window() -> Array:
    """Return the square root of the periodic Hann window, float32 [320], for analysis and synthesis.

    With hop 80 the squares of the overlapping windows sum to 2.
    """
    return np.sqrt(features.window())


def envelope_matrix() -> Array:
    """Return the matrix float32 [40, 161] from band energies in dB to bins in dB.

    Between band centres it is linear on the mel scale.
    """
    centres = features.mel_of_hz(features.band_centres_hz())
    bins = features.mel_of_hz(np.arange(BINS) * format.SAMPLE_RATE_HZ / format.WINDOW_SAMPLES)
    return np.stack([np.interp(bins, centres, row) for row in np.eye(format.BANDS)]).astype(np.float32)


def noise_table() -> Array:
    """Return white noise of variance 1, float32 [32000], always the same."""
    return np.random.default_rng(800).standard_normal(NOISE_SAMPLES).astype(np.float32)
