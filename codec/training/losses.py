"""Losses and metrics of features. Each loss is a module with a weight, which gives its weighted parts by name.

Letters: B segments, N frames, 40 bands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec import format
from codec.training.data.phone_alignment import PHONES
from codec.training.loop.distributed import ALONE, Processes
from codec.training.model.analysis import SPAN_DB, frame_weights
from codec.training.model.network import VOICING_THRESHOLD, voicing_logit
from codec.training.model.phone_reader import PhoneReader

LEAST_PROBABILITY = 0.02
"""Smallest probability of a phone, as a fraction of an even guess: how firmly the reader rules a phone out is noise."""
NEAR_PITCH = 0.0125
"""Distance of an F0 feature, about 50 cents, up to which errors cost in full (`pitch_distance`)."""
ENVELOPE_FRAMES = 38
"""Window of the envelope correlation. ESTOI's is 30 frames of 12.8 ms (Jensen and Taal 2016), ours 38 of 10 ms."""
SPEECH_WEIGHT = 0.5
"""Frames of a larger weight are counted as speech in the metrics."""


def received_weights(lost: Tensor, lost_packet_weight: float) -> Tensor:
    """Return the weight of each frame, [B, 32 P]: 1, or that of lost packets. lost: [B, P, 1, 1], 1 = lost."""
    packets = 1.0 - (1.0 - lost_packet_weight) * lost.squeeze(-1)
    return packets.expand(-1, -1, format.PACKET_FRAMES).reshape(lost.shape[0], -1)


@dataclass(frozen=True)
class Comparison:
    """True and decoded band energies of a batch: what losses of either stage can look at."""

    energies: Tensor
    """True band energies [B, N, 40] in 0..1."""
    made_energies: Tensor
    """Decoded band energies [B, N, 40]."""
    received: Tensor
    """Weight of each frame [B, N]: 1, or less where its packet was lost."""
    weights: Tensor
    """Weight of each frame [B, N]: `received` times `frame_weights`."""


@dataclass(frozen=True)
class FeatureComparison(Comparison):
    """Decoded features beside the true ones."""

    raw: Tensor
    """Decoder's output before clipping [B, N, 42]; voicing is a logit."""
    f0: Tensor
    """True F0 as a feature [B, N]."""
    voiced: Tensor
    """Voicing of each frame [B, N]: 1 where it is voiced, else 0."""
    heard: Tensor | None = None
    """Features that the encoder hears before the bottleneck, like `raw` [B, N, 42]; None where it is not asked."""


class Loss(nn.Module):
    """A weighted part of what is minimised, or several parts under names of their own."""

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, batch: Any) -> dict[str, Tensor]:
        """Return the weighted parts by name; their sum is the loss."""
        return {name: self.weight * part for name, part in self.parts(batch).items()}

    def parts(self, batch: Any) -> dict[str, Tensor]:
        """Return the parts by name, without this loss's weight."""
        raise NotImplementedError


class Losses(Loss):
    """Several losses of one batch, together with a weight."""

    def __init__(self, *losses: Loss, weight: float = 1.0) -> None:
        super().__init__(weight)
        self.losses = nn.ModuleList(losses)

    def parts(self, batch: Any) -> dict[str, Tensor]:
        """Return the weighted parts of all of them by name."""
        return {name: part for loss in self.losses for name, part in loss(batch).items()}


class FeatureLoss(Loss):
    """Distance of band energies, F0 and voicing, and of their changes over time. Takes a `FeatureComparison`."""

    def __init__(self, pitch_weight: float = 1.0, processes: Processes = ALONE) -> None:
        """Weigh the losses on F0 by `pitch_weight`."""
        super().__init__()
        self.pitch_weight, self.processes = pitch_weight, processes

    def parts(self, batch: FeatureComparison) -> dict[str, Tensor]:
        """Return "energy", "step", "envelope", "f0", "f0_step" and "voicing"."""
        weights, raw, voiced, energies = batch.weights, batch.raw, batch.voiced, batch.energies
        total, pitch = self.processes.total(weights), self.pitch_weight
        guess = raw[..., format.BANDS_SLICE]
        error = (guess - energies).abs()
        error = error + 2.0 * (guess - energies).square()
        step = ((guess[:, 1:] - guess[:, :-1]) - (energies[:, 1:] - energies[:, :-1])).abs()
        voicing = voiced * weights
        off = raw[..., 0] - batch.f0
        both = voicing[:, 1:] * voiced[:, :-1]
        voicings, pairs = (self.processes.total(counted, least=1.0) for counted in (voicing, both))
        return {
            "energy": 10.0 * (error.mean(-1) * weights).sum() / total,
            "step": 3.0 * (step.mean(-1) * weights[:, 1:]).sum() / total,
            "envelope": 1.0 * envelope_correlation(energies, batch.made_energies, self.processes),
            "f0": pitch * 6.0 * (pitch_distance(off) * voicing).sum() / voicings,
            "f0_step": pitch * 6.0 * ((off[:, 1:] - off[:, :-1]).abs() * both).sum() / pairs,
            "voicing": 0.3 * (voicing_loss(raw[..., 1], voiced) * weights).sum() / total,
        }


class HearingLoss(Loss):
    """Distance of what the encoder hears before the bottleneck. Takes a `FeatureComparison`.

    What is lost on the link costs nothing here: every frame counts by its level alone.
    """

    NAMES = ("energy", "f0", "voicing")
    """Parts of `FeatureLoss` that are looked at."""

    def __init__(self, weight: float = 0.5, pitch_weight: float = 1.0, processes: Processes = ALONE) -> None:
        """Weigh the loss on F0 by `pitch_weight` among these."""
        super().__init__(weight)
        self.of_features = FeatureLoss(pitch_weight, processes)

    def parts(self, batch: FeatureComparison) -> dict[str, Tensor]:
        """Return "heard_energy", "heard_f0" and "heard_voicing"; nothing where the encoder is not asked."""
        if batch.heard is None:
            return {}
        found = self.of_features.parts(replace(batch, raw=batch.heard, weights=frame_weights(batch.energies)))
        return {f"heard_{name}": found[name] for name in self.NAMES}


class PhoneLoss(Loss):
    """Distance between the phones read in true and in decoded energies. Takes any `Comparison`."""

    def __init__(self, reader: PhoneReader, weight: float, processes: Processes = ALONE, name: str = "phones") -> None:
        """Weigh a nat a frame by `weight`; call the part `name`."""
        super().__init__(weight)
        self.reader, self.processes, self.part_name = reader, processes, name

    def parts(self, batch: Comparison) -> dict[str, Tensor]:
        """Return the one part."""
        compared = batch.energies, batch.made_energies, batch.weights
        return {self.part_name: phone_distance(self.reader, *compared, self.processes)}


def pitch_distance(off: Tensor) -> Tensor:
    """Return the cost of F0 features that are this far off: about the distance up to 50 cents, less beyond.

    What few bits cannot follow, such as jumps at the edges of voicing, does not cost the rest its exactness.
    """
    distance = off.abs()
    return 0.3 * distance + NEAR_PITCH * torch.log1p(distance / NEAR_PITCH)


def voicing_loss(raw: Tensor, voiced: Tensor) -> Tensor:
    """Return the binary cross-entropy of the raw voicing output [...] against 0 or 1 [...], per frame."""
    return functional.binary_cross_entropy_with_logits(voicing_logit(raw), voiced, reduction="none")


def envelope_correlation(true: Tensor, made: Tensor, processes: Processes = ALONE) -> Tensor:
    """Return 1 - the mean intermediate correlation of band envelopes, as ESTOI defines it, on amplitudes of mel bands.

    true, made: energies [B, N, 40] in 0..1. Windows are 38 frames long and a quarter of that apart; those more than
    40 dB below the loudest of their segment do not count.
    """

    def windows(energies: Tensor) -> Tensor:
        amplitude = torch.exp(energies * (SPAN_DB / 20.0 * math.log(10.0)))  # relative to the floor
        return amplitude.unfold(1, ENVELOPE_FRAMES, ENVELOPE_FRAMES // 4)  # [B, W, 40, 38]

    def normalised(x: Tensor) -> Tensor:
        x = x - x.mean(-1, keepdim=True)
        x = x / (x.square().sum(-1, keepdim=True) + 1e-3).sqrt()
        x = x - x.mean(-2, keepdim=True)
        return x / (x.square().sum(-2, keepdim=True) + 1e-6).sqrt()

    x, y = windows(true), windows(made)
    power = x.square().mean((-1, -2))
    counts = (power > 1e-4 * power.amax(1, keepdim=True)).float() * (power > 1.0)
    correlation = (normalised(x) * normalised(y)).sum(-2).mean(-1)  # [B, W]
    return ((1.0 - correlation) * counts).sum() / processes.total(counts, least=1.0)


def phone_distance(
    reader: PhoneReader, true: Tensor, made: Tensor, weights: Tensor, processes: Processes = ALONE
) -> Tensor:
    """Return the divergence (Kullback-Leibler, in nats a frame) between what is read in true and in made energies.

    true, made: [B, N, 40]; weights: [B, N], of each frame.
    """

    def probabilities(energies: Tensor) -> Tensor:
        return (1.0 - LEAST_PROBABILITY) * reader(energies).exp() + LEAST_PROBABILITY / len(PHONES)

    with torch.no_grad():
        expected = probabilities(true)
    difference = (expected * (expected.log() - probabilities(made).log())).sum(-1)
    return (difference * weights).sum() / processes.total(weights)


def feature_metrics(made: Tensor, f0: Tensor, voiced: Tensor, energies: Tensor) -> dict[str, float]:
    """Return errors over the frames of speech in common units: log-mel in dB, F0 in cents, voicing in per cent.

    made: decoded features [B, N, 42]; f0, voiced [B, N] and energies [B, N, 40]: the true ones.
    """
    speech = (frame_weights(energies) > SPEECH_WEIGHT).float()
    error_db = (SPAN_DB * (made[..., format.BANDS_SLICE] - energies).abs()).mean(-1)
    octaves = torch.log2(torch.tensor(format.F0_HIGH_HZ / format.F0_LOW_HZ))
    both = speech * voiced * (made[..., 1] > VOICING_THRESHOLD)
    cents = 1200.0 * octaves * (made[..., 0] - f0).abs()
    wrong = ((made[..., 1] > VOICING_THRESHOLD).float() != voiced).float()
    return {
        "mel_error_db": float((error_db * speech).sum() / speech.sum()),
        "f0_error_cents": float((cents * both).sum() / both.sum().clamp(min=1.0)),
        "f0_off_pct": float(100.0 * ((cents > 50.0) * both).sum() / both.sum().clamp(min=1.0)),
        "voicing_error_pct": float(100.0 * (wrong * speech).sum() / speech.sum()),
        "envelope_correlation": 1.0 - float(envelope_correlation(energies, made[..., format.BANDS_SLICE])),
    }
