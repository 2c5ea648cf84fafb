"""What the codec is trained for, on features. Letters: B batch, N frames, 40 bands."""

from __future__ import annotations

import torch
from torch import Tensor

from codec import format
from codec.training.loop.distributed import ALONE, Ranks
from codec.training.model.network import voicing_loss

SPAN_DB = format.BAND_HIGH_DB - format.BAND_LOW_DB
ENVELOPE_FRAMES = 38
"""ESTOI's window: 30 frames of 12.8 ms (Jensen and Taal 2016), here 38 of 10 ms."""


def frame_weights(energies: Tensor) -> Tensor:
    """How much a frame counts: true energies [B, N, 40] -> [B, N], 0.1 in the background to 1 in speech.

    The scale is the segment's own: full weight down to 20 dB below its loud frames, 0.1 at 50 dB below."""
    level_db = SPAN_DB * energies.topk(8, dim=-1).values.mean(-1)
    loud = torch.quantile(level_db, 0.95, dim=1, keepdim=True)
    return ((level_db - loud + 50.0) / 30.0).clamp(0.1, 1.0)


def envelope_correlation(true: Tensor, made: Tensor, ranks: Ranks = ALONE) -> Tensor:
    """1 - the mean intermediate correlation of band envelopes, as ESTOI defines it, on amplitudes of mel bands.

    true, made: energies [B, N, 40] in 0..1. Windows of 38 frames, a quarter of a window apart; windows more than
    40 dB below the loudest of their segment do not count."""

    def windows(energies: Tensor) -> Tensor:
        amplitude = torch.exp(energies * (SPAN_DB / 20.0 * 2.302585))  # relative to the floor
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
    return ((1.0 - correlation) * counts).sum() / ranks.total(counts, least=1.0)


def feature_losses(
    raw: Tensor,
    made: Tensor,
    f0: Tensor,
    voiced: Tensor,
    energies: Tensor,
    heard: Tensor,
    ranks: Ranks = ALONE,
    pitch_share: float = 1.0,
) -> dict[str, Tensor]:
    """raw, made [B, N, 42]; true f0 feature and voiced [B, N]; true energies [B, N, 40]; heard [B, N]: 1, or less where
    the packet was lost; pitch_share: weight of the losses on F0. Returns the weighted parts; their sum is the loss."""
    weights = frame_weights(energies) * heard
    total = ranks.total(weights)
    guess = raw[..., format.BANDS_SLICE]
    error = (guess - energies).abs()
    error = error + 2.0 * (guess - energies).square()
    step = ((guess[:, 1:] - guess[:, :-1]) - (energies[:, 1:] - energies[:, :-1])).abs()
    voicing = voiced * weights
    off = raw[..., 0] - f0
    both = voicing[:, 1:] * voiced[:, :-1]
    return {
        "energy": 10.0 * (error.mean(-1) * weights).sum() / total,
        "step": 3.0 * (step.mean(-1) * weights[:, 1:]).sum() / total,
        "envelope": 1.0 * envelope_correlation(energies, made[..., format.BANDS_SLICE], ranks),
        "f0": pitch_share * 6.0 * (off.abs() * voicing).sum() / ranks.total(voicing, least=1.0),
        "f0_step": pitch_share * 6.0 * ((off[:, 1:] - off[:, :-1]).abs() * both).sum() / ranks.total(both, least=1.0),
        "voicing": 0.3 * (voicing_loss(raw[..., 1], voiced) * weights).sum() / total,
    }


def feature_metrics(made: Tensor, f0: Tensor, voiced: Tensor, energies: Tensor) -> dict[str, float]:
    """Errors in the units people think in, over the frames of speech: log-mel dB, F0 cents, voicing per cent."""
    speech = (frame_weights(energies) > 0.5).float()
    dB = (SPAN_DB * (made[..., format.BANDS_SLICE] - energies).abs()).mean(-1)
    octaves = torch.log2(torch.tensor(format.F0_HIGH_HZ / format.F0_LOW_HZ))
    both = speech * voiced * (made[..., 1] > 0.5)
    cents = 1200.0 * octaves * (made[..., 0] - f0).abs()
    wrong = ((made[..., 1] > 0.5).float() != voiced).float()
    return {
        "mel_error_db": float((dB * speech).sum() / speech.sum()),
        "f0_error_cents": float((cents * both).sum() / both.sum().clamp(min=1.0)),
        "voicing_error_pct": float(100.0 * (wrong * speech).sum() / speech.sum()),
        "envelope_correlation": 1.0 - float(envelope_correlation(energies, made[..., format.BANDS_SLICE])),
    }
