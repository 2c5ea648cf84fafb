"""The networks that make a coarse copy of a packet, 64 bits, and rebuild the packet's features from it.

A copy is made of a packet's decoded features, so whoever has the packets can make it. It is read beside the last frames
of the packet before, which tell the voice, the level and where the pitch was.

Letters: B packets, 32 frames and 8 latents a packet, 4 dimensions a latent with 4 levels each.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from codec import format
from codec.training.model.blocks import PacketMixer, PacketStack
from codec.training.model.network import FRAMES_PER_LATENT, quantise
from codec.training.model.normalisation import CENTRE

PAST_LATENTS = format.PAST_FRAMES // FRAMES_PER_LATENT


@dataclass(frozen=True)
class CopyConfig:
    """Widths and depths of both networks; stored in the checkpoint of a run."""

    frame_channels: int = 64
    """Channels at 100 Hz."""
    latent_channels: int = 96
    """Channels at 25 Hz."""
    encoder_frame_blocks: int = 1
    """Blocks at 100 Hz in the encoder."""
    encoder_latent_blocks: int = 2
    """Blocks at 25 Hz in the encoder."""
    decoder_latent_blocks: int = 3
    """Blocks at 25 Hz in the decoder."""
    decoder_frame_blocks: int = 2
    """Blocks at 100 Hz in the decoder."""
    expansion: int = 2
    """Width inside a block, over its channels."""
    packet_hidden: int = 96
    """Width inside the maps over a whole packet."""


class CopyEncoderNetwork(nn.Module):
    """Features of a packet to the values of its copy before rounding, each in (-2, 2)."""

    def __init__(self, config: CopyConfig) -> None:
        super().__init__()
        width, latent = config.frame_channels, config.latent_channels
        self.stem = nn.Linear(format.FEATURES, width)
        self.frames = PacketStack(width, config.encoder_frame_blocks, config.expansion)
        self.merge = nn.Linear(FRAMES_PER_LATENT * width, latent)
        self.latents = PacketStack(latent, config.encoder_latent_blocks, config.expansion)
        self.mixer = PacketMixer(format.LATENTS, latent, config.packet_hidden)
        self.norm = nn.LayerNorm(latent)
        self.head = nn.Linear(latent, format.COPY_DIMENSIONS)

    def forward(self, table: Tensor) -> Tensor:
        """Return values [B, 8, 4] of features [B, 32, 42]."""
        batch = table.shape[0]
        x, _ = self.frames(self.stem(table - CENTRE)[:, None], self.frames.tails(batch))
        x = self.merge(x.reshape(batch, 1, format.LATENTS, -1))
        x, _ = self.latents(x, self.latents.tails(batch))
        values: Tensor = 2.0 * torch.tanh(self.head(self.norm(self.mixer(x)))[:, 0])
        return values


class CopyDecoderNetwork(nn.Module):
    """A copy's levels and the last frames before the packet, to the packet's features."""

    def __init__(self, config: CopyConfig) -> None:
        super().__init__()
        width, latent = config.frame_channels, config.latent_channels
        self.entry = nn.Linear(format.COPY_DIMENSIONS, latent)
        self.past_entry = nn.Linear(FRAMES_PER_LATENT * format.FEATURES, latent)
        self.mixer = PacketMixer(PAST_LATENTS + format.LATENTS, latent, config.packet_hidden)
        self.latents = PacketStack(latent, config.decoder_latent_blocks, config.expansion)
        self.split = nn.Linear(latent, FRAMES_PER_LATENT * width)
        self.past_frames = nn.Linear(format.FEATURES, width)
        self.frames = PacketStack(width, config.decoder_frame_blocks, config.expansion)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, format.FEATURES)
        nn.init.constant_(self.head.bias, CENTRE)

    def forward(self, levels: Tensor, past: Tensor) -> Tensor:
        """Return what `network.as_features` makes features of, [B, 32, 42], for levels [B, 8, 4], past [B, 8, 42]."""
        batch = levels.shape[0]
        past = past - CENTRE
        before = self.past_entry(past.reshape(batch, PAST_LATENTS, -1))
        x = self.mixer(torch.cat([before, self.entry(levels)], dim=1)[:, None])
        x, _ = self.latents(x, self.latents.tails(batch))
        x = self.split(x).reshape(batch, 1, format.PAST_FRAMES + format.PACKET_FRAMES, -1)
        own = torch.cat([self.past_frames(past)[:, None], torch.zeros_like(x[:, :, format.PAST_FRAMES :])], dim=2)
        x, _ = self.frames(x + own, self.frames.tails(batch))
        raw: Tensor = self.head(self.norm(x))[:, 0, format.PAST_FRAMES :]
        return raw


class Copies(nn.Module):
    """Both networks, for training."""

    name = "copies"

    def __init__(self, config: CopyConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = CopyEncoderNetwork(config)
        self.decoder = CopyDecoderNetwork(config)

    def forward(self, table: Tensor, past: Tensor) -> Tensor:
        """Return the raw features [B, 32, 42] rebuilt of the copies of features [B, 32, 42], after past [B, 8, 42]."""
        return self.decoder(quantise(self.encoder(table)), past)
