"""HiFi-GAN as it is exported: features of one packet in, 2560 samples out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codec import format
from codec.training.export.fused_blocks import StackForm, columns
from codec.training.model.normalisation import LOWEST, SPREAD
from vocoder.training.model.hifigan import HifiganVocoder


class HifiganGraph(nn.Module):
    """The exported HiFi-GAN: features [1, 32, 42], state -> samples [1, 2560] in [-1, 1], next state.

    The state holds the tails of the blocks, then those of the convolutions in order.
    """

    stem: Tensor

    def __init__(self, vocoder: HifiganVocoder) -> None:
        super().__init__()
        self.waveform = vocoder.waveform
        self.register_buffer("stem", SPREAD * columns(vocoder.stem), persistent=False)
        offset = vocoder.stem.bias + LOWEST * vocoder.stem.weight.sum(1)
        self.stack = StackForm(vocoder.stack, offset.detach())
        self.shapes = [tail.shape for tail in self.waveform.tails(1)]

    def state_size(self) -> int:
        """Return the number of values in the state."""
        return self.stack.state_size() + sum(int(shape.numel()) for shape in self.shapes)

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Compute one packet: see the class."""
        sizes = [self.stack.state_size(), *(shape.numel() for shape in self.shapes)]
        frames, *pieces = torch.split(state, sizes, dim=1)
        x, frames = self.stack(features[0].clamp(0.0, 1.0) @ self.stem, frames)
        x = (x + self.stack.offset_after).t().reshape(1, -1, 1, format.PACKET_FRAMES)
        tails = [piece.reshape(shape) for piece, shape in zip(pieces, self.shapes, strict=True)]
        samples, tails = self.waveform(x, tails)
        return samples, torch.cat([frames, *(tail.reshape(1, -1) for tail in tails)], dim=1)
