"""HiFi-GAN's discriminators (Kong et al. 2020), and smaller ones that look at spectra.

Five fold the sound at prime periods, three look at it at falling rates. Kernels, strides and groups are the paper's,
widths are scaled. A CPU affords those that look at short-time spectra, as in Encodec (Defossez et al. 2022).

Letters: B batch, S samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

SLOPE = 0.1
"""Slope of the leaky rectifiers below 0."""
PERIOD_WIDTHS = (1, 4, 16, 32, 32)
"""Widths of the layers over `channels`: 32 to 1024 in the paper."""
PERIOD_STRIDES = (3, 3, 3, 3, 1)
SCALE_LAYERS = (
    (4, 15, 1, 1),
    (4, 41, 2, 4),
    (8, 41, 2, 16),
    (16, 41, 4, 16),
    (32, 41, 4, 16),
    (32, 41, 1, 16),
    (32, 5, 1, 1),
)
"""Layers: width over `channels`, kernel, stride, groups. They are 128 to 1024 wide in the paper."""

SPECTRUM_KERNEL, SPECTRUM_STRIDES = (3, 7), (1, 2, 2, 2, 1)
"""Kernel over frames and bins, and the strides of the layers over bins."""
SPECTRUM_EXPONENT, SPECTRUM_FLOOR = 0.4, 1e-5
"""Exponent of the magnitudes, and the power below which they stay small: 50 dB below a mean power of 1."""

Judgement = tuple[Tensor, list[Tensor]]
"""A judgement of each place of a sound, [B, places], 1 for real and 0 for made; and the output of each layer."""


class PeriodDiscriminator(nn.Module):
    """A discriminator that sees every p-th sample side by side with its neighbours."""

    def __init__(self, period: int, channels: int) -> None:
        super().__init__()
        self.period = period
        widths = (1, *(times * channels for times in PERIOD_WIDTHS))
        self.layers = nn.ModuleList(
            parametrizations.weight_norm(nn.Conv2d(a, b, (5, 1), (stride, 1), (2, 0)))
            for a, b, stride in zip(widths, widths[1:], PERIOD_STRIDES, strict=False)
        )
        self.last = parametrizations.weight_norm(nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, samples: Tensor) -> Judgement:
        """Judge samples [B, S], S larger than the period."""
        missing = -samples.shape[-1] % self.period
        x = functional.pad(samples[:, None], (0, missing), "reflect")
        return judged(x.reshape(len(x), 1, -1, self.period), self.layers, self.last)


class ScaleDiscriminator(nn.Module):
    """A discriminator that sees the sound at one rate."""

    def __init__(self, channels: int, norm: Callable[[nn.Module], nn.Module]) -> None:
        super().__init__()
        layers, inputs = [], 1
        for times, kernel, stride, groups in SCALE_LAYERS:
            outputs = times * channels
            shared = math.gcd(inputs, outputs, groups)
            layers.append(norm(nn.Conv1d(inputs, outputs, kernel, stride, kernel // 2, groups=shared)))
            inputs = outputs
        self.layers = nn.ModuleList(layers)
        self.last = norm(nn.Conv1d(inputs, 1, 3, padding=1))

    def forward(self, samples: Tensor) -> Judgement:
        """Judge samples [B, S]."""
        return judged(samples[:, None], self.layers, self.last)


class SpectrumDiscriminator(nn.Module):
    """A discriminator that sees complex spectra through one window, loud and quiet parts brought nearer together."""

    window: Tensor

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        self.size, norm = size, parametrizations.weight_norm
        self.register_buffer("window", torch.hann_window(size), persistent=False)
        padding = (SPECTRUM_KERNEL[0] // 2, SPECTRUM_KERNEL[1] // 2)
        self.layers = nn.ModuleList(
            norm(nn.Conv2d(inputs, channels, SPECTRUM_KERNEL, (1, stride), padding))
            for inputs, stride in zip((2, *[channels] * 4), SPECTRUM_STRIDES, strict=True)
        )
        self.last = norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, samples: Tensor) -> Judgement:
        """Judge samples [B, S] of a mean power of about 1, S at least the window."""
        spectrum = torch.fft.rfft(samples.unfold(1, self.size, self.size // 2) * self.window)
        parts = torch.view_as_real(spectrum) * self.window.square().sum().rsqrt()  # [B, frames, bins, 2]
        power = parts.square().sum(-1, keepdim=True) + SPECTRUM_FLOOR
        flat = parts * power.pow((SPECTRUM_EXPONENT - 1.0) / 2.0)
        return judged(flat.permute(0, 3, 1, 2), self.layers, self.last)


def judged(x: Tensor, layers: nn.ModuleList, last: nn.Module) -> Judgement:
    """Return what comes out of the layers, each rectified, and of the last one."""
    found = []
    for layer in layers:
        x = functional.leaky_relu(layer(x), SLOPE)
        found.append(x)
    x = last(x)
    return x.flatten(1), [*found, x]


class Discriminators(nn.Module):
    """All discriminators. The first of the scales has spectral norm, as in the paper, all others weight norm."""

    def __init__(self, channels: int, periods: tuple[int, ...], scales: int, windows: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.periods = nn.ModuleList(PeriodDiscriminator(period, channels) for period in periods)
        norms = [parametrizations.spectral_norm] + scales * [parametrizations.weight_norm]
        self.scales = nn.ModuleList(ScaleDiscriminator(channels, norm) for norm in norms[:scales])
        self.spectra = nn.ModuleList(SpectrumDiscriminator(size, channels) for size in windows)

    def forward(self, samples: Tensor) -> list[Judgement]:
        """Return the judgement of each discriminator on samples [B, S]."""
        found = [discriminator(samples) for discriminator in (*self.periods, *self.spectra)]
        for number, discriminator in enumerate(self.scales):
            if number:
                samples = functional.avg_pool1d(samples[:, None], 4, 2, padding=2)[:, 0]
            found.append(discriminator(samples))
        return found
