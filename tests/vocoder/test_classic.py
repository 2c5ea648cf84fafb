"""The synthesiser without a network."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from codec import features, format
from vocoder.classic import ClassicSynthesizer


def test_the_classic_synthesiser_needs_no_onnxruntime():
    """What is left on a device without it: numpy alone."""
    program = "import sys; import vocoder.classic as c; c.ClassicSynthesizer(); print('onnxruntime' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "False" == result.stdout.strip()
    assert ClassicSynthesizer().synthesize(np.zeros((32, 42), np.float32)).dtype == np.float32


def test_bands_are_taken_back_towards_their_mean():
    """Since the decoder spreads them for the network: of 10 dB between lower and upper bands 8.2 are heard.

    As they are, 9.3 dB would be: what leaks over from a loud band takes the rest.
    """
    table = np.zeros((format.PACKET_FRAMES, format.FEATURES), np.float32)  # voiceless
    table[:, format.BANDS_SLICE] = np.repeat([0.6, 0.5], format.BANDS // 2)
    synthesiser = ClassicSynthesizer()
    sound = np.concatenate([synthesiser.synthesize(table) for _ in range(8)])
    heard = features.band_energies(features.power_spectrum(features.frames_of(sound)))[40:].mean(axis=0)
    lower, upper = heard[2:18].mean(), heard[22:38].mean()  # but for the bands at the edges of both
    assert 100 * (lower - upper) == pytest.approx(8.2, abs=0.4)
