"""The codec as it is exported: one packet a call, everything inside, the streaming state one flat tensor.

Order of the state: what the graph itself keeps (named in each class), then the tails of the blocks in order.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from codec import features, format
from codec.packing import unpack
from codec.training.export.fused_blocks import MixerForm, RemainderForm, StackForm, columns
from codec.training.model.network import FRAMES_PER_LATENT, Decoder, Encoder, as_features, contrasted
from codec.training.model.normalisation import HIGHEST, LOWEST, SPREAD

FADE_START_FRAMES = 8
"""Frames of a lost packet that are played as the network guesses them: 80 ms."""
FADE_FRAMES = 56
"""Frames in which the guess then fades, linearly in dB, to comfort noise: reached 640 ms after the loss began."""
NOISE_RISE = 0.008
"""Most that the comfort noise rises in a packet, 0.8 dB; down it follows the quietest frame of a packet at once."""
NOISE_LIMIT = 0.45
"""Highest level of the comfort noise, -40 dB."""


BYTE_WEIGHTS = 4.0 ** torch.arange(3, -1, -1)[:, None]
"""Weights of the four values of two bits in a byte, [4, 1]."""


def packed(values: Tensor, weights: Tensor) -> Tensor:
    """Return the bytes, uint8 [1, n], of 4 n values, rounded and Gray-coded as in `codec.packing`.

    weights: BYTE_WEIGHTS, as a constant of the graph.
    """
    count = values.numel() // 4
    sign, inner = (values >= 0.0).float(), (values.abs() < 1.0).float()
    pairs = (sign + sign + inner).reshape(1, count, 4)
    return (pairs @ weights).reshape(1, count).to(torch.uint8)


def levels_of_bytes() -> Tensor:
    """Return the four levels that each byte stands for, float32 [256, 4]."""
    return torch.from_numpy(np.stack([unpack(bytes([n] * 32)).reshape(-1)[:4] for n in range(256)]))


def half_frames(signal: Tensor) -> tuple[Tensor, Tensor]:
    """Return both halves of each frame of 320, [N, 160] twice, of a signal [1, 80 (N + 3)].

    One goes from the middle to the end, the other from the middle backwards. The middle is in both. The first sample is
    in neither; all our windows are zero there.
    """
    hop, count = format.HOP_SAMPLES, signal.shape[1] // format.HOP_SAMPLES - 3
    frame = torch.arange(count)[:, None]
    onwards = signal.reshape(-1, hop)  # in hops
    backwards = torch.flip(signal[:, 1 : 1 - hop], [1]).reshape(-1, hop)
    right = onwards[torch.cat([frame + 2, frame + 3], dim=1)]
    left = backwards[torch.cat([count - frame, count + 1 - frame], dim=1)]
    return right.reshape(count, -1), left.reshape(count, -1)


def half_transforms(size: int, window: Tensor) -> tuple[Tensor, Tensor]:
    """Return cosines for the sum of the halves of a frame, and negative sines for their difference: [160, K] each.

    Under a symmetric window this takes half the multiplications of the plain transform. It sees the frame from its
    middle, which changes only the phase of a spectrum: at 320 points the sign of every other bin.
    """
    half = format.WINDOW_SAMPLES // 2
    m = torch.arange(half, dtype=torch.float64)[:, None]
    angle = 2 * math.pi * ((m * torch.arange(size // 2 + 1, dtype=torch.float64)) % size) / size
    weights = window[half:].double()[:, None].clone()
    sines = -weights * torch.sin(angle)
    weights[0] *= 0.5  # the middle is in both halves
    return (weights * torch.cos(angle)).float(), sines.float()


class EncoderGraph(nn.Module):
    """The exported encoder: samples [1, 2560], state -> packet uint8 [1, 32], latents [1, 8, 16], next state.

    The latents are the values before rounding, for measurements; only the packet travels. First in the state: the last
    240 samples. Whatever is not a number counts as silence.
    """

    cosines: Tensor
    sines: Tensor
    products: Tensor
    stem: Tensor
    merge: Tensor
    head: Tensor
    head_bias: Tensor
    weights: Tensor
    hidden: Tensor
    hidden_bias: Tensor
    hidden_out: Tensor

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.frames = StackForm(encoder.frames, encoder.stem.bias.detach())
        every = self.frames.offset_after.repeat(FRAMES_PER_LATENT)
        self.latents = StackForm(encoder.latents, encoder.merge(every).detach())
        self.mixer, self.norm = MixerForm(encoder.mixer), encoder.norm
        self.more = None if encoder.last_mixer is None else StackForm(encoder.more, torch.zeros(self.latents.channels))
        self.last_mixer = None if encoder.last_mixer is None else MixerForm(encoder.last_mixer)
        self.remainder = None if encoder.remainder is None else RemainderForm(encoder.remainder)
        hidden = {}
        if encoder.stem.widen is not None and encoder.stem.narrow is not None:
            widen, narrow = encoder.stem.widen, encoder.stem.narrow
            hidden = {"hidden": columns(widen), "hidden_bias": widen.bias.detach(), "hidden_out": columns(narrow)}
        self.has_hidden = bool(hidden)
        window = features.window()
        norm = float((window.astype("float64") ** 2).sum())
        products = [features.mel_matrix(), features.energy_row()[None], features.lag_matrix()]
        cosines, sines = half_transforms(features.FFT_SIZE, torch.from_numpy(window))
        for name, values in {
            "cosines": cosines,
            "sines": sines,
            "products": torch.from_numpy((np.concatenate(products).T / norm).astype("float32")),
            "stem": columns(encoder.stem),
            "merge": columns(encoder.merge),
            "head": columns(encoder.head),
            "head_bias": encoder.head.bias.detach(),
            "weights": BYTE_WEIGHTS,
            **hidden,
        }.items():
            self.register_buffer(name, values, persistent=False)

    def state_size(self) -> int:
        """Return the number of values in the state."""
        more = 0 if self.more is None else self.more.state_size()
        return format.DELAY_SAMPLES + self.frames.state_size() + self.latents.state_size() + more

    def seen(self, heard: Tensor) -> Tensor:
        """Return the network's input [32, 168] for samples [1, 2800]: normalised energies, and periodicity."""
        right, left = half_frames(heard)
        real, imaginary = (right + left) @ self.cosines, (right - left) @ self.sines
        power = real * real + imaginary * imaginary  # [32, 257], times the window's
        bands, energy, lags = torch.split(power @ self.products, [format.BANDS, 1, features.LAGS], dim=1)
        span_db = format.BAND_HIGH_DB - format.BAND_LOW_DB
        scaled = torch.log(bands + features.POWER_FLOOR) * (10.0 * SPREAD / math.log(10.0) / span_db)
        energies = (scaled - (SPREAD * format.BAND_LOW_DB / span_db - LOWEST)).clamp(LOWEST, HIGHEST)
        return torch.cat([energies, lags / (energy + features.POWER_FLOOR)], dim=1)

    def forward(self, samples: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute one packet: see the class."""
        sound = torch.where(samples == samples, samples, torch.zeros(1)).clamp(-1.0, 1.0)
        sizes = [format.DELAY_SAMPLES, self.frames.state_size(), self.latents.state_size()]
        sizes += [] if self.more is None else [self.more.state_size()]
        past, frame_state, latent_state, *rest = torch.split(state, sizes, dim=1)
        heard = torch.cat([past, sound], dim=1)
        seen = self.seen(heard)
        x = seen @ self.stem
        if self.has_hidden:
            x = torch.addmm(x, functional.gelu(torch.addmm(self.hidden_bias, seen, self.hidden)), self.hidden_out)
        x, frame_state = self.frames(x, frame_state)
        x, latent_state = self.latents(x.reshape(format.LATENTS, -1) @ self.merge, latent_state)
        x = x + self.latents.offset_after
        x = x + self.mixer(x)
        if self.more is not None and self.last_mixer is not None:
            x, state_after = self.more(x, rest[0])
            x, rest = x + self.more.offset_after, [state_after]
            x = x + self.last_mixer(x)
        x = self.norm(x)
        raw = torch.addmm(self.head_bias, x, self.head)
        latents = 2.0 * torch.tanh(raw if self.remainder is None else self.remainder(x, raw))
        packet = packed(latents, self.weights)
        state = torch.cat([heard[:, -format.DELAY_SAMPLES :], frame_state, latent_state, *rest], dim=1)
        return packet, latents[None], state


class DecoderGraph(nn.Module):
    """The exported decoder: packet uint8 [1, 32], lost float32 [1], state -> features [1, 32, 42], next state.

    lost: 1 = nothing arrived, and the packet is ignored. First in the state: frames lost in a row, then the comfort
    noise [40].
    """

    levels: Tensor
    entry: Tensor
    entry_bias: Tensor
    gap: Tensor
    split: Tensor
    offset: Tensor
    head: Tensor
    head_bias: Tensor
    places: Tensor

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.mixer, self.norm = MixerForm(decoder.mixer), decoder.norm
        width = decoder.entry.out_features
        self.latents = StackForm(decoder.latents, torch.zeros(width))
        every = decoder.split(self.latents.offset_after).detach().reshape(FRAMES_PER_LATENT, -1)
        self.frames = StackForm(decoder.frames, torch.zeros(every.shape[1]))
        for name, constant in {
            "levels": levels_of_bytes(),
            "entry": columns(decoder.entry),
            "entry_bias": decoder.entry.bias.detach(),
            "gap": decoder.gap.detach() - decoder.entry.bias.detach(),
            "split": columns(decoder.split),
            "offset": every.repeat(format.LATENTS, 1),
            "head": columns(decoder.head),
            "head_bias": decoder.head.bias.detach(),
            "places": torch.arange(1, format.PACKET_FRAMES + 1).float()[:, None],
        }.items():
            self.register_buffer(name, constant, persistent=False)

    def state_size(self) -> int:
        """Return the number of values in the state."""
        return 1 + format.BANDS + self.latents.state_size() + self.frames.state_size()

    def table(self, packet: Tensor, gone: Tensor, latents: Tensor, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return features [32, 42] and the next states of both stacks, for packet [1, 32] and gone [1, 1]."""
        levels = self.levels[packet.to(torch.int64)].reshape(format.LATENTS, format.LATENT_DIMENSIONS)
        x = torch.addmm(gone * self.gap + self.entry_bias, levels * (1.0 - gone), self.entry)
        x, latents = self.latents(x + self.mixer(x), latents)
        x = (x @ self.split).reshape(format.PACKET_FRAMES, -1) + self.offset
        x, frames = self.frames(x, frames)
        raw = torch.addmm(self.head_bias, self.norm(x + self.frames.offset_after), self.head)
        return as_features(raw), latents, frames

    def forward(self, packet: Tensor, lost: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Compute one packet: see the class."""
        gone = lost.reshape(1, 1)
        sizes = [1, format.BANDS, self.latents.state_size(), self.frames.state_size()]
        count, noise, latents, frames = torch.split(state, sizes, dim=1)
        table, latents, frames = self.table(packet, gone, latents, frames)
        fade = ((count + self.places - FADE_START_FRAMES) * (1.0 / FADE_FRAMES)).clamp(0.0, 1.0) * gone  # [32, 1]
        pitch, voicing, energies = torch.split(table, [1, 1, format.BANDS], dim=1)
        energies = contrasted(energies)
        faded = energies + fade * (torch.minimum(energies, noise) - energies)
        out = torch.cat([pitch, voicing * (1.0 - fade), faded], dim=1)[None]
        quiet = torch.minimum(energies.amin(dim=0, keepdim=True), noise + NOISE_RISE).clamp(0.0, NOISE_LIMIT)
        noise_after = gone * noise + (1.0 - gone) * quiet
        count_after = gone * torch.clamp(count + format.PACKET_FRAMES, max=1000.0)
        return out, torch.cat([count_after, noise_after, latents, frames], dim=1)
