"""Finding a codec's delay, so that decoded and original are compared on the same samples.

Vocoders keep no waveform, so what is correlated is how the energy moves in time, in several bands at once: the
power of each 4 ms window every 1 ms, to the 0.3rd power (nearly loudness, so that one loud vowel does not decide),
without its mean.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from codec.format import SAMPLE_RATE_HZ

STEP_SAMPLES = SAMPLE_RATE_HZ // 1000
WINDOW_SAMPLES = 4 * STEP_SAMPLES
BAND_EDGES_HZ = (0, 600, 1300, 2200, 4000)
MAX_DELAY_S = 0.15


def band_envelopes(samples: np.ndarray) -> np.ndarray:
    """Return float [bands, steps of 1 ms]: compressed power of each band, mean-free. samples: [n], any scale."""
    signal = np.asarray(samples, np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(signal, WINDOW_SAMPLES // 2), WINDOW_SAMPLES)
    power = np.abs(np.fft.rfft(windows[::STEP_SAMPLES] * np.hanning(WINDOW_SAMPLES), 4 * WINDOW_SAMPLES)) ** 2
    bins_hz = np.fft.rfftfreq(4 * WINDOW_SAMPLES, 1 / SAMPLE_RATE_HZ)
    masks = [(bins_hz >= low) & (bins_hz < high) for low, high in pairwise(BAND_EDGES_HZ)]
    bands = np.stack([power[:, mask].sum(axis=1) for mask in masks])
    loudness = bands**0.3
    return loudness - loudness.mean(axis=1, keepdims=True)


def find_delay(original: np.ndarray, decoded: np.ndarray, max_delay_s: float = MAX_DELAY_S) -> int:
    """Return the samples by which `decoded` lags `original` (negative: leads), to about 0.25 ms.

    The peak of the summed cross-correlation of the envelopes, refined with a parabola through its neighbours.
    """
    left, right = band_envelopes(original), band_envelopes(decoded)
    scale = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    size = left.shape[1] + right.shape[1]
    spectrum = np.conj(np.fft.rfft(left, size)) * np.fft.rfft(right, size) / np.maximum(scale, 1e-12)[:, None]
    correlation = np.fft.irfft(spectrum.sum(axis=0), size)
    reach = round(max_delay_s * 1000)
    lags = np.arange(-reach, reach + 1)
    values = correlation[lags]  # negative lags sit at the end, as negative indices do
    peak = int(np.argmax(values))
    offset = 0.0
    if 0 < peak < len(values) - 1:
        before, at, after = values[peak - 1 : peak + 2]
        curvature = before - 2 * at + after
        offset = 0.5 * (before - after) / curvature if curvature < 0 else 0.0
    return round((lags[peak] + offset) * STEP_SAMPLES)


def shifted(decoded: np.ndarray, delay: int, count: int) -> np.ndarray:
    """Return `count` samples of `decoded` from `delay` on; zeros where it has none."""
    result = np.zeros(count, decoded.dtype)
    source = decoded[max(delay, 0) : max(delay + count, 0)]
    start = max(-delay, 0)
    part = source[: count - start] if start < count else source[:0]
    result[start : start + len(part)] = part
    return result
