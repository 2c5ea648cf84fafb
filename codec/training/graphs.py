"""The codec as it is exported: one packet a call, everything inside, the streaming state one flat tensor.

Order of the state: what the graph itself keeps (named in each class), then the tails of the blocks in order.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from codec import features, format
from codec.training.blocks import HALF, PacketStack
from codec.training.network import Decoder, Encoder, contrasted

FADE_START_FRAMES = 8
"""A lost packet is played as the network guesses it for 80 ms, ..."""
FADE_FRAMES = 56
"""... then fades, linearly in dB, to comfort noise, which it reaches 640 ms after the loss began."""
NOISE_RISE = 0.008
"""The comfort noise follows the quietest frame of each packet down at once and up by 0.8 dB a packet, ..."""
NOISE_LIMIT = 0.45
"""... and stays below -40 dB."""


def tail_sizes(*stacks: PacketStack) -> list[int]:
    """Channels of each block's tail."""
    return [block.channels for stack in stacks for block in stack.blocks]


def unpacked(flat: Tensor, channels: list[int]) -> list[Tensor]:
    """[1, sum(3 C)] -> tails [3, C]."""
    pieces = torch.split(flat, [HALF * c for c in channels], dim=1)
    return [piece.reshape(HALF, c) for piece, c in zip(pieces, channels, strict=True)]


def packed(tails: list[Tensor]) -> Tensor:
    """The inverse of `unpacked`."""
    return torch.cat([tail.reshape(1, -1) for tail in tails], dim=1)


def transform_kernel(size: int, window: Tensor) -> Tensor:
    """[2 K, 1, 1, 320]: windowed cosines, then negative sines, of a transform of `size` points as a convolution."""
    n = torch.arange(len(window), dtype=torch.float64)
    k = torch.arange(size // 2 + 1, dtype=torch.float64)[:, None]
    angle = 2 * math.pi * ((k * n) % size) / size
    kernel = torch.cat([torch.cos(angle), -torch.sin(angle)]) * window.double()
    return kernel.float()[:, None, None, :]


class EncoderGraph(nn.Module):
    """samples [1, 2560], state -> packet uint8 [1, 32], latents [1, 8, 16], next state.

    The latents are the values before rounding, to be looked at; the packet is all that travels. First in the state:
    the last 240 samples. Whatever is not a number counts as silence."""

    kernel: Tensor
    mel: Tensor
    lag: Tensor
    energy: Tensor
    weights: Tensor

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.channels = tail_sizes(encoder.frames, encoder.latents)
        window = features.window()
        norm = float((window.astype("float64") ** 2).sum())
        for name, values in {
            "kernel": transform_kernel(features.FFT_SIZE, torch.from_numpy(window)),
            "mel": torch.from_numpy((features.mel_matrix().T / norm).astype("float32")),
            "lag": torch.from_numpy((features.lag_matrix().T / norm).astype("float32")),
            "energy": torch.from_numpy((features.energy_row() / norm).astype("float32"))[:, None],
            "weights": 2.0 ** torch.arange(7, -1, -1),
        }.items():
            self.register_buffer(name, values, persistent=False)

    def state_size(self) -> int:
        """Values in the state."""
        return format.DELAY_SAMPLES + HALF * sum(self.channels)

    def forward(self, samples: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        sound = torch.where(samples == samples, samples, torch.zeros_like(samples)).clamp(-1.0, 1.0)
        past, tails = state[:, : format.DELAY_SAMPLES], state[:, format.DELAY_SAMPLES :]
        heard = torch.cat([past, sound], dim=1)
        spectrum = nn.functional.conv2d(heard[:, None, None], self.kernel, stride=(1, format.HOP_SAMPLES))
        spectrum = spectrum[0, :, 0]  # [514, 32]
        real, imaginary = spectrum[: features.BINS], spectrum[features.BINS :]
        power = (real * real + imaginary * imaginary).t()  # [32, 257]
        span_db = format.BAND_HIGH_DB - format.BAND_LOW_DB
        scaled = torch.log(power @ self.mel + features.POWER_FLOOR) * (10.0 / math.log(10.0) / span_db)
        energies = (scaled - format.BAND_LOW_DB / span_db).clamp(0.0, 1.0)
        periodicity = (power @ self.lag) / (power @ self.energy + features.POWER_FLOOR)
        latents, tails_after = self.encoder(energies, periodicity, unpacked(tails, self.channels))
        sign = (latents >= 0.0).float()
        inner = (latents.abs() < 1.0).float()
        bits = torch.stack([sign, inner], dim=-1).reshape(1, format.PACKET_BYTES, 8)
        packet = (bits * self.weights).sum(-1).to(torch.uint8)
        return packet, latents[None], torch.cat([heard[:, -format.DELAY_SAMPLES :], packed(tails_after)], dim=1)


class DecoderGraph(nn.Module):
    """packet uint8 [1, 32], lost float32 [1] (1 = nothing came; the packet is not looked at), state -> features
    [1, 32, 42], next state. First in the state: frames lost in a row, then the comfort noise [40]."""

    divisors: Tensor
    places: Tensor

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder
        self.channels = tail_sizes(decoder.latents, decoder.frames)
        self.register_buffer("divisors", 2.0 ** -torch.arange(7, -1, -1), persistent=False)
        self.register_buffer("places", torch.arange(1, format.PACKET_FRAMES + 1).float()[:, None], persistent=False)

    def state_size(self) -> int:
        """Values in the state."""
        return 1 + format.BANDS + HALF * sum(self.channels)

    def forward(self, packet: Tensor, lost: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        shifted = torch.floor(packet.float()[..., None] * self.divisors)
        bits = shifted - 2.0 * torch.floor(shifted * 0.5)  # [1, 32, 8]
        bits = bits.reshape(format.LATENTS, format.LATENT_DIMENSIONS, 2)
        levels = (2.0 * bits[..., 0] - 1.0) * (1.5 - bits[..., 1])
        gone = lost.reshape(1, 1)
        count, noise, tails = torch.split(state, [1, format.BANDS, HALF * sum(self.channels)], dim=1)
        _, table, tails_after = self.decoder(levels, gone, unpacked(tails, self.channels))  # [32, 42]
        fade = ((count + self.places - FADE_START_FRAMES) * (1.0 / FADE_FRAMES)).clamp(0.0, 1.0) * gone  # [32, 1]
        pitch, voicing, energies = torch.split(table, [1, 1, format.BANDS], dim=1)
        energies = contrasted(energies)
        faded = energies + fade * (torch.minimum(energies, noise) - energies)
        out = torch.cat([pitch, voicing * (1.0 - fade), faded], dim=1)[None]
        quiet = torch.minimum(energies.amin(dim=0, keepdim=True), noise + NOISE_RISE).clamp(0.0, NOISE_LIMIT)
        noise_after = gone * noise + (1.0 - gone) * quiet
        count_after = gone * torch.clamp(count + format.PACKET_FRAMES, max=1000.0)
        return out, torch.cat([count_after, noise_after, packed(tails_after)], dim=1)
