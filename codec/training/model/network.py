"""The codec's networks: encoder, quantiser, decoder.

Letters: B batch, P packets, 32 frames and 8 latents a packet, 16 dimensions a latent with 4 levels each.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec import features, format
from codec.training.loop.distributed import ALONE, Processes
from codec.training.model.blocks import PacketMixer, PacketStack
from codec.training.model.normalisation import CENTRE, normalise
from codec.training.model.remainder import Remainder, nearest_level

FRAMES_PER_LATENT = format.PACKET_FRAMES // format.LATENTS
BAND_CONTRAST, TIME_CONTRAST = 1.28, 1.10
"""Factors by which a decoded band is moved away from the mean of its frame, and from that of its packet. Decoded from
few bits it is nearer to both than the original was; older codecs have post-filters that emphasise formants."""
VOICING_SLOPE, VOICING_THRESHOLD = 8.0, 0.5
"""Steepness of the voicing output, and the probability above which a frame counts as voiced."""


@dataclass(frozen=True)
class CodecConfig:
    """Widths and depths of the codec; stored in every checkpoint."""

    frame_channels: int = 128
    """Channels at 100 Hz."""
    latent_channels: int = 256
    """Channels at 25 Hz."""
    encoder_frame_blocks: int = 3
    """Blocks at 100 Hz in the encoder."""
    encoder_latent_blocks: int = 3
    """Blocks at 25 Hz in the encoder."""
    decoder_latent_blocks: int = 4
    """Blocks at 25 Hz in the decoder."""
    decoder_frame_blocks: int = 4
    """Blocks at 100 Hz in the decoder."""
    expansion: int = 3
    """Width inside a block, over its channels."""
    packet_hidden: int = 512
    """Width inside the maps over a whole packet."""
    encoder_stem_hidden: int = 0
    """Width of the hidden layer beside the encoder's linear stem; 0: none."""
    encoder_expansion: int = 0
    """Width inside a block of the encoder, over its channels; 0: `expansion`."""
    decoder_expansion: int = 0
    """Width inside a block of the decoder, over its channels; 0: `expansion`."""
    encoder_packet_hidden: int = 0
    """Width inside the encoder's maps over a whole packet; 0: `packet_hidden`."""
    decoder_packet_hidden: int = 0
    """Width inside the decoder's map over a whole packet; 0: `packet_hidden`."""
    encoder_more_blocks: int = 0
    """Blocks at 25 Hz after the encoder's first map over the packet, with a second such map after them."""
    encoder_remainder_hidden: int = 0
    """Width inside the encoder's `Remainder`; 0: none."""
    encoder_hears: bool = False
    """True where training reads F0, voicing and bands off the encoder's 100 Hz layers, before the bottleneck."""


def folded(x: Tensor) -> Tensor:
    """Return frames [B, 32 P, C] as packets [B, P, 32, C]."""
    return x.reshape(x.shape[0], -1, format.PACKET_FRAMES, x.shape[-1])


class Stem(nn.Linear):
    """A linear map and, added to it where `hidden` is not 0, one with a hidden layer, which starts as zeros.

    The hidden layer finds the peak of the periodicity: that takes thresholds, which a linear map does not have.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.widen = nn.Linear(inputs, hidden) if hidden else None
        self.narrow = nn.Linear(hidden, outputs, bias=False) if hidden else None
        if self.narrow is not None:
            nn.init.zeros_(self.narrow.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return [..., outputs] of [..., inputs]."""
        y = super().forward(x)
        return y if self.widen is None or self.narrow is None else y + self.narrow(functional.gelu(self.widen(x)))


class Encoder(nn.Module):
    """The encoder: energies and periodicity to latents before rounding, each in (-2, 2)."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        width, latent = config.frame_channels, config.latent_channels
        expansion = config.encoder_expansion or config.expansion
        hidden, remainder = config.encoder_packet_hidden or config.packet_hidden, config.encoder_remainder_hidden
        self.stem = Stem(format.BANDS + features.LAGS, config.encoder_stem_hidden, width)
        self.frames = PacketStack(width, config.encoder_frame_blocks, expansion)
        self.merge = nn.Linear(FRAMES_PER_LATENT * width, latent)
        self.latents = PacketStack(latent, config.encoder_latent_blocks, expansion)
        self.mixer = PacketMixer(format.LATENTS, latent, hidden)
        self.more = PacketStack(latent, config.encoder_more_blocks, expansion)
        self.last_mixer = PacketMixer(format.LATENTS, latent, hidden) if config.encoder_more_blocks else None
        self.norm = nn.LayerNorm(latent)
        self.head = nn.Linear(latent, format.LATENT_DIMENSIONS)
        self.remainder = Remainder(latent, remainder) if remainder else None
        reader = [nn.LayerNorm(width), nn.Linear(width, format.FEATURES)] if config.encoder_hears else []
        self.heard = nn.Sequential(*reader) if reader else None

    def tails(self, batch: int) -> list[Tensor]:
        """Return the state before the first packet."""
        return self.frames.tails(batch) + self.latents.tails(batch) + self.more.tails(batch)

    def forward(self, energies: Tensor, periodicity: Tensor, tails: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return latents [B, P, 8, 16] and the next tails, of energies [B, P, 32, 40], periodicity [B, P, 32, 128]."""
        return self.at_25_hz(*self.at_100_hz(energies, periodicity, tails))

    def at_100_hz(self, energies: Tensor, periodicity: Tensor, tails: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return what the 100 Hz layers make of the input, [B, P, 32, C], and all tails, theirs already the next."""
        depth = len(self.frames.blocks)
        x = self.stem(torch.cat([normalise(energies), periodicity], dim=-1))
        x, frame_tails = self.frames(x, tails[:depth])
        return x, frame_tails + tails[depth:]

    def at_25_hz(self, x: Tensor, tails: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return latents [B, P, 8, 16] and the next tails, of what `at_100_hz` returned."""
        begin = len(self.frames.blocks)
        end = begin + len(self.latents.blocks)
        x = self.merge(x.reshape(*x.shape[:-2], format.LATENTS, -1))
        x, latent_tails = self.latents(x, tails[begin:end])
        x = self.mixer(x)
        x, more_tails = self.more(x, tails[end:])
        x = self.norm(x if self.last_mixer is None else self.last_mixer(x))
        raw = self.head(x)
        raw = raw if self.remainder is None else self.remainder(x, raw)
        return 2.0 * torch.tanh(raw), tails[:begin] + latent_tails + more_tails


def quantise(latents: Tensor) -> Tensor:
    """Return the nearest of -1.5, -0.5, 0.5, 1.5 for latents in (-2, 2): finite scalar quantisation (Mentzer 2023).

    The gradient passes as if nothing were rounded.
    """
    levels = nearest_level(latents.detach())
    return latents + (levels - latents).detach()


def flip_bits(levels: Tensor, probability: Tensor, processes: Processes = ALONE) -> Tensor:
    """Return levels [B, P, 8, 16] with flipped bits; the probability of a flip can be broadcast to that shape.

    Bits are Gray-coded, so that one flip moves a value to a neighbouring level or mirrors it. The high bit is the sign,
    the low bit is 1 for the inner levels.
    """
    sign, inner = levels.detach() > 0, levels.detach().abs() < 1
    sign = sign ^ (processes.uniform_like(levels) < probability)
    inner = inner ^ (processes.uniform_like(levels) < probability)
    damaged = (2.0 * sign - 1.0) * (1.5 - 1.0 * inner)
    return levels + (damaged - levels).detach()


class Decoder(nn.Module):
    """The decoder: levels to features in 0..1. A learned vector stands for a lost packet; the past does the rest."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        width, latent = config.frame_channels, config.latent_channels
        expansion = config.decoder_expansion or config.expansion
        hidden = config.decoder_packet_hidden or config.packet_hidden
        self.entry = nn.Linear(format.LATENT_DIMENSIONS, latent)
        self.gap = nn.Parameter(torch.zeros(format.LATENTS, latent))
        self.mixer = PacketMixer(format.LATENTS, latent, hidden)
        self.latents = PacketStack(latent, config.decoder_latent_blocks, expansion)
        self.split = nn.Linear(latent, FRAMES_PER_LATENT * width)
        self.frames = PacketStack(width, config.decoder_frame_blocks, expansion)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, format.FEATURES)
        nn.init.constant_(self.head.bias, CENTRE)

    def tails(self, batch: int) -> list[Tensor]:
        """Return the state before the first packet."""
        return self.latents.tails(batch) + self.frames.tails(batch)

    def forward(self, levels: Tensor, lost: Tensor, tails: list[Tensor]) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return the head's output [B, P, 32, 42], the features [B, P, 32, 42] made of it, and the next tails.

        levels: [B, P, 8, 16]; lost: [B, P, 1, 1], 1 = lost. The output is log-F0 and energies before clipping, and
        voicing, whose probability `as_features` makes of it.
        """
        depth = len(self.latents.blocks)
        x = self.mixer((1.0 - lost) * self.entry(levels) + lost * self.gap)
        x, latent_tails = self.latents(x, tails[:depth])
        x = self.split(x).reshape(*x.shape[:-2], format.PACKET_FRAMES, -1)
        x, frame_tails = self.frames(x, tails[depth:])
        raw = self.head(self.norm(x))
        return raw, as_features(raw), latent_tails + frame_tails


def spread(energies: Tensor, contrast: float, axis: int) -> Tensor:
    """Return values whose distance from their mean over an axis is larger by a factor."""
    mean = energies.mean(dim=axis, keepdim=True)
    return mean + contrast * (energies - mean)


def contrasted(energies: Tensor) -> Tensor:
    """Return the decoded energies [..., 32, 40] of one packet with about the contrast of the original."""
    return spread(spread(energies, BAND_CONTRAST, -1), TIME_CONTRAST, -2).clamp(0.0, 1.0)


def sharpened(table: Tensor) -> Tensor:
    """Return decoded features [B, 32 P, 42] as the vocoder gets them: with `contrasted` energies."""
    energies = folded(table[..., format.BANDS_SLICE])
    return torch.cat([table[..., : format.BANDS_SLICE.start], contrasted(energies).flatten(1, 2)], dim=-1)


def voicing_logit(raw: Tensor) -> Tensor:
    """Return the logit of the probability of voicing for the raw voicing output [...]."""
    return VOICING_SLOPE * (raw - CENTRE)


def as_features(raw: Tensor) -> Tensor:
    """Return features in 0..1 of the decoder's raw output [..., 42]: a sigmoid for voicing, the rest clipped."""
    voicing = torch.sigmoid(voicing_logit(raw[..., 1:2]))
    rest = torch.cat([raw[..., :1], voicing, raw[..., 2:]], dim=-1)
    return rest.clamp(0.0, 1.0)


class Codec(nn.Module):
    """Encoder, quantiser and decoder, for training."""

    name = "codec"

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
        processes: Processes = ALONE,
    ) -> tuple[Tensor, Tensor]:
        """Return the decoder's raw output and the features made of it, both [B, 32 P, 42].

        energies: [B, 32 P, 40]; periodicity: [B, 32 P, 128]; lost: [B, P, 1, 1], 1 = lost; flips: [B, 1, 1, 1],
        probability of a flipped bit; rounded: False passes the latents on as they are.
        """
        return self.explained(energies, periodicity, lost, flips, rounded, processes)[:2]

    def explained(
        self,
        energies: Tensor,
        periodicity: Tensor,
        lost: Tensor,
        flips: Tensor,
        rounded: bool = True,
        processes: Processes = ALONE,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return what `forward` returns and, third, what the encoder hears before the bottleneck.

        That is like the decoder's raw output, [B, 32 P, 42]; None where the configuration does not ask for it.
        """
        batch, shape = energies.shape[0], (energies.shape[0], -1, format.FEATURES)
        frames, tails = self.encoder.at_100_hz(folded(energies), folded(periodicity), self.encoder.tails(batch))
        heard = None if self.encoder.heard is None else self.encoder.heard(frames).reshape(shape)
        latents, _ = self.encoder.at_25_hz(frames, tails)
        levels = flip_bits(quantise(latents), flips, processes) if rounded else latents
        raw, decoded, _ = self.decoder(levels, lost, self.decoder.tails(batch))
        return raw.reshape(shape), decoded.reshape(shape), heard
