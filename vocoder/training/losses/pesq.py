"""A loss on perceived quality: ITU-T P.862 (PESQ, narrow-band) in a form that can be differentiated.

Taken from the recommendation with its constants: level, IRS receive filter, 42 Bark bands, equalisation of a constant
filter (at most 20 dB), gain of each frame, Zwicker's loudness, dead zone of a quarter of the smaller loudness,
asymmetry factor (exponent 1.2, ignored below 3, at most 12), L6 over 320 ms, L2 over those. Left out: the alignment
in time (what is compared here is aligned), bad intervals, silence before and after.

Measured on 140 sounds (28 sentences of speakers of the training part; plain, sharpened, smoothed, true features):
correlation with the scores of the `pesq` package 0.92; without equalisation 0.86, with L2 in place of L6 0.89.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from codec import format
from codec.training.losses import Loss

WINDOW, HOP = 256, 128
BINS = WINDOW // 2
BINS_OF_BAND = (1,) * 8 + (2,) + (1,) * 5 + (2, 1, 1) + (2,) * 8 + (3,) * 4 + (4, 3, 4, 5, 4, 5, 6, 6, 7, 8, 9, 9, 11)
WIDTH_BARK = (
    0.157344, 0.317994, 0.322441, 0.326934, 0.331474, 0.336061, 0.340697, 0.345381, 0.350114, 0.354897, 0.359729,
    0.364611, 0.369544, 0.374529, 0.379565, 0.384653, 0.389794, 0.394989, 0.400236, 0.405538, 0.410894, 0.416306,
    0.421773, 0.427297, 0.432877, 0.438514, 0.444209, 0.449962, 0.455774, 0.461645, 0.467577, 0.473569, 0.479621,
    0.485736, 0.491912, 0.498151, 0.504454, 0.510819, 0.517250, 0.523745, 0.530308, 0.536934,
)  # fmt: skip
DENSITY = (
    100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 50.0, 100.0, 100.0, 100.0, 100.0, 100.0, 53.047077,
    110.000046, 117.991989, 65.0, 68.760147, 69.999931, 71.428818, 75.000038, 76.843384, 80.968781, 88.646126,
    63.864388, 68.155350, 72.547775, 75.584831, 58.379192, 80.950836, 64.135651, 54.384785, 73.821884, 64.437073,
    59.176456, 65.521278, 61.399822, 58.144047, 57.004543, 64.126297, 59.248363,
)  # fmt: skip
"""Correction of the power density in each band."""
THRESHOLD = (
    51286152.0, 2454709.5, 70794.59375, 4897.788574, 1174.897705, 389.045166, 104.712860, 45.708820, 17.782795,
    9.772372, 4.897789, 3.090296, 1.905461, 1.258925, 0.977237, 0.724436, 0.562341, 0.457088, 0.389045, 0.331131,
    0.295121, 0.269153, 0.257040, 0.251189, 0.251189, 0.251189, 0.251189, 0.263027, 0.288403, 0.309030, 0.338844,
    0.371535, 0.398107, 0.436516, 0.467735, 0.489779, 0.501187, 0.501187, 0.512861, 0.524807, 0.524807, 0.524807,
)  # fmt: skip
"""Power at the threshold of hearing."""
IRS_RECEIVE_DB = (
    (0, -200), (50, -40), (100, -20), (125, -12), (160, -6), (200, 0), (250, 4), (300, 6), (350, 8), (400, 10),
    (500, 11), (600, 12), (3250, 12), (3500, 4), (4000, -200),
)  # fmt: skip
"""Gain of the telephone's receiver: (Hz, dB)."""
POWER_SCALE, LOUDNESS_SCALE = 2.764344e-5, 0.1866055
EXPONENT = 0.23
SPEECH_POWER, LEVEL_HZ = 1e7, (350.0, 3250.0)
"""Mean power that both sounds are brought to, and the frequencies between which it is measured."""
SYMMETRIC_WEIGHT, ADDED_WEIGHT = 0.1, 0.0309
INTERVAL = 20
"""Frames of 16 ms in the intervals of the L6 norm, half overlapping."""
LARGEST = 45.0


class Pesq(nn.Module):
    """Points lost on PESQ's raw scale, which ends at 4.5: 0 for identical sounds."""

    receiver: Tensor
    bands: Tensor
    counted: Tensor
    width: Tensor
    threshold: Tensor
    exponent: Tensor
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        hz = np.arange(BINS) * (format.SAMPLE_RATE_HZ / WINDOW)
        bands = np.zeros((BINS, len(BINS_OF_BAND)))
        edges = np.cumsum((0, *BINS_OF_BAND))
        for band, (low, high) in enumerate(itertools.pairwise(edges)):
            bands[low:high, band] = DENSITY[band] * POWER_SCALE
        bands[0] = 0.0
        width = np.array(WIDTH_BARK)
        centre = np.cumsum(width) - width / 2
        low_boost = np.where(centre < 4.0, np.minimum(6.0 / (centre + 2.0), 2.0) ** 0.15, 1.0)
        window = 0.5 * (1.0 - np.cos(2.0 * np.pi * np.arange(WINDOW) / WINDOW))
        for name, values in {
            "receiver": 10.0 ** (np.interp(hz, *np.array(IRS_RECEIVE_DB, dtype=float).T) / 10.0),
            "bands": bands,
            "counted": ((hz >= LEVEL_HZ[0]) & (hz <= LEVEL_HZ[1])) * (2.0 / (WINDOW * (window**2).sum())),
            "width": width,
            "threshold": np.array(THRESHOLD),
            "exponent": EXPONENT * low_boost,
            "window": window,
        }.items():
            self.register_buffer(name, torch.from_numpy(values.astype(np.float32)), persistent=False)

    def density(self, samples: Tensor) -> Tensor:
        """Return the power in bands [B, frames, 42] of sound [B, S], behind the receiver, at the level of speech."""
        spectrum = torch.fft.rfft(samples.unfold(1, WINDOW, HOP) * self.window)[..., :BINS]
        power = spectrum.real.square() + spectrum.imag.square()
        mean = (power * self.counted).sum(-1).mean(-1).clamp(min=1e-9)
        return (power * (SPEECH_POWER / mean)[:, None, None] * self.receiver) @ self.bands

    def audible(self, density: Tensor, times: float) -> Tensor:
        """Return the power of those bands that are so many times above the threshold of hearing, [B, frames]."""
        return (density * (density > times * self.threshold))[..., 1:].sum(-1)

    def loudness(self, density: Tensor) -> Tensor:
        """Return Zwicker's loudness of each band [B, frames, 42], 0 below the threshold."""
        ratio = (0.5 + 0.5 * density / self.threshold).clamp(min=1.0)
        return LOUDNESS_SCALE * (2.0 * self.threshold) ** self.exponent * (ratio**self.exponent - 1.0)

    def equalised(self, true: Tensor, made: Tensor) -> Tensor:
        """Return the true density [B, frames, 42] behind the constant filter that the made one went through."""
        speech = (self.audible(true, 1e2) >= 1e7)[..., None]

        def mean(density: Tensor) -> Tensor:
            return (density * speech * (density > 100.0 * self.threshold)).mean(1, keepdim=True)

        return true * ((mean(made) + 1000.0) / (mean(true) + 1000.0)).clamp(0.01, 100.0)

    def disturbances(self, true: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
        """Return the symmetric disturbance of each frame, and that of what was added, both [B, frames]."""
        a, b = self.density(true), self.density(made)
        a = self.equalised(a, b)
        audible = self.audible(a, 1.0)
        gain = (audible + 5e3) / (self.audible(b, 1.0) + 5e3)
        gain = (0.8 * gain + 0.2 * torch.cat([gain[:, :1], gain[:, :-1]], dim=1)).clamp(3e-4, 5.0)
        b = b * gain[..., None]
        loud_a, loud_b = self.loudness(a), self.loudness(b)
        audible_change = ((loud_b - loud_a).abs() - 0.25 * torch.minimum(loud_a, loud_b)).clamp(min=0.0)
        added = ((b + 50.0) / (a + 50.0)) ** 1.2
        added = torch.where(added < 3.0, torch.zeros_like(added), added.clamp(max=12.0))
        width, total = self.width[1:], self.width[1:].sum()
        symmetric = total * ((width * audible_change[..., 1:]).square().sum(-1) / total + 1e-9).sqrt()
        asymmetric = (audible_change * added)[..., 1:] @ width
        importance = ((audible + 1e5) / 1e7) ** 0.04
        return (symmetric / importance).clamp(max=LARGEST), (asymmetric / importance).clamp(max=LARGEST)

    def forward(self, true: Tensor, made: Tensor, received: Tensor) -> Tensor:
        """Return the mean number of points lost.

        true, made: [B, S] with S of at least 2816 samples; received: [B, S / 80], weight of each frame of 10 ms.
        """
        frames = (true.shape[1] - WINDOW) // HOP + 1
        middle = (torch.arange(frames, device=true.device) * HOP + WINDOW // 2) // format.HOP_SAMPLES
        weights = received[:, middle]
        points = true.new_zeros(true.shape[0])
        for weight, frame in zip((SYMMETRIC_WEIGHT, ADDED_WEIGHT), self.disturbances(true, made), strict=True):
            intervals = (weights * frame + 1e-3).unfold(1, INTERVAL, INTERVAL // 2)
            points = points + weight * intervals.pow(6).mean(-1).pow(1 / 3).mean(1).sqrt()
        return points.mean()


class PesqLoss(Loss):
    """`Pesq` of a `SoundComparison`."""

    def __init__(self, weight: float = 0.5) -> None:
        """Weigh a point on PESQ's scale by `weight`."""
        super().__init__(weight)
        self.pesq = Pesq()

    def parts(self, batch: Any) -> dict[str, Tensor]:
        """Return "pesq"."""
        return {"pesq": self.pesq(batch.true, batch.made, batch.whole_received)}
