"""A pitch tracker in numpy, for pictures and comparisons on machines without Praat; the codec itself uses none.

In every frame the highest peaks of the normalised autocorrelation compete with each other and with "unvoiced"; the
cheapest path through all frames wins. Method and costs are from Boersma, "Accurate short-term analysis of the
fundamental frequency and the harmonics-to-noise ratio of a sampled sound", IFA Proceedings 17, 1993. The matrix that
turns power spectra into autocorrelations is in codec/features.py.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from codec import features, format

CANDIDATES = 4
"""Number of peaks that compete in a frame."""
VOICING_THRESHOLD = 0.45
"""Height of a peak below which a frame is unvoiced, all else being equal."""
SILENCE_SHARE = 0.03
"""Amplitude, as a share of the loudest frame's, below which a frame is hardly voiced."""
OCTAVE_COST, OCTAVE_JUMP_COST, VOICING_COST = 0.03, 0.35, 0.14
"""Costs of a low pitch, of a jump by an octave, and of a change between voiced and unvoiced.

The first is three times Boersma's: at 8 kHz a parabola finds the peaks of high voices too low."""
CEILING_HZ = 500.0
"""Highest pitch that is found."""
UNVOICED = 0.0
"""Value of the pitch in an unvoiced frame."""


@lru_cache(maxsize=4)
def _tracked(content: bytes) -> NDArray[np.float32]:
    return track(np.frombuffer(content, np.float32))


def track_again(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `track(samples)`, remembered for the last few sounds: several figures and a picture ask for the same."""
    return _tracked(samples.astype(np.float32).tobytes())


def track(samples: NDArray[np.floating], lead_samples: int = 0) -> NDArray[np.float32]:
    """Return the pitch of a sound, float [n] at 8 kHz: float32 [n // 80] in Hz, 0 where it is unvoiced.

    Value i is the pitch around sample 80 i - 80 + lead_samples.
    """
    sound = np.concatenate([samples[lead_samples:], np.zeros(lead_samples)]).astype(np.float32)
    if len(sound) < format.HOP_SAMPLES:
        return np.zeros(0, np.float32)
    frames = features.frames_of(sound)
    frames = frames - frames.mean(axis=1, keepdims=True)
    power = features.power_spectrum(frames)
    energy = power @ features.energy_row()
    correlation = power @ features.lag_matrix().T / np.maximum(energy, 1e-12)[:, None]
    loudness = np.sqrt(energy / max(float(energy.max()), 1e-12))
    f0, strength = _candidates(correlation)
    unvoiced = VOICING_THRESHOLD + np.maximum(0.0, 2.0 - loudness / SILENCE_SHARE * (1.0 + VOICING_THRESHOLD))
    return _best_path(np.column_stack([np.full(len(f0), UNVOICED), f0]), np.column_stack([unvoiced, strength]))


def _candidates(correlation: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return pitch in Hz and strength of the highest peaks of autocorrelations [N, lags], [N, CANDIDATES] each.

    Where there are fewer peaks, the strength is minus infinity.
    """
    left, middle, right = correlation[:, :-2], correlation[:, 1:-1], correlation[:, 2:]
    curvature = np.minimum(left - 2 * middle + right, -1e-9)
    offset = np.clip(0.5 * (right - left) / -curvature, -0.5, 0.5)
    height = np.minimum(middle + 0.25 * (right - left) * offset, 1.0)
    hz = format.SAMPLE_RATE_HZ / (features.LAG_LOW + 1 + np.arange(middle.shape[1]) + offset)
    is_peak = (middle > left) & (middle >= right) & (middle > 0) & (hz <= CEILING_HZ)
    strength = np.where(is_peak, height + OCTAVE_COST * np.log2(hz / format.F0_LOW_HZ), -np.inf)
    best = np.argsort(-strength, axis=1)[:, :CANDIDATES]
    return np.take_along_axis(hz, best, axis=1), np.take_along_axis(strength, best, axis=1)


def _best_path(hz: NDArray[np.float64], strength: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the pitch in Hz, [N], on the best path through the candidates, [N, C] each (Viterbi).

    Candidate 0 is "unvoiced".
    """
    voiced = np.arange(hz.shape[1]) > 0
    pitch = np.log2(np.maximum(hz, 1.0))
    score, back = strength[0], np.zeros(hz.shape, int)
    both = voiced[:, None] & voiced
    switch = voiced[:, None] != voiced
    for frame in range(1, len(hz)):
        jump = OCTAVE_JUMP_COST * np.abs(pitch[frame - 1][:, None] - pitch[frame])
        total = score[:, None] - np.where(both, jump, 0.0) - VOICING_COST * switch
        back[frame] = total.argmax(axis=0)
        score = total.max(axis=0) + strength[frame]
    place, path = int(score.argmax()), np.zeros(len(hz), np.float32)
    for frame in range(len(hz) - 1, -1, -1):
        path[frame] = hz[frame, place]
        place = back[frame, place]
    return path
