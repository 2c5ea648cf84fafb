"""The one feature extractor: what training, tests, benchmarks and the exported encoder all compute.

Letters: N frames, B mel bands (40), K bins of the 512-point spectrum (257), L pitch lags (128).

A frame is 320 samples under a periodic Hann window w, zero-padded to 512. With P[k] = |X[k]|^2 / sum(w^2), white noise
of variance s^2 has P = s^2, so band energies in dB read as dBFS of noise. The exported graphs hold the same matrices.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codec import format

Array = NDArray[np.float32]

FFT_SIZE = 512
BINS = FFT_SIZE // 2 + 1
LAG_LOW = 14
"""Shortest pitch lag in samples: 571 Hz."""
LAGS = 128
"""Lags 14..141 samples: 571 to 57 Hz."""
POWER_FLOOR = 1e-9


def window() -> Array:
    """Return the periodic Hann window, float32 [320]."""
    n = np.arange(format.WINDOW_SAMPLES)
    return (0.5 - 0.5 * np.cos(2 * np.pi * n / format.WINDOW_SAMPLES)).astype(np.float32)


def mel_of_hz(hz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return O'Shaughnessy's mel scale of a frequency in Hz: 2595 log10(1 + f / 700)."""
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(hz, dtype=np.float64) / 700.0))


def hz_of_mel(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the frequency in Hz of a place on the mel scale: the inverse of `mel_of_hz`."""
    return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))


def band_centres_hz() -> NDArray[np.float64]:
    """Return the centre of each mel band in Hz, float64 [B]: evenly spaced on the mel scale."""
    edges = np.linspace(mel_of_hz(format.BAND_LOW_HZ), mel_of_hz(format.BAND_HIGH_HZ), format.BANDS + 2)
    return hz_of_mel(edges[1:-1])


def mel_matrix() -> Array:
    """Return triangular weights, float32 [B, K], each row summing to 1, so that a band is a mean power."""
    edges = hz_of_mel(np.linspace(mel_of_hz(format.BAND_LOW_HZ), mel_of_hz(format.BAND_HIGH_HZ), format.BANDS + 2))
    bins_hz = np.arange(BINS) * format.SAMPLE_RATE_HZ / FFT_SIZE
    rising = (bins_hz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins_hz) / (edges[2:] - edges[1:-1])[:, None]
    weights = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))


def lag_matrix() -> Array:
    """Return the matrix float32 [L, K] from power spectrum to autocorrelation at the pitch lags, over the window's own.

    With r0 = lag 0 of the same sum, `lag_matrix() @ P / r0` is 1 for a perfectly periodic signal at its period.
    """
    lags = LAG_LOW + np.arange(LAGS)
    bins = np.arange(BINS)
    fold = np.where((bins == 0) | (bins == BINS - 1), 1.0, 2.0) / FFT_SIZE
    cosines = fold * np.cos(2 * np.pi * lags[:, None] * bins / FFT_SIZE)
    w = window().astype(np.float64)
    own = np.array([np.dot(w[:-lag], w[lag:]) for lag in lags]) / np.dot(w, w)
    return np.asarray((cosines / own[:, None]).astype(np.float32))


def energy_row() -> Array:
    """Return weights float32 [K] whose product with P is the autocorrelation at lag 0, the mean power of the frame."""
    fold = np.full(BINS, 2.0 / FFT_SIZE)
    fold[[0, -1]] = 1.0 / FFT_SIZE
    return fold.astype(np.float32)


def frames_of(samples: Array) -> Array:
    """Return the frames of a signal float32 [n] that silence precedes: float32 [n // 80, 320].

    Frame i ends at sample 80 i + 80.
    """
    count = len(samples) // format.HOP_SAMPLES
    padded = np.concatenate([np.zeros(format.DELAY_SAMPLES, np.float32), samples.astype(np.float32)])
    starts = np.arange(count)[:, None] * format.HOP_SAMPLES
    return np.asarray(padded[starts + np.arange(format.WINDOW_SAMPLES)])


def power_spectrum(frames: Array) -> Array:
    """Return the power per bin over sum(w^2), float32 [N, K], of frames float32 [N, 320]."""
    w = window()
    spectrum = np.fft.rfft(frames * w, n=FFT_SIZE)
    return np.asarray((np.abs(spectrum) ** 2 / np.dot(w, w)).astype(np.float32))


def band_energies(power: Array) -> Array:
    """Return the mean band power of spectra float32 [N, K]: float32 [N, B], where 0..1 is -85..+15 dB, clipped."""
    decibels = 10.0 * np.log10(power @ mel_matrix().T + POWER_FLOOR)
    span = format.BAND_HIGH_DB - format.BAND_LOW_DB
    return np.asarray(np.clip((decibels - format.BAND_LOW_DB) / span, 0.0, 1.0).astype(np.float32))


def decibels_of_energy(energy: Array) -> Array:
    """Return the mean band power in dB of a feature value 0..1."""
    return format.BAND_LOW_DB + (format.BAND_HIGH_DB - format.BAND_LOW_DB) * energy


def feature_of_f0(f0_hz: Array) -> Array:
    """Return the feature value 0..1 of F0 in Hz; values outside 55..550 Hz are clipped."""
    octaves = np.log2(np.maximum(f0_hz, 1.0) / format.F0_LOW_HZ)
    return np.asarray(np.clip(octaves / np.log2(format.F0_HIGH_HZ / format.F0_LOW_HZ), 0.0, 1.0).astype(np.float32))


def f0_of_feature(feature: Array) -> Array:
    """Return F0 in Hz, 55..550, of a feature value 0..1."""
    return (format.F0_LOW_HZ * (format.F0_HIGH_HZ / format.F0_LOW_HZ) ** feature).astype(np.float32)


def assemble(f0_hz: Array, energies: Array) -> Array:
    """Return true features, float32 [N, 42], of F0 in Hz (0 = unvoiced) [N] and band energies [N, B].

    Unvoiced frames carry an interpolated F0, so that the pitch contour has no jumps for a network to learn.
    """
    voiced = f0_hz > 0
    contour = feature_of_f0(f0_hz)
    if voiced.any():
        places = np.flatnonzero(voiced)
        contour = np.interp(np.arange(len(f0_hz)), places, contour[places]).astype(np.float32)
    else:
        contour = feature_of_f0(np.full(len(f0_hz), 120.0, np.float32))
    return np.concatenate([contour[:, None], voiced[:, None].astype(np.float32), energies], axis=1)
