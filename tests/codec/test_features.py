from __future__ import annotations

import numpy as np
import pytest

from codec import features, format
from tests.support.signals import vowel


def test_white_noise_reads_as_its_own_level_in_every_band():
    """Noise of -30 dBFS has -30 dB in all bands: the scale is dBFS of noise."""
    noise = (10 ** (-30 / 20) * np.random.default_rng(1).standard_normal(80_000)).astype(np.float32)
    energies = features.band_energies(features.power_spectrum(features.frames_of(noise)))
    mean = 10 * np.log10(np.mean(10 ** (features.decibels_of_energy(energies[10:]) / 10), axis=0))
    assert np.allclose(-30, mean, atol=0.6)


def test_a_tone_lands_in_the_band_of_its_frequency():
    """The loudest band is the one whose centre is nearest."""
    for hz in (300.0, 1000.0, 3000.0):
        tone = 0.1 * np.sin(2 * np.pi * hz * np.arange(4000) / 8000).astype(np.float32)
        energies = features.band_energies(features.power_spectrum(features.frames_of(tone)))[20]
        nearest = np.argmin(np.abs(features.mel_of_hz(features.band_centres_hz()) - features.mel_of_hz(hz)))
        assert nearest == np.argmax(energies)


def test_silence_and_full_scale_stay_in_range():
    """0 for digital silence, at most 1 for a full-scale square wave."""
    square = np.sign(np.sin(2 * np.pi * 200 * np.arange(8000) / 8000)).astype(np.float32)
    for sound in (np.zeros(8000, np.float32), square):
        energies = features.band_energies(features.power_spectrum(features.frames_of(sound)))
        assert 0.0 <= energies.min() and energies.max() <= 1.0
    assert (features.band_energies(np.zeros((1, features.BINS), np.float32)) < 0.1).all()


@pytest.mark.parametrize("f0_hz", [100.0, 125.0, 220.0, 400.0])
def test_the_lag_matrix_peaks_at_the_period(f0_hz):
    """The normalised autocorrelation of a buzz is near 1 at its period."""
    power = features.power_spectrum(features.frames_of(vowel(f0_hz, 0.5)))[20]
    periodicity = features.lag_matrix() @ power / (features.energy_row() @ power)
    period = round(8000 / f0_hz)
    assert periodicity[period - features.LAG_LOW] == pytest.approx(1.0, abs=0.05)
    assert periodicity[round(1.5 * period) - features.LAG_LOW] < 0.5


def test_f0_survives_its_feature():
    """Hz to 0..1 and back, with the ends of the scale where the format says."""
    hz = np.array([55, 100, 220, 550], np.float32)
    assert np.allclose(hz, features.f0_of_feature(features.feature_of_f0(hz)), rtol=1e-5)
    assert [0.0, 1.0] == features.feature_of_f0(np.array([20, 2000], np.float32)).tolist()


def test_unvoiced_frames_carry_an_interpolated_pitch():
    """The contour has no jump where the voice stops."""
    f0 = np.array([0, 100, 0, 0, 100, 0], np.float32)
    table = features.assemble(f0, np.zeros((6, format.BANDS), np.float32))
    assert np.allclose(table[1, 0], table[:, 0])
    assert [0, 1, 0, 0, 1, 0] == table[:, 1].tolist()
