"""A pitch tracker in numpy, for pictures and comparisons on machines without Praat; the codec itself uses none.

Peaks of the normalised autocorrelation (codec/features.py has the matrix) compete in every frame, among them
"unvoiced"; the cheapest path through them wins. Source of the method and of the costs: Boersma, "Accurate short-term
analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound", IFA Proceedings 17, 1993.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from codec import features, format

CANDIDATES = 4
"""Peaks that compete in a frame."""
VOICING_THRESHOLD = 0.45
"""Below this peak a frame is unvoiced, all else being equal."""
SILENCE_SHARE = 0.03
"""Of the loudest frame's amplitude: a quieter one is hardly voiced."""
OCTAVE_COST, OCTAVE_JUMP_COST, VOICING_COST = 0.03, 0.35, 0.14
"""The first is Boersma's times three: at 8 kHz a parabola finds the peaks of high voices too low."""
CEILING_HZ = 500.0
UNVOICED = 0.0


@lru_cache(maxsize=4)
def _tracked(content: bytes) -> NDArray[np.float32]:
    return track(np.frombuffer(content, np.float32))


def track_again(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """`track(samples)`, remembered for the last few sounds: several figures and a picture ask for the same one."""
    return _tracked(samples.astype(np.float32).tobytes())


def track(samples: NDArray[np.floating], lead_samples: int = 0) -> NDArray[np.float32]:
    """float [n], 8 kHz -> float32 [n // 80]: F0 in Hz around sample 80 i - 80 + lead_samples, 0 where unvoiced."""
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
    """[N, lags] -> F0 in Hz and strength, [N, CANDIDATES] each; where there are fewer peaks, strength is -inf."""
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
    """Viterbi: [N, C] each, candidate 0 is "unvoiced" -> Hz [N]."""
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
