"""The codec's networks: analysis, encoder, quantiser, decoder.

Letters: B batch, P packets, 32 frames and 8 latents a packet, 16 dimensions a latent with 4 levels each.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec import features, format
from codec.training.loop.distributed import ALONE, Ranks
from codec.training.model.blocks import PacketMixer, PacketStack

FRAMES_PER_LATENT = format.PACKET_FRAMES // format.LATENTS
BAND_CONTRAST, TIME_CONTRAST = 1.15, 1.06
"""What is decoded from few bits is nearer to the mean than the original was. So the distance of a band from the mean
of its frame grows by 15 %, from that of its packet by 6 %: the formant emphasis of older codecs' post-filters."""


@dataclass(frozen=True)
class CodecConfig:
    """Widths and depths of the codec."""

    frame_channels: int = 128
    """Channels at 100 Hz."""
    latent_channels: int = 256
    """Channels at 25 Hz."""
    encoder_frame_blocks: int = 3
    encoder_latent_blocks: int = 3
    decoder_latent_blocks: int = 4
    decoder_frame_blocks: int = 4
    expansion: int = 3
    """Widening inside a block."""
    packet_hidden: int = 512
    """Width inside the maps over a whole packet."""
    encoder_stem_hidden: int = 0
    """Width of the hidden layer beside the encoder's linear stem; 0: there is none."""


class Analysis(nn.Module):
    """The torch twin of codec/features.py: samples to band energies and normalised autocorrelation."""

    window: Tensor
    mel: Tensor
    lag: Tensor
    energy: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, values in {
            "window": features.window(),
            "mel": features.mel_matrix().T.copy(),
            "lag": features.lag_matrix().T.copy(),
            "energy": features.energy_row(),
        }.items():
            self.register_buffer(name, torch.from_numpy(values), persistent=False)
        self.norm = float((features.window().astype("float64") ** 2).sum())

    def power(self, samples: Tensor) -> Tensor:
        """[B, 240 + 80 N] -> [B, N, 257] power per bin; frame 0 covers the first 320 samples."""
        frames = samples.unfold(1, format.WINDOW_SAMPLES, format.HOP_SAMPLES) * self.window
        spectrum = torch.fft.rfft(frames, n=features.FFT_SIZE)
        return (spectrum.real**2 + spectrum.imag**2) / self.norm

    def energies(self, power: Tensor) -> Tensor:
        """[B, N, 257] -> [B, N, 40] in 0..1."""
        decibels = 10.0 * torch.log10(power @ self.mel + features.POWER_FLOOR)
        return ((decibels - format.BAND_LOW_DB) / (format.BAND_HIGH_DB - format.BAND_LOW_DB)).clamp(0.0, 1.0)

    def periodicity(self, power: Tensor) -> Tensor:
        """[B, N, 257] -> [B, N, 128]: autocorrelation over lag 0, about -1..1."""
        return (power @ self.lag) / ((power * self.energy).sum(-1, keepdim=True) + features.POWER_FLOOR)

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 240 + 80 N] -> energies [B, N, 40], periodicity [B, N, 128]."""
        power = self.power(samples)
        return self.energies(power), self.periodicity(power)


def folded(x: Tensor) -> Tensor:
    """[B, 32 P, C] -> [B, P, 32, C]."""
    return x.reshape(x.shape[0], -1, format.PACKET_FRAMES, x.shape[-1])


class Stem(nn.Linear):
    """A linear map, and beside it, where `hidden` is not 0, one with a hidden layer, which starts as zeros: a peak of
    the periodicity is found by thresholds, not by weights."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.widen = nn.Linear(inputs, hidden) if hidden else None
        self.narrow = nn.Linear(hidden, outputs, bias=False) if hidden else None
        if self.narrow is not None:
            nn.init.zeros_(self.narrow.weight)

    def forward(self, x: Tensor) -> Tensor:
        """[..., inputs] -> [..., outputs]."""
        y = super().forward(x)
        return y if self.widen is None or self.narrow is None else y + self.narrow(functional.gelu(self.widen(x)))


class Encoder(nn.Module):
    """Energies and periodicity -> latents before rounding, each in (-2, 2)."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        width, latent = config.frame_channels, config.latent_channels
        self.stem = Stem(format.BANDS + features.LAGS, config.encoder_stem_hidden, width)
        self.frames = PacketStack(width, config.encoder_frame_blocks, config.expansion)
        self.merge = nn.Linear(FRAMES_PER_LATENT * width, latent)
        self.latents = PacketStack(latent, config.encoder_latent_blocks, config.expansion)
        self.mixer = PacketMixer(format.LATENTS, latent, config.packet_hidden)
        self.norm = nn.LayerNorm(latent)
        self.head = nn.Linear(latent, format.LATENT_DIMENSIONS)

    def tails(self, batch: int) -> list[Tensor]:
        """The state before the first packet."""
        return self.frames.tails(batch) + self.latents.tails(batch)

    def forward(self, energies: Tensor, periodicity: Tensor, tails: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """[B, P, 32, 40], [B, P, 32, 128] -> [B, P, 8, 16] and the next tails."""
        depth = len(self.frames.blocks)
        x = self.stem(torch.cat([4.0 * (energies - 0.4), periodicity], dim=-1))
        x, frame_tails = self.frames(x, tails[:depth])
        x = self.merge(x.reshape(*x.shape[:-2], format.LATENTS, -1))
        x, latent_tails = self.latents(x, tails[depth:])
        x = self.mixer(x)
        return 2.0 * torch.tanh(self.head(self.norm(x))), frame_tails + latent_tails


def quantise(latents: Tensor) -> Tensor:
    """(-2, 2) -> the nearest of -1.5, -0.5, 0.5, 1.5 (finite scalar quantisation, Mentzer et al. 2023); the gradient
    passes as if nothing were rounded."""
    levels = (torch.floor(latents.detach()) + 0.5).clamp(-1.5, 1.5)
    return latents + (levels - latents).detach()


def flip_bits(levels: Tensor, probability: Tensor, ranks: Ranks = ALONE) -> Tensor:
    """Levels with Gray-coded bits flipped: one flip moves a value to a neighbouring level, or mirrors it.

    levels [B, P, 8, 16], probability broadcastable to it. High bit: the sign; low bit: 1 for the inner levels."""
    sign, inner = levels.detach() > 0, levels.detach().abs() < 1
    sign = sign ^ (ranks.uniform_like(levels) < probability)
    inner = inner ^ (ranks.uniform_like(levels) < probability)
    damaged = (2.0 * sign - 1.0) * (1.5 - 1.0 * inner)
    return levels + (damaged - levels).detach()


class Decoder(nn.Module):
    """Levels -> features in 0..1; a lost packet is replaced by a learned vector and the past."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        width, latent = config.frame_channels, config.latent_channels
        self.entry = nn.Linear(format.LATENT_DIMENSIONS, latent)
        self.gap = nn.Parameter(torch.zeros(format.LATENTS, latent))
        self.mixer = PacketMixer(format.LATENTS, latent, config.packet_hidden)
        self.latents = PacketStack(latent, config.decoder_latent_blocks, config.expansion)
        self.split = nn.Linear(latent, FRAMES_PER_LATENT * width)
        self.frames = PacketStack(width, config.decoder_frame_blocks, config.expansion)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, format.FEATURES)
        nn.init.constant_(self.head.bias, 0.4)

    def tails(self, batch: int) -> list[Tensor]:
        """The state before the first packet."""
        return self.latents.tails(batch) + self.frames.tails(batch)

    def forward(self, levels: Tensor, lost: Tensor, tails: list[Tensor]) -> tuple[Tensor, Tensor, list[Tensor]]:
        """levels [B, P, 8, 16], lost [B, P, 1, 1] (1 = lost) -> log-F0 and energies, and voicing as a logit, in one
        tensor [B, P, 32, 42] before clipping; voicing probability is its sigmoid; and the next tails."""
        depth = len(self.latents.blocks)
        x = self.mixer((1.0 - lost) * self.entry(levels) + lost * self.gap)
        x, latent_tails = self.latents(x, tails[:depth])
        x = self.split(x).reshape(*x.shape[:-2], format.PACKET_FRAMES, -1)
        x, frame_tails = self.frames(x, tails[depth:])
        raw = self.head(self.norm(x))
        return raw, as_features(raw), latent_tails + frame_tails


def spread(energies: Tensor, contrast: float, axis: int) -> Tensor:
    """Values moved away from their mean over an axis by a factor."""
    mean = energies.mean(dim=axis, keepdim=True)
    return mean + contrast * (energies - mean)


def contrasted(energies: Tensor) -> Tensor:
    """Decoded energies [..., 32, 40] of one packet with the contrast of the original."""
    return spread(spread(energies, BAND_CONTRAST, -1), TIME_CONTRAST, -2).clamp(0.0, 1.0)


def sharpened(table: Tensor) -> Tensor:
    """Decoded features [B, 32 P, 42] as the vocoder gets them: with `contrasted` energies."""
    energies = folded(table[..., format.BANDS_SLICE])
    return torch.cat([table[..., : format.BANDS_SLICE.start], contrasted(energies).flatten(1, 2)], dim=-1)


def as_features(raw: Tensor) -> Tensor:
    """Raw outputs -> features in 0..1: sigmoid for voicing, the rest clipped (with a slight slope in training)."""
    voicing = torch.sigmoid(8.0 * (raw[..., 1:2] - 0.4))
    rest = torch.cat([raw[..., :1], voicing, raw[..., 2:]], dim=-1)
    return rest.clamp(0.0, 1.0)


class Codec(nn.Module):
    """Encoder, quantiser and decoder, for training."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def forward(
        self,
        energies: Tensor,
        periodicity: Tensor,
        lost: Tensor,
        flips: Tensor,
        rounded: bool = True,
        ranks: Ranks = ALONE,
    ) -> tuple[Tensor, Tensor]:
        """[B, 32 P, 40], [B, 32 P, 128], lost [B, P, 1, 1], flips: bit error probability [B, 1, 1, 1] ->
        raw and features, both [B, 32 P, 42]."""
        batch = energies.shape[0]
        latents, _ = self.encoder(folded(energies), folded(periodicity), self.encoder.tails(batch))
        levels = flip_bits(quantise(latents), flips, ranks) if rounded else latents
        raw, decoded, _ = self.decoder(levels, lost, self.decoder.tails(batch))
        shape = (batch, -1, format.FEATURES)
        return raw.reshape(shape), decoded.reshape(shape)


def voicing_loss(raw: Tensor, voiced: Tensor) -> Tensor:
    """Binary cross-entropy of the raw voicing output [...] against 0 or 1 [...], per frame."""
    return functional.binary_cross_entropy_with_logits(8.0 * (raw - 0.4), voiced, reduction="none")
