"""Stage A: the codec on features."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from codec import features, format
from codec.training.data.batches import Batch, BatchSampler, PreparedCorpus, validation_batch
from codec.training.errors import TrainingError
from codec.training.loop.checkpoint import StoredNetwork, load_networks
from codec.training.loop.config import Schedule
from codec.training.loop.distributed import ALONE, Processes
from codec.training.loop.trainer import Run
from codec.training.losses import (
    FeatureComparison,
    FeatureLoss,
    HearingLoss,
    Loss,
    Losses,
    PhoneLoss,
    feature_metrics,
    phone_distance,
    received_weights,
)
from codec.training.model.analysis import Analysis, frame_weights
from codec.training.model.grow import load_grown
from codec.training.model.network import Codec, CodecConfig, as_features
from codec.training.model.phone_reader import PhoneReader, load_reader
from codec.training.teachers import teachers_of


@dataclass(frozen=True)
class CodecTraining:
    """Recipe of stage A."""

    codec: CodecConfig = field(default_factory=CodecConfig)
    """The network."""
    schedule: Schedule = field(default_factory=Schedule)
    """Length and speed of the training, and its data."""
    phone_weight: float = 0.4
    """Weight of a nat a frame of the distance between phones read, where a reader is given."""
    pitch_weight: float = 1.0
    """Weight of the losses on F0."""
    lost_packet_weight: float = 0.3
    """Weight of a frame of a lost packet, 0..1."""
    hearing_weight: float = 0.5
    """Weight of the losses on what the encoder hears before the bottleneck, where its network says so."""


def pitch_tensors(f0: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return the feature of F0 in Hz [B, N], and whether each frame is voiced, 0 or 1: both float32 [B, N]."""
    return torch.from_numpy(features.feature_of_f0(f0)), torch.from_numpy((f0 > 0).astype(np.float32))


def stored_codec(start: Path) -> StoredNetwork:
    """Return the codec of a checkpoint. Raises TrainingError where it holds none."""
    stored = load_networks(start).get(Codec.name)
    if stored is None:
        raise TrainingError(f"{start} holds no codec", "name a checkpoint of stage A or C with --from")
    return stored


def link_faults(batch: int, packets: int, schedule: Schedule, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return which packets are lost, [B, P, 1, 1], and the probability of a flipped bit, [B, 1, 1, 1].

    Half of the segments lose packets, twice as often.
    """
    lost = (torch.rand(batch, packets, 1, 1, generator=generator) < 2 * schedule.packet_loss).float()
    lost = lost * (torch.rand(batch, 1, 1, 1, generator=generator) < 0.5)
    flips = 0.005 + 0.025 * torch.rand(batch, 1, 1, 1, generator=generator)
    return lost, flips * (torch.rand(batch, 1, 1, 1, generator=generator) < schedule.bit_errors)


def sampler_for(schedule: Schedule, prepared: Path, processes: Processes) -> BatchSampler:
    """Return the schedule's batches, or this process's slices of them."""
    corpus, part = PreparedCorpus(prepared, "train"), (processes.number, processes.count)
    drawn = (schedule.batch_size, schedule.packets, schedule.augmentation, schedule.seed)
    return BatchSampler(corpus, *drawn, part, schedule.seed_per_segment)


def compared(
    raw: Tensor,
    made: Tensor,
    energies: Tensor,
    targets: tuple[Tensor, Tensor],
    received: Tensor,
    heard: Tensor | None = None,
) -> FeatureComparison:
    """Return decoded features, raw and as they are, beside true energies, F0 and voicing (`pitch_tensors`).

    heard: what the encoder hears before the bottleneck (`Codec.explained`).
    """
    weights = frame_weights(energies) * received
    return FeatureComparison(energies, made[..., format.BANDS_SLICE], received, weights, raw, *targets, heard)


@torch.no_grad()
def validate(codec: Codec, analysis: Analysis, batch: Batch, reader: PhoneReader | None = None) -> dict[str, float]:
    """Return errors on speakers who are never trained on, without lost packets or flipped bits, rounded and not."""
    device = next(codec.parameters()).device
    energies, periodicity = analysis(torch.from_numpy(batch.clean).to(device))
    f0, voiced = (target.to(device) for target in pitch_tensors(batch.f0))
    count, packets = energies.shape[0], energies.shape[1] // format.PACKET_FRAMES
    none = energies.new_zeros(count, packets, 1, 1), energies.new_zeros(count, 1, 1, 1)
    _, made, heard = codec.explained(energies, periodicity, *none)
    _, unrounded = codec(energies, periodicity, *none, rounded=False)
    metrics = feature_metrics(made, f0, voiced, energies)
    if heard is not None:
        found = feature_metrics(as_features(heard), f0, voiced, energies)
        metrics |= {f"heard_{name}": value for name, value in found.items() if name != "envelope_correlation"}
    if reader is not None:
        distance = phone_distance(reader, energies, made[..., format.BANDS_SLICE], frame_weights(energies))
        metrics["phone_distance"] = float(distance)
    free = feature_metrics(unrounded, f0, voiced, energies)
    return metrics | {"mel_error_unrounded_db": free["mel_error_db"], "f0_off_unrounded_pct": free["f0_off_pct"]}


def train(
    config: CodecTraining,
    prepared: Path,
    folder: Path,
    *,
    start: Path | None = None,
    threads: int = 0,
    phones: Path | None = None,
    processes: Processes = ALONE,
) -> None:
    """Train the codec, from where `folder` holds a checkpoint if it does.

    start: a checkpoint to begin with. threads: CPU threads, 0 for all. phones: the checkpoint of a phone reader, which
    adds its loss.
    """
    if threads:
        torch.set_num_threads(threads)
    schedule = config.schedule
    torch.manual_seed(schedule.seed)
    codec, analysis = Codec(config.codec).to(processes.device), Analysis().to(processes.device)
    if start is not None:
        load_grown(codec, stored_codec(start).weights, f"{start}: its codec")
    reader = load_reader(phones).to(processes.device) if phones else None
    parts: list[Loss] = [FeatureLoss(config.pitch_weight, processes)]
    if config.codec.encoder_hears:
        parts.append(HearingLoss(config.hearing_weight, config.pitch_weight, processes))
    if reader is not None:
        parts.append(PhoneLoss(reader, config.phone_weight, processes))
    criterion = Losses(*parts)
    forward = torch.compile(codec.explained) if schedule.compile else codec.explained

    def losses(batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        faults = link_faults(schedule.batch_size, schedule.packets, schedule, generator)
        lost, flips = map(processes.part, faults)
        with torch.no_grad():
            energies = analysis.energies_of(torch.from_numpy(batch.clean).to(processes.device))
            noisy_energies, periodicity = analysis(torch.from_numpy(batch.noisy).to(processes.device))
        f0, voiced = (target.to(processes.device) for target in pitch_tensors(batch.f0))
        raw, made, heard = forward(noisy_energies, periodicity, lost, flips, processes=processes)
        received = received_weights(lost, config.lost_packet_weight)
        found: dict[str, Tensor] = criterion(compared(raw, made, energies, (f0, voiced), received, heard))
        return found

    sampler = sampler_for(schedule, prepared, processes)
    checked = validation_batch(PreparedCorpus(prepared, "validation"), schedule.validation_segments, schedule.packets)
    taught_by = teachers_of([start] if start else [], phones)
    run = Run(folder, codec, schedule, processes, taught_by=taught_by)
    run.drive(sampler, losses, lambda network: validate(cast(Codec, network), analysis, checked, reader))
