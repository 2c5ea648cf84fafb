"""The vocoder's network: a harmonic and a noise source, shaped by learned gains in the short-time spectrum.

Letters: B batch, N frames (32 a packet), K bins (161), S = 80 N samples. The output at sample m belongs to the input
240 samples earlier.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from codec import format
from codec.training.loop.precision import full_precision
from codec.training.model.blocks import PacketStack
from codec.training.model.network import folded
from codec.training.model.normalisation import normalise
from vocoder import pulse_source as source
from vocoder.training.model.config import VocoderConfig

OVERLAP = format.WINDOW_SAMPLES // format.HOP_SAMPLES
"""Frames that each sample is part of."""
PULSE_WIDTH = 1e-4
"""Cycles from the middle of a pulse within which its height is taken from the limit: both sines are 0 there."""


def f0_hz(feature: Tensor) -> Tensor:
    """Return F0 in Hz, 55..550, of its feature 0..1."""
    return format.F0_LOW_HZ * torch.exp(feature * math.log(format.F0_HIGH_HZ / format.F0_LOW_HZ))


def pulse_train(f0: Tensor, last_f0: Tensor, phase: Tensor) -> tuple[Tensor, Tensor]:
    """Return a band-limited pulse train of flat unit power density, samples [B, 80 N], and the phase after it.

    f0: [B, N] in Hz at the end of each hop; last_f0: [B, 1], 0 before the first packet; phase: [B, 1] in cycles. The
    frequency moves linearly over a hop. The phase is kept modulo 1 for each frame, with a closed-form ramp inside it: a
    running sum over samples drifts in float32. The sum of K cosines is Dirichlet's kernel,
    sin((K + 1/2) x) / (2 sin(x / 2)) - 1/2: two sines instead of K.
    """
    hop = format.HOP_SAMPLES
    first = torch.where(last_f0 > 0, last_f0, f0[:, :1])
    before = torch.cat([first, f0[:, :-1]], dim=1)
    turns = (before + f0) * (0.5 * hop / format.SAMPLE_RATE_HZ)
    turns = turns - torch.floor(turns)
    ends = phase + torch.cumsum(turns, dim=1)
    ends = ends - torch.floor(ends)  # [B, N]
    begins = torch.cat([phase, ends[:, :-1]], dim=1)
    n = torch.arange(1, hop + 1, dtype=f0.dtype, device=f0.device)
    ramp = before.unsqueeze(-1) * n + (f0 - before).unsqueeze(-1) * (n * n * (0.5 / hop))
    cycles = begins.unsqueeze(-1) + ramp / format.SAMPLE_RATE_HZ  # [B, N, 80]
    cycles = cycles - torch.floor(cycles + 0.5)  # -0.5 .. 0.5
    harmonics = torch.floor(source.HARMONIC_LIMIT_HZ / torch.maximum(before, f0)).unsqueeze(-1)
    near = cycles.abs() < PULSE_WIDTH
    safe = torch.where(near, torch.full_like(cycles, 0.25), cycles)
    kernel = torch.sin((2.0 * harmonics + 1.0) * math.pi * safe) / (2.0 * torch.sin(math.pi * safe)) - 0.5
    kernel = torch.where(near, harmonics.expand_as(kernel), kernel)
    samples = kernel * torch.sqrt(f0 / source.FLAT_HZ).unsqueeze(-1)
    return samples.reshape(f0.shape[0], -1), ends[:, -1:]


def spectrum(samples: Tensor, window: Tensor) -> Tensor:
    """Return the spectra, complex [B, N, K], of samples [B, 240 + 80 N]."""
    return torch.fft.rfft(samples.unfold(1, format.WINDOW_SAMPLES, format.HOP_SAMPLES) * window)


def overlap_add(spectra: Tensor, window: Tensor) -> Tensor:
    """Return the samples [B, 80 (N + 3)] of spectra, complex [B, N, K]."""
    frames = torch.fft.irfft(spectra, n=format.WINDOW_SAMPLES) * window * 0.5
    batch, count = frames.shape[:2]
    pieces = frames.reshape(batch, count, OVERLAP, format.HOP_SAMPLES)
    padded = [nn.functional.pad(pieces[:, :, j], (0, 0, j, OVERLAP - 1 - j)) for j in range(OVERLAP)]
    return torch.stack(padded).sum(0).reshape(batch, -1)


class GainNetwork(nn.Module):
    """A network that makes gains of features and the pulse train's log-spectrum.

    These are log magnitude and phase for the harmonics, and log magnitude for the noise.
    """

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        self.stem = nn.Linear(format.FEATURES + source.BINS, config.channels)
        self.stack = PacketStack(config.channels, config.blocks, config.expansion)
        self.norm = nn.LayerNorm(config.channels)
        self.head = nn.Linear(config.channels, 3 * source.BINS)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, table: Tensor, harmonic_log: Tensor, tails: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return gains [B, P, 32, 3 K] and the next tails, for table [B, P, 32, 42] and harmonic_log [B, P, 32, K]."""
        x = self.stem(torch.cat([normalise(table), harmonic_log], dim=-1))
        x, tails = self.stack(x, tails)
        return self.head(self.norm(x)), tails


def shaped(table: Tensor, gains: Tensor, envelope: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return real and imaginary gain of the harmonics, and the gain of the noise, each [B, N, K].

    table: [B, N, 42]; gains: [B, N, 3 K]; envelope: the matrix [40, K]. Before anything is learned this is a plain
    channel vocoder: band energies interpolated between their centres, harmonics by the voicing, noise by the rest.
    """
    decibels = format.BAND_LOW_DB + (format.BAND_HIGH_DB - format.BAND_LOW_DB) * table[..., format.BANDS_SLICE]
    with full_precision():
        level = torch.exp((decibels @ envelope) * (math.log(10.0) / 20.0))
    voicing = table[..., 1:2]
    log_harmonic, turn, log_noise = gains.chunk(3, dim=-1)
    harmonic = level * (0.05 + 0.95 * voicing) * torch.exp(log_harmonic.clamp(-8.0, 4.0))
    noise = level * (1.0 - 0.9 * voicing) * torch.exp(log_noise.clamp(-8.0, 4.0))
    return harmonic * torch.cos(turn), harmonic * torch.sin(turn), noise


class Vocoder(nn.Module):
    """The harmonic-plus-noise network: features to speech, for training on whole segments."""

    name = "vocoder"

    window: Tensor
    envelope: Tensor

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        self.config = config
        self.gains = GainNetwork(config)
        self.register_buffer("window", torch.from_numpy(source.window()), persistent=False)
        self.register_buffer("envelope", torch.from_numpy(source.envelope_matrix()), persistent=False)

    def forward(self, table: Tensor, noise: Tensor) -> Tensor:
        """Return samples [B, 80 N] of table [B, N, 42] and noise [B, 240 + 80 N] of variance 1.

        No gradient reaches F0 through the pulse train: through its phase, training diverges.
        """
        batch = table.shape[0]
        nothing = table.new_zeros(batch, 1)
        with torch.no_grad():
            pulses, _ = pulse_train(f0_hz(table[..., 0]), nothing, nothing)
            pulses = torch.cat([pulses.new_zeros(batch, format.DELAY_SAMPLES), pulses], dim=1)
            harmonic, hiss = spectrum(pulses, self.window), spectrum(noise, self.window)
            harmonic_log = log_power(harmonic.real, harmonic.imag)
        gains, _ = self.gains(folded(table), folded(harmonic_log), self.gains.stack.tails(batch))
        real, imaginary, breath = shaped(table, gains.reshape(batch, -1, 3 * source.BINS), self.envelope)
        made = harmonic * torch.complex(real, imaginary) + hiss * breath
        return overlap_add(made, self.window)[:, : table.shape[1] * format.HOP_SAMPLES]


def log_power(real: Tensor, imaginary: Tensor) -> Tensor:
    """Return log10 of the power density of the pulse train, about -2 to 1.5: what the network sees of it."""
    return torch.log10((real * real + imaginary * imaginary) * (1.0 / 160.0) + 1e-2)
