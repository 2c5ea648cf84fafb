"""Losses of features and of sound. Needs the extra `train`: make test-train."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from codec import format  # noqa: E402
from codec.training.losses import envelope_correlation  # noqa: E402
from codec.training.model.analysis import frame_weights  # noqa: E402
from tests.support.signals import vowel  # noqa: E402
from vocoder.training.losses.pesq import Pesq  # noqa: E402


def test_the_envelope_loss_is_0_for_the_same_and_near_1_for_another():
    """It measures correlation of envelopes, not level."""
    random = torch.Generator().manual_seed(1)
    one, two = (torch.rand(2, 128, format.BANDS, generator=random) for _ in range(2))
    assert float(envelope_correlation(one, one)) == pytest.approx(0.0, abs=1e-4)
    assert float(envelope_correlation(one, one - 0.1)) == pytest.approx(0.0, abs=1e-2)
    assert float(envelope_correlation(one, two)) > 0.8
    assert float(frame_weights(one).min()) >= 0.1


def test_perceived_loudness_forgives_what_pesq_forgives():
    """Nothing is lost by the same sound or by another volume, more by more noise; a frame that does not count costs
    nothing."""
    loudness, everything = Pesq(), torch.ones(1, 300)
    true = torch.from_numpy(vowel(130, 3.0))[None]
    hiss = 0.3 * true.std() * torch.randn(true.shape, generator=torch.Generator().manual_seed(1))
    assert loudness(true, true, everything) < 0.01
    assert loudness(true, 0.5 * true, everything) < 0.05
    little, much = (loudness(true, true + times * hiss, everything) for times in (0.3, 1.0))
    assert 0.05 < little < much < 4.5
    half = torch.cat([torch.ones(1, 150), torch.zeros(1, 150)], dim=1)
    broken = torch.cat([true[:, :12400], torch.flip(true[:, 12400:], (1,)) + hiss[:, 12400:]], dim=1)
    assert loudness(true, broken, half) < 0.3 * loudness(true, broken, everything)
