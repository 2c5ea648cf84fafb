"""The torch twin of codec/features.py. Letters: B segments, N frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codec import features, format
from codec.training.loop.precision import full_precision

SPAN_DB = format.BAND_HIGH_DB - format.BAND_LOW_DB
"""Range of a band energy: 0..1 is so many dB."""


class Analysis(nn.Module):
    """The analysis of samples into band energies and normalised autocorrelation."""

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
        """Return the power per bin [B, N, 257] of samples [B, 240 + 80 N]; frame 0 covers the first 320."""
        frames = samples.unfold(1, format.WINDOW_SAMPLES, format.HOP_SAMPLES) * self.window
        spectrum = torch.fft.rfft(frames, n=features.FFT_SIZE)
        return (spectrum.real**2 + spectrum.imag**2) / self.norm

    def energies(self, power: Tensor) -> Tensor:
        """Return band energies [B, N, 40] in 0..1 of power [B, N, 257]."""
        with full_precision():
            decibels = 10.0 * torch.log10(power @ self.mel + features.POWER_FLOOR)
        return ((decibels - format.BAND_LOW_DB) / (format.BAND_HIGH_DB - format.BAND_LOW_DB)).clamp(0.0, 1.0)

    def energies_of(self, samples: Tensor) -> Tensor:
        """Return band energies [B, N, 40] in 0..1 of samples [B, 240 + 80 N]."""
        return self.energies(self.power(samples))

    def periodicity(self, power: Tensor) -> Tensor:
        """Return the autocorrelation over that of lag 0, [B, N, 128], about -1..1, of power [B, N, 257]."""
        with full_precision():
            return (power @ self.lag) / ((power * self.energy).sum(-1, keepdim=True) + features.POWER_FLOOR)

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Return band energies [B, N, 40] and periodicity [B, N, 128] of samples [B, 240 + 80 N]."""
        power = self.power(samples)
        return self.energies(power), self.periodicity(power)


def frame_weights(energies: Tensor) -> Tensor:
    """Return how much each frame counts, [B, N], for its true energies [B, N, 40]: 0.1 in the background, 1 in speech.

    The scale is the segment's own: full weight down to 20 dB below its loud frames, 0.1 at 50 dB below.
    """
    level_db = SPAN_DB * energies.topk(8, dim=-1).values.mean(-1)
    loud = torch.quantile(level_db, 0.95, dim=1, keepdim=True)
    return ((level_db - loud + 50.0) / 30.0).clamp(0.1, 1.0)
