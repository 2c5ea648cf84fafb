"""The networks of coarse copies as they are exported: one packet a call, no state."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codec import format
from codec.training.export.graphs import BYTE_WEIGHTS, levels_of_bytes, packed
from codec.training.model.copies import CopyDecoderNetwork, CopyEncoderNetwork
from codec.training.model.network import as_features, spread

CONTRAST = 1.1
"""Factor by which a rebuilt band is moved away from the mean of its frame, and then from that of its packet.

What is made of 64 bits is smoother than what it stands for, and so has 4.8 dB less power in loud packets; with this it
has 0.5 dB less, for 0.002 of envelope correlation (48 segments of validation speakers)."""


class CopyEncoderGraph(nn.Module):
    """The exported maker of copies: features [1, 32, 42] -> copy uint8 [1, 8], Gray-coded as a packet is."""

    weights: Tensor

    def __init__(self, encoder: CopyEncoderNetwork) -> None:
        super().__init__()
        self.encoder = encoder
        self.register_buffer("weights", BYTE_WEIGHTS, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Compute the copy of one packet."""
        return packed(self.encoder(features), self.weights)


class CopyDecoderGraph(nn.Module):
    """The exported reader of copies: copy uint8 [1, 8], past [1, 8, 42] -> features [1, 32, 42]."""

    levels: Tensor

    def __init__(self, decoder: CopyDecoderNetwork) -> None:
        super().__init__()
        self.decoder = decoder
        self.register_buffer("levels", levels_of_bytes(), persistent=False)

    def forward(self, copy: Tensor, past: Tensor) -> Tensor:
        """Compute the features of one packet, about as loud as those that the copy was made of."""
        levels = self.levels[copy.to(torch.int64)].reshape(1, format.LATENTS, format.COPY_DIMENSIONS)
        table = as_features(self.decoder(levels, past))
        energies = spread(spread(table[..., format.BANDS_SLICE], CONTRAST, -1), CONTRAST, -2).clamp(0.0, 1.0)
        return torch.cat([table[..., : format.BANDS_SLICE.start], energies], dim=-1)
