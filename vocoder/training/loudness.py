"""Difference in loudness as ITU-T P.862 (PESQ) weighs it, in a form that can be differentiated.

What is taken from the recommendation: Zwicker's loudness with exponent 0.23 over the threshold of hearing, 79 dB SPL
for speech; differences below a quarter of the smaller loudness are not heard; sound that was added counts more than
sound that is missing (asymmetry factor, exponent 1.2, ignored below 3 and at most 12).
What is left out: the alignment in time, the equalisation of a constant filter, the uneven means over time. The bands
are our 40 mel bands in place of 42 Bark bands. The threshold of hearing is Terhardt's formula (1979).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from codec import features, format
from codec.training.network import Analysis

SPEECH_SPL_DB = 79.0
EXPONENT = 0.23
SCALE = 0.1866
"""Loudness per sone of P.862 at 8 kHz."""
HEARD_SHARE = 0.25
ADDED_EXPONENT, ADDED_LEAST, ADDED_MOST = 1.2, 3.0, 12.0
ADDED_FLOOR = 50.0
SYMMETRIC_WEIGHT, ADDED_WEIGHT = 0.3, 0.03
"""P.862 has 0.1 and 0.0309; without its equalisation added sound would drown the rest."""


class Loudness(nn.Module):
    """Loss of perceived quality, 0 for identical sounds."""

    share: Tensor
    threshold: Tensor
    width: Tensor

    def __init__(self) -> None:
        super().__init__()
        edges = np.linspace(
            features.mel_of_hz(format.BAND_LOW_HZ), features.mel_of_hz(format.BAND_HIGH_HZ), format.BANDS + 2
        )
        hz = features.hz_of_mel(edges)
        bandwidth_hz = (hz[2:] - hz[:-2]) / 2
        khz = hz[1:-1] / 1000.0
        quiet_db = 3.64 * khz**-0.8 - 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4
        bark = 13 * np.arctan(0.76 * khz) + 3.5 * np.arctan((khz / 7.5) ** 2)  # Zwicker and Terhardt 1980
        for name, values in {
            "share": bandwidth_hz / (format.SAMPLE_RATE_HZ / 2) * 10 ** (SPEECH_SPL_DB / 10),
            "threshold": 10 ** (quiet_db / 10),
            "width": np.gradient(bark),
        }.items():
            self.register_buffer(name, torch.from_numpy(values.astype(np.float32)), persistent=False)

    def loudness(self, power: Tensor) -> Tensor:
        """Power in the bands, 1 at 0 dB SPL, [..., 40] -> loudness, 0 below the threshold."""
        ratio = (0.5 + 0.5 * power / self.threshold).clamp(min=1.0)
        return SCALE * (2.0 * self.threshold) ** EXPONENT * (ratio**EXPONENT - 1.0)

    def forward(self, true: Tensor, made: Tensor, analysis: Analysis, weights: Tensor) -> Tensor:
        """true, made [B, S]; weights [B, N] of the frames. The level is set by the true segment."""
        level = true.square().mean(-1, keepdim=True).clamp(min=1e-6)[..., None]
        a = analysis.power(true) @ analysis.mel / level * self.share  # [B, N, 40]
        b = analysis.power(made) @ analysis.mel / level * self.share
        loud_a, loud_b = self.loudness(a), self.loudness(b)
        difference = (loud_b - loud_a).abs()
        heard = (difference - HEARD_SHARE * torch.minimum(loud_a, loud_b)).clamp(min=0.0)
        added = ((b.detach() + ADDED_FLOOR) / (a + ADDED_FLOOR)) ** ADDED_EXPONENT
        added = torch.where(added < ADDED_LEAST, torch.zeros_like(added), added.clamp(max=ADDED_MOST))
        total = self.width.sum()
        symmetric = total * ((self.width * heard.square()).sum(-1) / total + 1e-6).sqrt()
        asymmetric = (self.width * heard * added).sum(-1)
        frames = SYMMETRIC_WEIGHT * symmetric + ADDED_WEIGHT * asymmetric
        return (frames * weights).sum() / weights.sum()
