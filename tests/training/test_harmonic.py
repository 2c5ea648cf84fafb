"""The vocoder's network before it has learned anything. Needs the extra `train`: make test-train."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from codec import features  # noqa: E402
from tests.support.signals import f0_by_autocorrelation, vowel  # noqa: E402
from vocoder import pulse_source as source  # noqa: E402
from vocoder.classic import ClassicSynthesizer  # noqa: E402
from vocoder.training.model.config import VocoderConfig  # noqa: E402
from vocoder.training.model.harmonic import Vocoder, pulse_train  # noqa: E402


def test_the_pulse_train_is_that_of_the_plain_synthesiser():
    """Two implementations of one formula: float32 with a phase per frame, float64 with a running sum."""
    f0 = 100 + 60 * np.sin(np.arange(320) / 20)
    torch_train, _ = pulse_train(torch.from_numpy(f0)[None].float(), torch.zeros(1, 1), torch.zeros(1, 1))
    plain = ClassicSynthesizer()._pulse_train(f0.astype(np.float32))
    assert np.corrcoef(torch_train[0].numpy(), plain)[0, 1] > 0.999
    assert float(torch_train.var()) == pytest.approx(0.95, abs=0.05)  # 3800 of 4000 Hz at density 1


def test_an_untrained_vocoder_is_a_channel_vocoder():
    """Before anything is learned, level and pitch are those of the features."""
    voice = Vocoder(VocoderConfig(channels=16, blocks=1)).eval()
    sound = vowel(120, 1.28)
    energies = features.band_energies(features.power_spectrum(features.frames_of(sound)))
    table = torch.from_numpy(features.assemble(np.full(len(energies), 120.0, np.float32), energies))[None]
    with torch.no_grad():
        made = voice(table, torch.randn(1, 240 + len(sound)))[0].numpy()
    assert f0_by_autocorrelation(made[2000:]) == pytest.approx(120, rel=0.02)
    assert 10 * np.log10(made[2000:].var() / sound[2000:].var()) == pytest.approx(0, abs=5)
    assert source.BINS == 161
