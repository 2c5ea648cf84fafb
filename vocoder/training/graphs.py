"""The vocoder as it is exported: features of one packet in, 2560 samples out, nothing before or after."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from codec import format
from codec.training.blocks import HALF
from codec.training.graphs import packed, tail_sizes, transform_kernel, unpacked
from vocoder import source
from vocoder.training.network import Vocoder, f0_hz, log_power, pulse_train, shaped

KEPT = 3 + 2 * format.DELAY_SAMPLES


def inverse_kernel(window: Tensor) -> Tensor:
    """[2 K, 1, 1, 320]: the inverse of `transform_kernel` for n_fft 320, windowed, halved for the overlap of 4."""
    size = format.WINDOW_SAMPLES
    n = torch.arange(size, dtype=torch.float64)
    k = torch.arange(source.BINS, dtype=torch.float64)[:, None]
    fold = torch.full((source.BINS, 1), 2.0, dtype=torch.float64)
    fold[0] = fold[-1] = 1.0
    angle = 2 * math.pi * ((k * n) % size) / size
    kernel = torch.cat([fold * torch.cos(angle), -fold * torch.sin(angle)]) * window.double() * (0.5 / size)
    return kernel.float()[:, None, None, :]


class VocoderGraph(nn.Module):
    """features [1, 32, 42], state -> samples [1, 2560] in [-1, 1], next state.

    First in the state: phase of the pulse train in cycles, its last F0 in Hz (0 at the start), position in the noise
    table; the last 240 samples of the pulse train; the 240 samples of overlap-add that later frames still add to."""

    kernel: Tensor
    inverse: Tensor
    table: Tensor
    steps: Tensor

    def __init__(self, vocoder: Vocoder) -> None:
        super().__init__()
        self.vocoder = vocoder
        self.channels = tail_sizes(vocoder.gains.stack)
        window = torch.from_numpy(source.window())
        for name, values in {
            "kernel": transform_kernel(format.WINDOW_SAMPLES, window),
            "inverse": inverse_kernel(window),
            "table": torch.from_numpy(source.noise_table()),
            "steps": torch.arange(format.DELAY_SAMPLES + format.PACKET_SAMPLES),
        }.items():
            self.register_buffer(name, values, persistent=False)

    def state_size(self) -> int:
        """Values in the state."""
        return KEPT + HALF * sum(self.channels)

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        delay, hop = format.DELAY_SAMPLES, format.HOP_SAMPLES
        phase, last_f0, place, past, tail, tails = torch.split(
            state, [1, 1, 1, delay, delay, HALF * sum(self.channels)], dim=1
        )
        given = features[0].clamp(0.0, 1.0)  # [32, 42]
        f0 = f0_hz(given[None, :, 0])
        pulses, phase_after = pulse_train(f0, last_f0, phase)
        pulses = torch.cat([past, pulses], dim=1)
        here = place.to(torch.int64) + self.steps
        hiss = self.table[torch.remainder(here, source.NOISE_SAMPLES)]
        both = torch.cat([pulses, hiss], dim=0)[:, None, None]  # [2, 1, 1, 2800]
        spectra = nn.functional.conv2d(both, self.kernel, stride=(1, hop))[:, :, 0].transpose(1, 2)  # [2, 32, 2 K]
        real, imaginary = spectra[0, :, : source.BINS], spectra[0, :, source.BINS :]
        hiss_real, hiss_imaginary = spectra[1, :, : source.BINS], spectra[1, :, source.BINS :]
        gains, tails_after = self.vocoder.gains(given, log_power(real, imaginary), unpacked(tails, self.channels))
        gain_real, gain_imaginary, breath = shaped(given, gains, self.vocoder.envelope)
        made_real = real * gain_real - imaginary * gain_imaginary + hiss_real * breath
        made_imaginary = real * gain_imaginary + imaginary * gain_real + hiss_imaginary * breath
        made = torch.cat([made_real, made_imaginary], dim=1).t()[None, :, None]  # [1, 2 K, 1, 32]
        sound = nn.functional.conv_transpose2d(made, self.inverse, stride=(1, hop))[:, 0, 0]  # [1, 2800]
        start = sound[:, :delay] + tail
        samples = torch.cat([start, sound[:, delay : format.PACKET_SAMPLES]], dim=1).clamp(-1.0, 1.0)
        place_after = torch.remainder(place + format.PACKET_SAMPLES, source.NOISE_SAMPLES)
        kept = [phase_after, f0[:, -1:], place_after, pulses[:, -delay:], sound[:, format.PACKET_SAMPLES :]]
        return samples, torch.cat([*kept, packed(tails_after)], dim=1)
