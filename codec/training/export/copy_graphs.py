"""The networks of coarse copies as they are exported: one packet a call, no state."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codec import format
from codec.training.model.copies import CopyDecoderNetwork, CopyEncoderNetwork
from codec.training.model.network import as_features

BITS = 8
"""Bits of a byte."""


class CopyEncoderGraph(nn.Module):
    """The exported maker of copies: features [1, 32, 42] -> copy uint8 [1, 8], Gray-coded as a packet is."""

    weights: Tensor

    def __init__(self, encoder: CopyEncoderNetwork) -> None:
        super().__init__()
        self.encoder = encoder
        self.register_buffer("weights", 4.0 ** torch.arange(3, -1, -1)[:, None], persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Compute the copy of one packet."""
        values = self.encoder(features)
        sign, inner = (values >= 0.0).float(), (values.abs() < 1.0).float()
        pairs = (sign + sign + inner).reshape(1, format.COPY_BYTES, 4)
        return (pairs @ self.weights).reshape(1, format.COPY_BYTES).to(torch.uint8)


class CopyDecoderGraph(nn.Module):
    """The exported reader of copies: copy uint8 [1, 8], past [1, 8, 42] -> features [1, 32, 42]."""

    levels: Tensor

    def __init__(self, decoder: CopyDecoderNetwork) -> None:
        super().__init__()
        self.decoder = decoder
        bits = (torch.arange(256)[:, None] >> torch.arange(BITS - 1, -1, -1)) & 1
        sign, inner = bits[:, 0::2].float(), bits[:, 1::2].float()
        self.register_buffer("levels", (2.0 * sign - 1.0) * (1.5 - inner), persistent=False)

    def forward(self, copy: Tensor, past: Tensor) -> Tensor:
        """Compute the features of one packet, energies as `contrasted` as those that it was made of."""
        levels = self.levels[copy.to(torch.int64)].reshape(1, format.LATENTS, format.COPY_DIMENSIONS)
        return as_features(self.decoder(levels, past))
