"""Stage A: the codec on features."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from codec import features, format
from codec.training.data.batches import Batch, Drawing, Speech, validation_batch
from codec.training.loop.distributed import ALONE, Ranks
from codec.training.loop.trainer import Run, Schedule, TrainingError, load_networks
from codec.training.losses import feature_losses, feature_metrics
from codec.training.model.network import Analysis, Codec, CodecConfig
from codec.training.model.phone_reader import PhoneReader, load_reader, phone_distance
from codec.training.teachers import teachers_of


@dataclass(frozen=True)
class CodecTraining:
    """The configuration file of stage A."""

    network: CodecConfig = field(default_factory=CodecConfig)
    schedule: Schedule = field(default_factory=Schedule)
    phone_share: float = 0.4
    """Weight of a nat a frame of the distance between phones read, where a reader is given."""
    pitch_share: float = 1.0
    """Weight of the losses on F0."""
    lost_weight: float = 0.3
    """How much a frame of a lost packet counts, 0..1."""


def pitch_tensors(f0: np.ndarray) -> tuple[Tensor, Tensor]:
    """F0 in Hz [B, N] -> its feature and voiced 0/1, both float32 [B, N]."""
    return torch.from_numpy(features.feature_of_f0(f0)), torch.from_numpy((f0 > 0).astype(np.float32))


def link_faults(batch: int, packets: int, schedule: Schedule, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """lost [B, P, 1, 1] and bit error probability [B, 1, 1, 1]. Losses come in half of the segments, twice as often."""
    lost = (torch.rand(batch, packets, 1, 1, generator=generator) < 2 * schedule.loss).float()
    lost = lost * (torch.rand(batch, 1, 1, 1, generator=generator) < 0.5)
    flips = 0.005 + 0.025 * torch.rand(batch, 1, 1, 1, generator=generator)
    return lost, flips * (torch.rand(batch, 1, 1, 1, generator=generator) < schedule.flips)


def heard_weights(lost: Tensor, frames: int, lost_weight: float = 0.3) -> Tensor:
    """lost [B, P, 1, 1] -> weight of each frame [B, 32 P]: 1, or `lost_weight` where the packet was lost."""
    packets = 1.0 - (1.0 - lost_weight) * lost.squeeze(-1)
    return packets.expand(-1, -1, frames).reshape(lost.shape[0], -1)


def drawing_for(schedule: Schedule, prepared: Path, ranks: Ranks) -> Drawing:
    """The schedule's batches, or this process's slices of them."""
    speech, part = Speech(prepared, "train"), (ranks.number, ranks.count)
    drawn = (schedule.batch, schedule.packets, schedule.augmentation, schedule.seed)
    return Drawing(speech, *drawn, part, schedule.apart)


@torch.no_grad()
def validate(codec: nn.Module, analysis: Analysis, batch: Batch, reader: PhoneReader | None = None) -> dict[str, float]:
    """Errors on speakers never trained on, without loss or flips, rounded and not."""
    device = next(codec.parameters()).device
    energies, periodicity = analysis(torch.from_numpy(batch.clean).to(device))
    f0, voiced = (target.to(device) for target in pitch_tensors(batch.f0))
    count, packets = energies.shape[0], energies.shape[1] // 32
    none = energies.new_zeros(count, packets, 1, 1), energies.new_zeros(count, 1, 1, 1)
    _, made = codec(energies, periodicity, *none)
    _, unrounded = codec(energies, periodicity, *none, rounded=False)
    metrics = feature_metrics(made, f0, voiced, energies)
    if reader is not None:
        everything = energies.new_ones(energies.shape[:2])
        metrics["phone_distance"] = float(phone_distance(reader, energies, made[..., format.BANDS_SLICE], everything))
    return metrics | {"mel_error_unrounded_db": feature_metrics(unrounded, f0, voiced, energies)["mel_error_db"]}


def load_grown(codec: Codec, weights: dict[str, Tensor], place: str) -> None:
    """Weights of a codec that may have fewer blocks and no hidden layer in its stem: what is new begins as the
    identity. Raises TrainingError for other widths."""
    own = codec.state_dict()
    new = [name for name in own if name not in weights and (".blocks." in name or name.startswith("encoder.stem."))]
    begun = {name: torch.zeros_like(own[name]) if name.endswith(".scale") else own[name] for name in new}
    try:
        codec.load_state_dict(weights | begun)
    except RuntimeError as error:
        problem = f"{place}: its codec has other widths: name the configuration of it with --config"
        raise TrainingError(problem) from error


def train(
    config: CodecTraining,
    prepared: Path,
    folder: Path,
    threads: int = 0,
    start: Path | None = None,
    phones: Path | None = None,
    ranks: Ranks = ALONE,
) -> None:
    """Trains, from the weights of `start` where it is named, resuming where `folder` holds a checkpoint; with the loss
    on words where `phones` names the reader's checkpoint; with other processes where `ranks` says so."""
    if threads:
        torch.set_num_threads(threads)
    schedule = config.schedule
    torch.manual_seed(schedule.seed)
    codec, analysis = Codec(config.network).to(ranks.device), Analysis().to(ranks.device)
    if start is not None:
        networks = load_networks(start)
        if "codec" not in networks:
            raise TrainingError(f"{start} holds no codec: name a checkpoint of stage A or C with --from")
        load_grown(codec, networks["codec"], str(start))
    reader = load_reader(phones).to(ranks.device) if phones else None
    forward = torch.compile(codec) if schedule.compile else codec

    def losses(batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        lost, flips = map(ranks.part, link_faults(schedule.batch, schedule.packets, schedule, generator))
        with torch.no_grad():
            energies = analysis.energies(analysis.power(torch.from_numpy(batch.clean).to(ranks.device)))
            heard_energies, periodicity = analysis(torch.from_numpy(batch.noisy).to(ranks.device))
        f0, voiced = (target.to(ranks.device) for target in pitch_tensors(batch.f0))
        raw, made = forward(heard_energies, periodicity, lost, flips, ranks=ranks)
        heard = heard_weights(lost, format.PACKET_FRAMES, config.lost_weight)
        parts = feature_losses(raw, made, f0, voiced, energies, heard, ranks, config.pitch_share)
        if reader is not None:
            distance = phone_distance(reader, energies, made[..., format.BANDS_SLICE], heard, ranks)
            parts["phones"] = config.phone_share * distance
        return parts

    drawing = drawing_for(schedule, prepared, ranks)
    checked = validation_batch(Speech(prepared, "validation"), schedule.validation_segments, schedule.packets)
    taught_by = teachers_of([start] if start else [], phones)
    run = Run(folder, codec, schedule, ranks, taught_by=taught_by)
    run.drive(drawing, losses, lambda network: validate(network, analysis, checked, reader))
