"""Stage B, the vocoder on quantised features, and stage C, codec and vocoder together.

Both run packet by packet as the exported graphs do: what a layer sees beyond its packet is the past only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor, nn

from codec import format
from codec.training.data.batches import Batch, Speech, validation_batch
from codec.training.loop.distributed import ALONE, Ranks
from codec.training.loop.trainer import Run, Schedule, TrainingError, load_networks
from codec.training.losses import feature_losses, feature_metrics
from codec.training.model.network import Analysis, Codec, CodecConfig, sharpened
from codec.training.model.phone_reader import load_reader, phone_distance
from codec.training.stage_a import drawing_for, heard_weights, link_faults, pitch_tensors
from codec.training.teachers import teachers_of
from vocoder.training.losses.adversarial import Adversary, AdversaryConfig
from vocoder.training.losses.pesq import Loudness
from vocoder.training.losses.sound import SoundCriterion, sound_metrics
from vocoder.training.model.harmonic import VocoderConfig
from vocoder.training.model.hifigan import kind_of, vocoder_network
from vocoder.training.spectrograms import draw_comparison

SAMPLES_KEPT = 6
"""Validation segments written as sound and picture at each validation."""


@dataclass(frozen=True)
class VoiceTraining:
    """The configuration file of stages B and C."""

    codec: CodecConfig = field(default_factory=CodecConfig)
    vocoder: VocoderConfig = field(default_factory=VocoderConfig)
    schedule: Schedule = field(default_factory=Schedule)
    adversary: AdversaryConfig = field(default_factory=AdversaryConfig)
    train_codec: bool = False
    """False: stage B, the codec stays as it is. True: stage C."""
    feature_share: float = 0.3
    """Weight of the losses on features in stage C."""
    loudness_share: float = 0.5
    """Weight of a point on PESQ's scale."""
    phone_share: float = 0.4
    """Weight of a nat a frame of the distance between phones read in the sound, where a reader is given; a codec that
    is trained too gets `feature_share` of it for its features."""
    pitch_share: float = 1.0
    """Weight of the losses on F0 among those on features: no gradient reaches F0 through the sound."""
    lost_weight: float = 0.3
    """How much a frame of a lost packet counts, 0..1."""
    rounded: bool = True
    """False leaves the latents unrounded: for experiments."""


class Voice(nn.Module):
    """Codec and vocoder in one."""

    def __init__(self, codec: CodecConfig, vocoder: VocoderConfig) -> None:
        """Raises TrainingError for a kind of vocoder that there is not."""
        super().__init__()
        self.codec = Codec(codec)
        self.vocoder = vocoder_network(vocoder)


def load_voice(voice: Voice, paths: list[Path], other_kinds: bool = False) -> None:
    """Weights of the stages before: a codec's, a vocoder's, or both in one file; later files overrule earlier ones.
    other_kinds: leave out those of a vocoder of another kind instead of refusing them.

    Raises TrainingError for a missing file, and for weights of another kind or width."""
    found = {name: (path, weights) for path in paths for name, weights in load_networks(path).items()}
    for name, (path, weights) in found.items():
        if name == "vocoder" and kind_of(weights) != voice.vocoder.config.kind and other_kinds:
            continue
        try:
            voice.get_submodule(name).load_state_dict(weights)
        except (AttributeError, RuntimeError) as error:
            problem = f"{path}: its {name} has other layers or widths: name the configuration of it with --config"
            raise TrainingError(problem) from error


@torch.no_grad()
def resynthesised(voice: nn.Module, analysis: Analysis, sound: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What becomes of float32 [B, 240 + 80 N] where nothing is lost: its energies [B, N, 40], decoded features
    [B, N, 42], original and made samples [B, 80 N], all where the voice is."""
    clean = torch.from_numpy(sound).to(next(voice.parameters()).device)
    energies, periodicity = analysis(clean)
    count, packets = len(clean), energies.shape[1] // format.PACKET_FRAMES
    nothing = clean.new_zeros(count, packets, 1, 1), clean.new_zeros(count, 1, 1, 1)
    _, table = voice.codec(energies, periodicity, *nothing)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(1)).to(clean.device)
    made = voice.vocoder(sharpened(table), noise)
    return energies, table, clean[:, : made.shape[1]], made


@torch.no_grad()
def validate(voice: nn.Module, analysis: Analysis, batch: Batch, folder: Path, rate_hz: int = 8000) -> dict[str, float]:
    """Errors on speakers never trained on; writes a few of them as sound and picture."""
    energies, table, true, made = resynthesised(voice, analysis, batch.clean)
    f0, voiced = (target.to(true.device) for target in pitch_tensors(batch.f0))
    count = len(true)
    folder.mkdir(exist_ok=True)
    for number in range(0, count, -(-count // SAMPLES_KEPT)):
        pair = [x[number].clamp(-1, 1).cpu().numpy() for x in (true, made)]
        for name, x in zip(("original", "made"), pair, strict=True):
            soundfile.write(folder / f"{number:03d}-{name}.wav", x, rate_hz)
        draw_comparison(pair[0], pair[1], folder / f"{number:03d}.png")
    return feature_metrics(table, f0, voiced, energies) | sound_metrics(true, made, analysis)


def train(
    config: VoiceTraining,
    prepared: Path,
    folder: Path,
    start: list[Path],
    threads: int = 0,
    phones: Path | None = None,
    ranks: Ranks = ALONE,
) -> None:
    """Trains from the weights of the stages before, resuming where `folder` holds a checkpoint; with the loss on words
    where `phones` names the reader's checkpoint; with other processes where `ranks` says so."""
    if threads:
        torch.set_num_threads(threads)
    schedule = config.schedule
    torch.manual_seed(schedule.seed)
    voice = Voice(config.codec, config.vocoder).to(ranks.device)
    analysis = Analysis().to(ranks.device)
    load_voice(voice, start, other_kinds=not config.train_codec)
    criterion = criterion_for(config, analysis, phones, ranks)
    adversary = Adversary(config.adversary, schedule, ranks) if config.adversary.share else None
    run = Run(folder, voice, schedule, ranks, adversary, teachers_of(start, phones))
    if not config.train_codec:
        voice.codec.requires_grad_(False)

    def losses(batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        true, made, parts = step_losses(voice, criterion, batch, config, generator)
        return parts if adversary is None else parts | adversary(true, made, run.step, generator)

    drawing = drawing_for(schedule, prepared, ranks)
    checked = validation_batch(Speech(prepared, "validation"), schedule.validation_segments, schedule.packets)
    run.drive(drawing, losses, lambda averaged: validate(averaged, analysis, checked, folder / "samples"))


def criterion_for(
    config: VoiceTraining, analysis: Analysis, phones: Path | None, ranks: Ranks = ALONE
) -> SoundCriterion:
    """As the configuration weighs it; phones: the reader's checkpoint, or None."""
    reader = load_reader(phones).to(ranks.device) if phones else None
    shares = config.loudness_share, config.phone_share
    return SoundCriterion(analysis, Loudness().to(ranks.device), reader, *shares, ranks)


def step_losses(
    voice: Voice, criterion: SoundCriterion, batch: Batch, config: VoiceTraining, generator: torch.Generator
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """One batch, or this process's slice of it: true and made samples [B, 80 N], and the parts of the loss; the
    generator decides what happens on the link, and the noise."""
    analysis, reader, ranks = criterion.analysis, criterion.reader, criterion.ranks
    clean = torch.from_numpy(batch.clean).to(ranks.device)
    packets, segments = (clean.shape[1] - format.DELAY_SAMPLES) // format.PACKET_SAMPLES, ranks.count * len(clean)
    lost, flips = map(ranks.part, link_faults(segments, packets, config.schedule, generator))
    with torch.no_grad():
        energies = analysis.energies(analysis.power(clean))
        heard_energies, periodicity = analysis(torch.from_numpy(batch.noisy).to(ranks.device))
    heard = heard_weights(lost, format.PACKET_FRAMES, config.lost_weight)
    f0, voiced = (target.to(ranks.device) for target in pitch_tensors(batch.f0))
    parts: dict[str, Tensor] = {}
    with torch.set_grad_enabled(config.train_codec):
        raw, table = voice.codec(heard_energies, periodicity, lost, flips, rounded=config.rounded, ranks=ranks)
    if config.train_codec:
        found = feature_losses(raw, table, f0, voiced, energies, heard, ranks, config.pitch_share)
        parts |= {name: config.feature_share * part for name, part in found.items()}
        if reader is not None:
            distance = phone_distance(reader, energies, table[..., format.BANDS_SLICE], heard, ranks)
            parts["feature_phones"] = config.feature_share * config.phone_share * distance
    noise = ranks.part(torch.randn(segments, clean.shape[1], generator=generator))
    made = voice.vocoder(sharpened(table), noise)
    true = clean[:, : made.shape[1]]
    return true, made, parts | criterion(true, made, energies, heard)
