"""Correction of the second half of a latent's values by what rounding took from the first. Letters: C channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codec import format

FIRST_VALUES = format.LATENT_DIMENSIONS // 2
"""Number of a latent's values that are rounded first (`Remainder`)."""


def nearest_level(latents: Tensor) -> Tensor:
    """Return the nearest of -1.5, -0.5, 0.5, 1.5 for values in (-2, 2)."""
    return (torch.floor(latents) + 0.5).clamp(-1.5, 1.5)


class Remainder(nn.Module):
    """A correction of the second half of each latent's values by the rounding error of the first half.

    So the second half can make up for what the first half lost. It starts as zeros.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.gather = nn.Linear(format.LATENTS * (channels + FIRST_VALUES), hidden)
        self.activation = nn.GELU()
        self.spread = nn.Linear(hidden, format.LATENTS * (format.LATENT_DIMENSIONS - FIRST_VALUES))
        nn.init.zeros_(self.spread.weight)
        nn.init.zeros_(self.spread.bias)

    def forward(self, x: Tensor, raw: Tensor) -> Tensor:
        """Return values before tanh [..., 8, 16] with the second half changed, of such values and x [..., 8, C]."""
        first = 2.0 * torch.tanh(raw[..., :FIRST_VALUES].detach())
        error = 2.0 * (nearest_level(first) - first)
        whole = torch.cat([x.flatten(-2), error.flatten(-2)], dim=-1)
        change = self.spread(self.activation(self.gather(whole)))
        second = raw[..., FIRST_VALUES:] + change.reshape(*raw.shape[:-1], -1)
        return torch.cat([raw[..., :FIRST_VALUES], second], dim=-1)
