"""Layers that see the whole of a packet and, beyond it, only the past.

Letters: B batch, P packets, T frames (or latents) of a packet, C channels, h = kernel // 2.
Each convolution keeps the last h frames of the packet before; to its right, beyond the packet, there are zeros. So
training on whole segments and running packet by packet are the same computation, and the streaming state of a layer
is one tensor [B, h, C]. Convolutions are written as Conv2d 1 x k: some phone runtimes have no 1-D convolution. The form
that is exported, for speed, is in export/fused_blocks.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

KERNEL = 7
HALF = KERNEL // 2


class PacketBlock(nn.Module):
    """ConvNeXt block (Liu et al. 2022): depthwise convolution over time, layer norm, two linear maps, residual."""

    def __init__(self, channels: int, expansion: int = 3) -> None:
        super().__init__()
        self.channels = channels
        self.depthwise = nn.Conv2d(channels, channels, (1, KERNEL), groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, expansion * channels)
        self.activation = nn.GELU()
        self.narrow = nn.Linear(expansion * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), 0.1))

    def forward(self, x: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
        """Return y and the next tail, for x and y [B, P, T, C] and tails [B, h, C]."""
        mixed, next_tail = self.over_packets(x, tail)
        hidden = self.activation(self.widen(self.norm(mixed)))
        y = functional.linear(hidden, self.scale[:, None] * self.narrow.weight, self.scale * self.narrow.bias)
        return x + y, next_tail

    def over_packets(self, x: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
        """Return the convolution over time of x [B, P, T, C], and the next tail."""
        batch, packets, frames, channels = x.shape
        before = torch.cat([tail.unsqueeze(1), x[:, :-1, -HALF:]], dim=1)  # [B, P, h, C]
        after = torch.zeros_like(before)
        padded = torch.cat([before, x, after], dim=2).reshape(batch * packets, frames + 2 * HALF, channels)
        mixed = self.depthwise(padded.transpose(1, 2).unsqueeze(2)).squeeze(2).transpose(1, 2)
        return mixed.reshape(batch, packets, frames, channels), x[:, -1, -HALF:]


class PacketMixer(nn.Module):
    """Two dense maps over the whole packet, added to it; they start as zeros.

    Any latent can describe any moment of the packet, so that bits move from where little happens to where much does.
    Computed once a packet, this costs next to nothing.
    """

    def __init__(self, latents: int, channels: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.gather = nn.Linear(latents * channels, hidden)
        self.activation = nn.GELU()
        self.spread = nn.Linear(hidden, latents * channels)
        nn.init.zeros_(self.spread.weight)
        nn.init.zeros_(self.spread.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return y [..., T, C] of x [..., T, C]; no packet sees another."""
        whole = self.norm(x).reshape(*x.shape[:-2], 1, -1)
        return x + self.spread(self.activation(self.gather(whole))).reshape(x.shape)


class PacketStack(nn.Module):
    """Blocks in a row, with their tails in a list."""

    def __init__(self, channels: int, depth: int, expansion: int = 3) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(PacketBlock(channels, expansion) for _ in range(depth))

    def tails(self, batch: int) -> list[Tensor]:
        """Return the state before the first packet: zeros."""
        return [torch.zeros(batch, HALF, block.channels, device=block.scale.device) for block in self.blocks]

    def forward(self, x: Tensor, tails: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return y and the next tails, for x and y [B, P, T, C]."""
        after = []
        for block, tail in zip(self.blocks, tails, strict=True):
            x, next_tail = block(x, tail)
            after.append(next_tail)
        return x, after
