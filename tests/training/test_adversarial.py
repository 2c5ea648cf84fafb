"""Discriminators, and what the vocoder learns from them. Needs the extra `train`: make test-train."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from codec.training.loop.config import Schedule  # noqa: E402
from codec.training.loop.distributed import ALONE  # noqa: E402
from vocoder.training.losses.adversarial import Adversary, AdversaryConfig  # noqa: E402
from vocoder.training.losses.discriminators import Discriminators  # noqa: E402


def test_the_discriminators_are_the_papers():
    """With 32 channels: five of 8.2 million values each for periods (2, 3, 5, 7, 11), three for scales, 70.7 million
    in all, as published; each tells of every layer."""
    network = Discriminators(32, (2, 3, 5, 7, 11), 3)
    count = sum(p.numel() for p in network.parameters())
    assert 70.7e6 == pytest.approx(count, rel=2e-3)
    small = Discriminators(2, (2, 3), 2)(torch.randn(2, 2001))
    assert [6, 6, 8, 8] == [len(layers) for _, layers in small]
    assert all(2 == len(judgement) for judgement, _ in small)


def test_discriminators_learn_and_the_vocoder_learns_from_them():
    """They come to tell a buzz from hiss, and then their gradient makes hiss less easy to tell."""
    torch.manual_seed(3)
    config = AdversaryConfig(1.0, 1.0, samples=2560, channels=2, periods=(2, 3), scales=1, learning_rate=2e-3)
    adversary = Adversary(config, Schedule(steps=100, warmup_steps=1), ALONE)
    generator = torch.Generator().manual_seed(1)
    time = torch.arange(4000) / 8000
    true = torch.stack([(torch.sin(2 * torch.pi * hz * time) > 0.8).float() for hz in (110.0, 140.0)])
    made = (0.3 * torch.randn(2, 4000)).requires_grad_()
    first = adversary(true, made, 0, generator)
    for step in range(1, 25):
        last = adversary(true, made, step, generator)
    assert float(last["discriminators"]) < 0.7 * float(first["discriminators"])
    assert not last["discriminators"].requires_grad
    (last["fooled"] + last["matched"]).backward()
    assert float(made.grad.abs().sum()) > 0
    assert all(p.requires_grad and p.grad is not None for p in adversary.network.parameters())
    assert not any(adversary(true, made, -1, generator).values())


def test_discriminators_of_spectra_learn_at_the_level_of_the_sound():
    """They tell a buzz from hiss, look through each window, and do not mind how loud both are."""
    judgements = Discriminators(3, (), 0, (96, 256))(torch.randn(2, 2000))
    assert [6, 6] == [len(layers) for _, layers in judgements]
    losses = []
    for volume in (1.0, 0.1):
        torch.manual_seed(3)
        config = AdversaryConfig(
            1.0, 1.0, samples=2560, channels=4, periods=(), scales=0, windows=(96, 256), learning_rate=2e-3
        )
        adversary = Adversary(config, Schedule(steps=100, warmup_steps=1), ALONE)
        generator = torch.Generator().manual_seed(1)
        time = torch.arange(4000) / 8000
        true = volume * torch.stack([(torch.sin(2 * torch.pi * hz * time) > 0.8).float() for hz in (110.0, 140.0)])
        made = (volume * 0.3 * torch.randn(2, 4000)).requires_grad_()
        found = [adversary(true, made, step, generator) for step in range(20)]
        assert float(found[-1]["discriminators"]) < 0.7 * float(found[0]["discriminators"])
        (found[-1]["fooled"] + found[-1]["matched"]).backward()
        assert torch.isfinite(made.grad).all() and float(made.grad.abs().sum()) > 0
        losses.append([float(each["discriminators"]) for each in found])
    assert losses[0] == pytest.approx(losses[1], rel=0.05, abs=0.02)
