"""The layers of model/blocks.py for one packet, as they are exported: the same mathematics in fewer, faster operators.

Letters: T frames (or latents) of the packet, C channels, h = kernel // 2. Frames are rows; around a convolution they
become [1, 1, T, C], which onnxruntime moves into its blocked layout and back without a transposition of its own.

A product can take a bias or the residual with it, not both. So what runs through a stack is x minus `offset`, the sum
of all biases so far: the next convolution's bias holds what it would have made of the offset, and the frames kept from
packet to packet have it taken off on the way in and put back on the way out.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec import format
from codec.training.model.blocks import HALF, PacketBlock, PacketMixer, PacketStack
from codec.training.model.remainder import FIRST_VALUES, Remainder, nearest_level


def columns(linear: nn.Linear) -> Tensor:
    """Return the weights of a linear map as a constant [in, out]."""
    return linear.weight.detach().t().contiguous()


class BlockForm(nn.Module):
    """A PacketBlock of x minus an offset."""

    kernel: Tensor
    bias: Tensor
    beyond: Tensor
    gain: Tensor
    shift: Tensor
    widen: Tensor
    widen_bias: Tensor
    narrow: Tensor
    offset_after: Tensor

    def __init__(self, block: PacketBlock, offset: Tensor) -> None:
        """Take over the weights of a block; offset: [C], what x lacks."""
        super().__init__()
        self.channels, self.epsilon = block.channels, block.norm.eps
        self.narrow_weight, self.narrow_scale = columns(block.narrow), block.scale.detach()
        kernel, bias = block.depthwise.weight.detach(), cast(Tensor, block.depthwise.bias).detach()
        for name, values in {
            "kernel": kernel,
            "bias": bias + kernel.sum(dim=(1, 2, 3)) * offset,
            "beyond": -offset.expand(HALF, -1).clone(),  # zeros, as seen from x minus the offset
            "gain": block.norm.weight.detach(),
            "shift": block.norm.bias.detach(),
            "widen": columns(block.widen),
            "widen_bias": block.widen.bias.detach(),
            "narrow": self.narrow_weight * self.narrow_scale,
            "offset_after": (offset + block.scale * block.narrow.bias).detach(),
        }.items():
            self.register_buffer(name, values, persistent=False)

    def forward(self, x: Tensor, tail: Tensor) -> Tensor:
        """Return y [T, C] minus `offset_after`, for x [T, C] and tail [h, C], both minus the offset."""
        padded = torch.cat([tail, x, self.beyond]).reshape(1, 1, -1, self.channels).permute(0, 3, 1, 2)
        mixed = functional.conv2d(padded, self.kernel, self.bias, groups=self.channels).permute(0, 2, 3, 1)
        seen = functional.layer_norm(mixed.reshape(x.shape), (self.channels,), self.gain, self.shift, self.epsilon)
        return torch.addmm(x, functional.gelu(torch.addmm(self.widen_bias, seen, self.widen)), self.narrow)


class StackForm(nn.Module):
    """A PacketStack of x minus an offset."""

    offsets: Tensor
    offset_after: Tensor

    def __init__(self, stack: PacketStack, offset: Tensor) -> None:
        """Take over the weights of a stack; offset: [C], what x lacks."""
        super().__init__()
        offsets, blocks = [], []
        for block in stack.blocks:
            offsets.append(offset.expand(HALF, -1))
            blocks.append(BlockForm(cast(PacketBlock, block), offset))
            offset = blocks[-1].offset_after
        self.blocks = nn.ModuleList(blocks)
        self.channels = blocks[0].channels
        self.register_buffer("offsets", torch.cat(offsets), persistent=False)
        self.register_buffer("offset_after", offset, persistent=False)

    def state_size(self) -> int:
        """Return the number of values in all tails."""
        return HALF * self.channels * len(self.blocks)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return y [T, C] minus `offset_after` and the next state, for x minus the offset and state [1, h C blocks]."""
        tails = state.reshape(HALF * len(self.blocks), self.channels) - self.offsets
        kept = []
        for block, tail in zip(self.blocks, torch.split(tails, HALF), strict=True):
            kept.append(x[-HALF:])
            x = block(x, tail)
        return x, (torch.cat(kept) + self.offsets).reshape(1, -1)


class MixerForm(nn.Module):
    """The maps that a PacketMixer adds to its input, as 1 x 1 convolutions.

    Each of its weights is used once a packet, so that the time goes into reading them; written as convolutions
    onnxruntime reads them a quarter faster.
    """

    gather: Tensor
    gather_bias: Tensor
    spread: Tensor
    spread_bias: Tensor

    def __init__(self, mixer: PacketMixer) -> None:
        super().__init__()
        self.norm = mixer.norm
        for name, linear in {"gather": mixer.gather, "spread": mixer.spread}.items():
            self.register_buffer(name, linear.weight.detach()[:, :, None, None], persistent=False)
            self.register_buffer(f"{name}_bias", linear.bias.detach(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return what is to be added to x [T, C]."""
        whole = self.norm(x).reshape(1, -1, 1, 1)
        hidden = functional.gelu(functional.conv2d(whole, self.gather, self.gather_bias))
        return functional.conv2d(hidden, self.spread, self.spread_bias).reshape(x.shape)


class RemainderForm(nn.Module):
    """A Remainder for one packet, its maps written as in MixerForm."""

    gather: Tensor
    gather_bias: Tensor
    spread: Tensor
    spread_bias: Tensor

    def __init__(self, remainder: Remainder) -> None:
        super().__init__()
        for name, linear in {"gather": remainder.gather, "spread": remainder.spread}.items():
            self.register_buffer(name, linear.weight.detach()[:, :, None, None], persistent=False)
            self.register_buffer(f"{name}_bias", linear.bias.detach(), persistent=False)

    def forward(self, x: Tensor, raw: Tensor) -> Tensor:
        """Return values before tanh [8, 16] with the second half changed, of such values and x [8, C]."""
        first = raw[:, :FIRST_VALUES]
        values = 2.0 * torch.tanh(first)
        error = 2.0 * (nearest_level(values) - values)
        whole = torch.cat([x.reshape(1, -1), error.reshape(1, -1)], dim=1).reshape(1, -1, 1, 1)
        hidden = functional.gelu(functional.conv2d(whole, self.gather, self.gather_bias))
        change = functional.conv2d(hidden, self.spread, self.spread_bias).reshape(format.LATENTS, -1)
        return torch.cat([first, raw[:, FIRST_VALUES:] + change], dim=1)
