"""Stage B, the vocoder on quantised features, and stage C, codec and vocoder together.

Both run packet by packet as the exported graphs do: beyond its packet, a layer sees the past only.
"""

from __future__ import annotations

from pathlib import Path

import soundfile
import torch
from torch import Tensor, nn

from codec import format
from codec.training.data.batches import Batch, PreparedCorpus, validation_batch
from codec.training.loop.distributed import ALONE, Processes
from codec.training.loop.trainer import Run
from codec.training.losses import FeatureLoss, HearingLoss, Loss, Losses, PhoneLoss, feature_metrics, received_weights
from codec.training.model.analysis import Analysis
from codec.training.model.network import sharpened
from codec.training.model.phone_reader import load_reader
from codec.training.stage_a import compared as features_compared
from codec.training.stage_a import link_faults, pitch_tensors, sampler_for
from codec.training.teachers import teachers_of
from vocoder.training.losses.adversarial import Adversary
from vocoder.training.losses.sound import compared as sounds_compared
from vocoder.training.losses.sound import sound_losses, sound_metrics
from vocoder.training.losses.words import WordLoss, load_recogniser
from vocoder.training.spectrograms import draw_comparison
from vocoder.training.voice import VoiceNetwork, VoiceTraining, load_voice, resynthesised

SAMPLES_KEPT = 6
"""Validation segments that are written as sound and picture at each validation."""


class Criterion(nn.Module):
    """Everything that a voice is judged by, as a recipe weighs it."""

    def __init__(
        self,
        config: VoiceTraining,
        analysis: Analysis,
        phones: Path | None,
        processes: Processes = ALONE,
        recogniser: Path | None = None,
    ) -> None:
        """Load the phone reader from the checkpoint `phones`, and the recogniser from its file, if they are named.

        Each adds its loss. Raises TrainingError for files that hold something else.
        """
        super().__init__()
        reader = load_reader(phones) if phones else None
        weight = config.phone_weight
        of_features: list[Loss] = [FeatureLoss(config.pitch_weight, processes)]
        of_sound: list[Loss] = []
        if config.codec.encoder_hears:
            of_features.append(HearingLoss(config.hearing_weight, config.pitch_weight, processes))
        if reader is not None:
            of_features.append(PhoneLoss(reader, weight, processes, name="feature_phones"))
            of_sound.append(PhoneLoss(reader, weight, processes))
        self.recogniser = load_recogniser(recogniser) if recogniser else None
        if self.recogniser is not None:
            of_sound.append(WordLoss(self.recogniser, config.word_weight, processes))
        self.analysis = analysis
        self.of_features = Losses(*of_features, weight=config.feature_weight)
        self.of_sound = sound_losses(config.pesq_weight, *of_sound, processes=processes)
        self.to(processes.device)


@torch.no_grad()
def validate(voice: nn.Module, analysis: Analysis, batch: Batch, folder: Path) -> dict[str, float]:
    """Return errors on speakers who are never trained on; write a few of them to `folder` as sound and picture."""
    energies, table, true, made = resynthesised(voice, analysis, batch.clean)
    f0, voiced = (target.to(true.device) for target in pitch_tensors(batch.f0))
    count = len(true)
    folder.mkdir(exist_ok=True)
    for number in range(0, count, -(-count // SAMPLES_KEPT)):
        pair = [x[number].clamp(-1, 1).cpu().numpy() for x in (true, made)]
        for name, x in zip(("original", "made"), pair, strict=True):
            soundfile.write(folder / f"{number:03d}-{name}.wav", x, format.SAMPLE_RATE_HZ)
        draw_comparison(pair[0], pair[1], folder / f"{number:03d}.png")
    return feature_metrics(table, f0, voiced, energies) | sound_metrics(true, made, analysis)


def train(
    config: VoiceTraining,
    prepared: Path,
    folder: Path,
    *,
    start: list[Path],
    threads: int = 0,
    phones: Path | None = None,
    processes: Processes = ALONE,
    recogniser: Path | None = None,
) -> None:
    """Train from the weights of the stages before, from where `folder` holds a checkpoint if it does.

    threads: CPU threads, 0 for all. phones: the checkpoint of a phone reader, which adds its loss. recogniser: the
    model.bin of a Whisper, which adds its own.
    """
    if threads:
        torch.set_num_threads(threads)
    schedule = config.schedule
    torch.manual_seed(schedule.seed)
    voice = VoiceNetwork(config.codec, config.vocoder).to(processes.device)
    analysis = Analysis().to(processes.device)
    load_voice(voice, start, other_kinds=not config.train_codec, smaller=True)
    criterion = Criterion(config, analysis, phones, processes, recogniser)
    adversary = Adversary(config.adversary, schedule, processes) if config.adversary.weight else None
    listener = criterion.recogniser
    teachers = teachers_of(start, phones, None if listener is None else listener.name)
    run = Run(folder, voice, schedule, processes, adversary, teachers)
    if not config.train_codec:
        voice.codec.requires_grad_(False)

    def losses(batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        true, made, parts = step_losses(voice, criterion, batch, config, generator, processes)
        return parts if adversary is None else parts | adversary(true, made, run.step, generator)

    sampler = sampler_for(schedule, prepared, processes)
    checked = validation_batch(PreparedCorpus(prepared, "validation"), schedule.validation_segments, schedule.packets)
    run.drive(sampler, losses, lambda averaged: validate(averaged, analysis, checked, folder / "samples"))


def step_losses(
    voice: VoiceNetwork,
    criterion: Criterion,
    batch: Batch,
    config: VoiceTraining,
    generator: torch.Generator,
    processes: Processes = ALONE,
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Return true and made samples [B, 80 N] of a batch, or of this process's slice, and the parts of the loss.

    What happens on the link, and the noise, are drawn with the generator.
    """
    analysis = criterion.analysis
    clean = torch.from_numpy(batch.clean).to(processes.device)
    packets = (clean.shape[1] - format.DELAY_SAMPLES) // format.PACKET_SAMPLES
    segments = processes.count * len(clean)
    lost, flips = map(processes.part, link_faults(segments, packets, config.schedule, generator))
    with torch.no_grad():
        energies = analysis.energies_of(clean)
        noisy_energies, periodicity = analysis(torch.from_numpy(batch.noisy).to(processes.device))
    received = received_weights(lost, config.lost_packet_weight)
    f0, voiced = (target.to(processes.device) for target in pitch_tensors(batch.f0))
    parts: dict[str, Tensor] = {}
    with torch.set_grad_enabled(config.train_codec):
        raw, table, heard = voice.codec.explained(noisy_energies, periodicity, lost, flips, processes=processes)
    if config.train_codec:
        parts |= criterion.of_features(features_compared(raw, table, energies, (f0, voiced), received, heard))
    noise = processes.part(torch.randn(segments, clean.shape[1], generator=generator))
    made = voice.vocoder(sharpened(table), noise)
    true = clean[:, : made.shape[1]]
    parts |= criterion.of_sound(sounds_compared(analysis, true, made, energies, received, generator))
    return true, made, parts
