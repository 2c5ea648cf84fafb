"""Tiny networks for the tests of training, which alone have PyTorch."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from codec.training.model.network import CodecConfig

CODEC = CodecConfig(
    frame_channels=16,
    latent_channels=24,
    encoder_frame_blocks=1,
    encoder_latent_blocks=1,
    decoder_latent_blocks=1,
    decoder_frame_blocks=1,
)
"""The codec of `tests.support.training.RECIPE`."""


def shaken(network: nn.Module) -> nn.Module:
    """Move every weight, bias and scale away from where training begins, so that none can be forgotten unnoticed."""
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=random)
    return network.eval()


def streamed(graph: nn.Module, *inputs: Tensor) -> Tensor:
    """Return the graph's first output, packet by packet, [packets, ...]; each input is [packets, 1, ...]."""
    state, made = torch.zeros(1, graph.state_size()), []
    for packet in zip(*inputs, strict=True):
        output, *_, state = graph(*packet, state)
        made.append(output[0])
    return torch.stack(made)


def assert_same_run(one: Path, two: Path, noise: float = 0.01) -> None:
    """Assert that two runs have come to the same weights, moments of the gradient, and losses.

    noise: largest distance between weights, over the distance that they have moved from their average. AdamW takes a
    whole step where the gradient is as good as nothing, and there the last bit decides about its direction.
    """
    first, second = (load_file(folder / "checkpoint.safetensors") for folder in (one, two))
    assert first.keys() == second.keys()
    for name in first:
        a, b = first[name].float(), second[name].float()
        kind, _, weight = name.partition(".")
        if kind == "opt":
            assert float((a - b).norm()) <= (2e-2 if name.endswith(".v") else 1e-2) * float(a.norm()) + 1e-9, name
        elif kind in ("now", "avg"):
            moved = first[f"now.{weight}"].float() - first[f"avg.{weight}"].float()
            assert float((a - b).norm()) <= noise * float(moved.norm()) + 1e-7, name
        else:
            assert float((a - b).abs().mean()) <= 5e-6, name
    rows = [list(csv.DictReader((folder / "log.csv").open())) for folder in (one, two)]
    for a, b in zip(*rows, strict=True):
        assert a.keys() == b.keys()
        for name in (name for name in a if name.startswith("train_")):  # what is rounded to bits may tip over
            assert float(a[name]) == pytest.approx(float(b[name]), rel=2e-3, abs=2e-3), name
