"""Losses and metrics of sound. Letters: B segments, S = 80 N samples, N frames."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from codec import format
from codec.training.loop.distributed import ALONE, Processes
from codec.training.losses import (
    SPEECH_WEIGHT,
    Comparison,
    Loss,
    Losses,
    envelope_correlation,
)
from codec.training.model.analysis import SPAN_DB, Analysis, frame_weights
from vocoder.training.losses.pesq import PesqLoss

RESOLUTIONS = ((128, 32), (256, 64), (512, 128), (1024, 256))
"""Window and hop of the spectral loss in samples: 16 to 128 ms."""


@dataclass(frozen=True)
class SoundComparison(Comparison):
    """Made sound beside the true one, and the band energies of both."""

    true: Tensor
    """True samples [B, S]."""
    made: Tensor
    """Made samples [B, S]."""
    whole_received: Tensor
    """`received` of all frames [B, N]; the other tensors lack the last three, which reach beyond the end."""
    generator: torch.Generator | None = None
    """Source of what a loss draws at random; it depends on the seed and the step alone."""


def compared(
    analysis: Analysis,
    true: Tensor,
    made: Tensor,
    energies: Tensor,
    received: Tensor,
    generator: torch.Generator | None = None,
) -> SoundComparison:
    """Return made sound beside the true one, both [B, 80 N].

    energies: true band energies [B, N, 40]; received: weight of each frame [B, N].
    """
    found = analysis.energies_of(made)
    energies, counted = energies[:, : found.shape[1]], received[:, : found.shape[1]]
    weights = frame_weights(energies) * counted
    return SoundComparison(energies, found, counted, weights, true, made, received, generator)


def levelled(true: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
    """Return both [B, S] over the level of the true segment, so that quiet speech counts as much as loud."""
    level = true.square().mean(-1, keepdim=True).sqrt().clamp(min=1e-3)
    return true / level, made / level


def spectral_loss(true: Tensor, made: Tensor, processes: Processes = ALONE) -> Tensor:
    """Return the mean difference of magnitudes^0.5 of sounds [B, S], over the mean of the true ones.

    It is the mean over several resolutions.
    """
    total = true.new_zeros(())
    for size, hop in RESOLUTIONS:
        window = torch.hann_window(size, device=true.device)

        def magnitude(x: Tensor, size: int = size, hop: int = hop, window: Tensor = window) -> Tensor:
            spectrum = torch.stft(x, size, hop, window=window, center=False, return_complex=True)
            return (spectrum.real.square() + spectrum.imag.square() + 1e-7).pow(0.25)

        a, b = magnitude(true), magnitude(made)
        total = total + (a - b).abs().mean() / processes.mean(a)
    return total / len(RESOLUTIONS)


class SpectralLoss(Loss):
    """`spectral_loss` of a `SoundComparison`, at the level of the true sound."""

    def __init__(self, weight: float = 3.0, processes: Processes = ALONE) -> None:
        super().__init__(weight)
        self.processes = processes

    def parts(self, batch: SoundComparison) -> dict[str, Tensor]:
        """Return "spectral"."""
        return {"spectral": spectral_loss(*levelled(batch.true, batch.made), self.processes)}


class MelLoss(Loss):
    """Mean distance of band energies over the frames of a `SoundComparison`."""

    def __init__(self, weight: float = 15.0, processes: Processes = ALONE) -> None:
        super().__init__(weight)
        self.processes = processes

    def parts(self, batch: SoundComparison) -> dict[str, Tensor]:
        """Return "mel"."""
        difference = (batch.made_energies - batch.energies).abs().mean(-1)
        return {"mel": (difference * batch.weights).sum() / self.processes.total(batch.weights)}


class EnvelopeLoss(Loss):
    """`envelope_correlation` of a `SoundComparison`."""

    def __init__(self, weight: float = 1.0, processes: Processes = ALONE) -> None:
        super().__init__(weight)
        self.processes = processes

    def parts(self, batch: SoundComparison) -> dict[str, Tensor]:
        """Return "sound_envelope"."""
        return {"sound_envelope": envelope_correlation(batch.energies, batch.made_energies, self.processes)}


def sound_losses(pesq_weight: float = 0.5, *others: Loss, processes: Processes = ALONE) -> Losses:
    """Return the losses of a `SoundComparison`: spectra, band energies, PESQ, envelopes, and others.

    pesq_weight: weight of a point on PESQ's scale.
    """
    return Losses(
        SpectralLoss(processes=processes),
        MelLoss(processes=processes),
        PesqLoss(pesq_weight),
        EnvelopeLoss(processes=processes),
        *others,
    )


def sound_metrics(true: Tensor, made: Tensor, analysis: Analysis) -> dict[str, float]:
    """Return errors of made sound [B, S] over the frames of speech, and the means of ESTOI and PESQ-NB.

    The last two are there where `pystoi` and `pesq` are installed (the extra `bench`).
    """
    energies, guess = analysis.energies_of(true), analysis.energies_of(made)
    speech = (frame_weights(energies) > SPEECH_WEIGHT).float()
    error = SPAN_DB * (guess - energies).abs().mean(-1)
    found = {
        "sound_mel_error_db": float((error * speech).sum() / speech.sum()),
        "sound_spectral": float(spectral_loss(*levelled(true, made))),
        "sound_level_db": float(SPAN_DB * ((guess - energies).mean(-1) * speech).sum() / speech.sum()),
    }
    try:
        from pesq import NoUtterancesError, pesq
        from pystoi import stoi
    except ImportError:
        return found
    estoi, quality = [], []
    for a, b in zip(true.cpu().numpy(), made.cpu().numpy(), strict=True):
        estoi.append(stoi(a, b, format.SAMPLE_RATE_HZ, extended=True))
        try:
            quality.append(pesq(format.SAMPLE_RATE_HZ, a, b, "nb"))
        except NoUtterancesError:  # a segment that is all pause
            continue
    return found | {"estoi": sum(estoi) / len(estoi), "pesq_nb": sum(quality) / max(1, len(quality))}
