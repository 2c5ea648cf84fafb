"""A plain HiFi-GAN generator (Kong et al. 2020), a second network for the same features.

From 100 Hz it goes in three steps up to 8 kHz, each followed by the mean of residual stacks of dilated convolutions.

It differs where streaming asks for it. At 100 Hz it sees the whole packet, as our other networks do (PacketStack);
beyond that every convolution looks at the past alone and keeps its last inputs. A transposed convolution of stride s
and kernel 2 s is a convolution over two inputs that gives s outputs at once. No weight norm.

Letters: B batch, N frames (32 a packet), C channels, T samples at the rate of the layer, k kernel, d dilation.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec import format
from codec.training.model.blocks import PacketStack
from codec.training.model.network import folded
from codec.training.model.normalisation import normalise
from vocoder.training.model.config import VocoderConfig

STEPS_UP = (5, 4, 4)
"""Factors of the rate: 100 Hz to 500, 2000 and 8000."""
SLOPE = 0.1
"""Slope of the leaky rectifiers below 0."""

assert STEPS_UP[0] * STEPS_UP[1] * STEPS_UP[2] == format.HOP_SAMPLES


class CausalConvolution(nn.Module):
    """A convolution that sees the past alone. Written as Conv2d 1 x k, as all of ours."""

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int = 1) -> None:
        super().__init__()
        self.inputs, self.kept = inputs, (kernel - 1) * dilation
        self.convolution = nn.Conv2d(inputs, outputs, (1, kernel), dilation=(1, dilation))

    def forward(self, x: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
        """Return y [B, C', 1, T] and the next tail, for x [B, C, 1, T] and tail [B, C, 1, (k - 1) d]."""
        padded = torch.cat([tail, x], dim=-1)
        return self.convolution(padded), padded[..., -self.kept :]


class StepUp(nn.Module):
    """A step from C channels at one rate to half of them at a rate `times` as high."""

    def __init__(self, inputs: int, times: int) -> None:
        super().__init__()
        self.outputs, self.times = inputs // 2, times
        self.convolution = CausalConvolution(inputs, self.outputs * times, 2)

    def forward(self, x: Tensor, tails: Iterator[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return [B, C / 2, 1, T times] of x [B, C, 1, T], and the next tail; take the tail from the iterator."""
        y, tail = self.convolution(functional.leaky_relu(x, SLOPE), next(tails))
        y = y.reshape(-1, self.outputs, self.times, x.shape[-1]).transpose(2, 3)
        return y.reshape(-1, self.outputs, 1, x.shape[-1] * self.times), [tail]


class ResidualStack(nn.Module):
    """Pairs of a dilated and a plain convolution, each pair added to its input."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        pairs = [
            (CausalConvolution(channels, channels, kernel, dilation), CausalConvolution(channels, channels, kernel))
            for dilation in dilations
        ]
        self.dilated, self.plain = (nn.ModuleList(layers) for layers in zip(*pairs, strict=True))

    def forward(self, x: Tensor, tails: Iterator[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return y [B, C, 1, T] of x of this shape, and the next tails."""
        after: list[Tensor] = []
        for dilated, plain in zip(self.dilated, self.plain, strict=True):
            y, first = dilated(functional.leaky_relu(x, SLOPE), next(tails))
            y, second = plain(functional.leaky_relu(y, SLOPE), next(tails))
            x, after = x + y, [*after, first, second]
        return x, after


class WaveformStage(nn.Module):
    """The steps from 100 Hz to 8 kHz: the part that is HiFi-GAN's own."""

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        widths = [config.channels >> step for step in range(len(STEPS_UP) + 1)]
        self.ups = nn.ModuleList(StepUp(width, times) for width, times in zip(widths, STEPS_UP, strict=False))
        self.stacks = nn.ModuleList(
            nn.ModuleList(ResidualStack(width, kernel, tuple(config.dilations)) for kernel in config.kernels)
            for width in widths[1:]
        )
        self.last = CausalConvolution(widths[-1], 1, 7)

    def convolutions(self) -> list[CausalConvolution]:
        """Return all convolutions in the order in which their tails are used."""
        ordered: list[CausalConvolution] = []
        for up, stacks in zip(self.ups, self.stacks, strict=True):
            ordered.append(up.convolution)
            for stack in stacks:
                ordered += [each for pair in zip(stack.dilated, stack.plain, strict=True) for each in pair]
        return [*ordered, self.last]

    def tails(self, batch: int) -> list[Tensor]:
        """Return the state before the first packet: zeros."""
        like = self.last.convolution.weight
        return [like.new_zeros(batch, each.inputs, 1, each.kept) for each in self.convolutions()]

    def forward(self, x: Tensor, tails: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return samples [B, 80 N] in -1..1 of x [B, C, 1, N], and the next tails."""
        left, after = iter(tails), []
        for up, stacks in zip(self.ups, self.stacks, strict=True):
            x, kept = up(x, left)
            after += kept
            made = []
            for stack in stacks:
                y, kept = stack(x, left)
                made.append(y)
                after += kept
            x = torch.stack(made).mean(0)
        y, tail = self.last(functional.leaky_relu(x, SLOPE), next(left))
        return torch.tanh(y).flatten(1), [*after, tail]


class HifiganVocoder(nn.Module):
    """HiFi-GAN: features to speech, for training on whole segments."""

    name = "vocoder"

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = nn.Linear(format.FEATURES, config.channels)
        self.stack = PacketStack(config.channels, config.blocks, config.expansion)
        self.waveform = WaveformStage(config)

    def forward(self, table: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return samples [B, 80 N] of table [B, N, 42], aligned as those of `Vocoder`.

        The noise that the other network takes is not used: the features are the only source here.
        """
        batch = table.shape[0]
        x, _ = self.stack(self.stem(normalise(folded(table))), self.stack.tails(batch))
        x = x.flatten(1, 2).transpose(1, 2).unsqueeze(2)  # [B, C, 1, N]
        return self.waveform(x, self.waveform.tails(batch))[0]
