"""What the vocoder is trained for, on samples. Letters: B segments, S samples, N frames."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from codec import format
from codec.training.loop.distributed import ALONE, Ranks
from codec.training.losses import SPAN_DB, envelope_correlation, frame_weights
from codec.training.model.network import Analysis
from codec.training.model.phone_reader import PhoneReader, phone_distance
from vocoder.training.losses.pesq import Loudness

RESOLUTIONS = ((128, 32), (256, 64), (512, 128), (1024, 256))
"""Window and hop in samples: 16 to 128 ms."""


def levelled(true: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
    """Both divided by the level of the true segment [B, S], so that quiet speech counts as much as loud."""
    level = true.square().mean(-1, keepdim=True).sqrt().clamp(min=1e-3)
    return true / level, made / level


def spectral_loss(true: Tensor, made: Tensor, ranks: Ranks = ALONE) -> Tensor:
    """Mean difference of magnitudes^0.5 over several resolutions, relative to the mean of the true ones."""
    total = true.new_zeros(())
    for size, hop in RESOLUTIONS:
        window = torch.hann_window(size, device=true.device)

        def magnitude(x: Tensor, size: int = size, hop: int = hop, window: Tensor = window) -> Tensor:
            spectrum = torch.stft(x, size, hop, window=window, center=False, return_complex=True)
            return (spectrum.real.square() + spectrum.imag.square() + 1e-7).pow(0.25)

        a, b = magnitude(true), magnitude(made)
        total = total + (a - b).abs().mean() / ranks.mean(a)
    return total / len(RESOLUTIONS)


@dataclass(frozen=True)
class SoundCriterion:
    """What the sound is judged by, and how much each judge counts."""

    analysis: Analysis
    loudness: Loudness
    reader: PhoneReader | None = None
    """Of phones; without it what is said does not count."""
    loudness_share: float = 0.5
    """Weight of a point on PESQ's scale."""
    phone_share: float = 0.4
    """Weight of a nat a frame of the distance between phones read."""
    ranks: Ranks = ALONE

    def __call__(self, true: Tensor, made: Tensor, energies: Tensor, heard: Tensor) -> dict[str, Tensor]:
        """true, made [B, 80 N]; true energies [B, N, 40] and weight of each frame [B, N]. Returns the weighted parts;
        that of the phones where there is a reader of them."""
        ranks = self.ranks
        guess = self.analysis.energies(self.analysis.power(made))  # the last three frames reach beyond the segment
        energies, heard_frames = energies[:, : guess.shape[1]], heard[:, : guess.shape[1]]
        weights = frame_weights(energies) * heard_frames
        difference = (guess - energies).abs().mean(-1)
        parts = {
            "spectral": 3.0 * spectral_loss(*levelled(true, made), ranks),
            "mel": 15.0 * (difference * weights).sum() / ranks.total(weights),
            "loudness": self.loudness_share * self.loudness(true, made, heard),
            "sound_envelope": 1.0 * envelope_correlation(energies, guess, ranks),
        }
        if self.reader is not None:
            parts["phones"] = self.phone_share * phone_distance(self.reader, energies, guess, heard_frames, ranks)
        return parts


def sound_metrics(true: Tensor, made: Tensor, analysis: Analysis) -> dict[str, float]:
    """Over the frames of speech: log-mel error of the sound in dB; mean ESTOI and PESQ-NB of
    the segments, where `pystoi` and `pesq` are installed (the extra `bench`)."""
    energies, guess = analysis.energies(analysis.power(true)), analysis.energies(analysis.power(made))
    speech = (frame_weights(energies) > 0.5).float()
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
