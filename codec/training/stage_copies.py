"""Training of the coarse copies, on the features that a trained codec decodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from codec import format
from codec.training.data.batches import Batch, PreparedCorpus, validation_batch
from codec.training.loop.checkpoint import load_weights
from codec.training.loop.config import Schedule, filled
from codec.training.loop.distributed import ALONE
from codec.training.loop.trainer import Run
from codec.training.losses import FeatureLoss, feature_metrics
from codec.training.model.analysis import Analysis
from codec.training.model.copies import Copies, CopyConfig
from codec.training.model.network import VOICING_THRESHOLD, Codec, CodecConfig, as_features, folded, sharpened
from codec.training.stage_a import compared, pitch_tensors, sampler_for, stored_codec

VALIDATED_PACKETS = 8
"""Packets of a segment that is validated."""
LOST = 0.1
"""Part of the packets that are lost in validation."""


@dataclass(frozen=True)
class CopyTraining:
    """Recipe of the copies."""

    copies: CopyConfig = field(default_factory=CopyConfig)
    """The networks."""
    schedule: Schedule = field(
        default_factory=lambda: Schedule(steps=4000, batch_size=16, packets=6, learning_rate=2e-3, packet_loss=0.0)
    )
    """Length and speed of the training, and its data."""
    pitch_weight: float = 4.0
    """Weight of the losses on F0."""


def load_codec(start: Path) -> Codec:
    """Return the codec of a checkpoint, frozen. Raises TrainingError where it holds none."""
    stored = stored_codec(start)
    codec = Codec(filled(CodecConfig, stored.config, str(start)))
    load_weights(codec, stored.weights, f"{start}: its codec")
    codec.eval().requires_grad_(False)
    return codec


@torch.no_grad()
def decoded(codec: Codec, analysis: Analysis, audio: Tensor, lost: Tensor | None = None) -> Tensor:
    """Return the features [B, P, 32, 42] that the vocoder gets of audio [B, 240 + S]. lost: [B, P], if any are."""
    energies, periodicity = analysis(audio)
    batch, packets = energies.shape[0], energies.shape[1] // format.PACKET_FRAMES
    gone = energies.new_zeros(batch, packets, 1, 1) if lost is None else lost.float()[..., None, None]
    return folded(sharpened(codec(energies, periodicity, gone, energies.new_zeros(batch, 1, 1, 1))[1]))


def rebuilt(copies: Copies, tables: Tensor) -> tuple[Tensor, Tensor]:
    """Return true and raw rebuilt features, each [B (P - 1), 40, 42], of tables [B, P, 32, 42].

    Those are the frames before a packet, true in both, and its own: losses on changes see the seam.
    """
    past = tables[:, :-1, -format.PAST_FRAMES :].flatten(0, 1)
    true = tables[:, 1:].flatten(0, 1)
    raw = copies(true, past)
    return torch.cat([past, true], dim=1), torch.cat([as_raw(past), raw], dim=1)


def as_raw(table: Tensor) -> Tensor:
    """Return features [..., 42] as the decoder's raw output, whose voicing is sure."""
    voicing = (table[..., 1:2] > VOICING_THRESHOLD).float()
    return torch.cat([table[..., :1], voicing, table[..., 2:]], dim=-1)


class Lossy:
    """Speech of validation speakers of which packets are lost: what it is worth without them and with their copies."""

    def __init__(
        self, codec: Codec, analysis: Analysis, audio: Tensor, pitch: tuple[Tensor, Tensor], lost: Tensor
    ) -> None:
        """Take audio [B, 240 + S], its F0 and voicing (`pitch_tensors`), and which packets [B, P] are lost."""
        self.energies, (self.f0, self.voiced), self.lost = analysis(audio)[0], pitch, lost
        self.tables = decoded(codec, analysis, audio)
        self.concealed = decoded(codec, analysis, audio, lost)

    @torch.no_grad()
    def metrics(self, copies: Copies) -> dict[str, float]:
        """Return errors of the speech with copies in the place of lost packets, and envelope correlations beside it."""
        made = [self.tables[:, 0]]
        for number in range(1, self.tables.shape[1]):
            again = as_features(copies(self.tables[:, number], made[-1][:, -format.PAST_FRAMES :]))
            made.append(torch.where(self.lost[:, number, None, None], again, self.tables[:, number]))
        found = self._compared(torch.stack(made, dim=1))
        for name, tables in (("whole", self.tables), ("concealed", self.concealed)):
            found[f"envelope_{name}"] = self._compared(tables)["envelope_correlation"]
        return found

    def _compared(self, tables: Tensor) -> dict[str, float]:
        return feature_metrics(tables.flatten(1, 2), self.f0, self.voiced, self.energies)


def train(config: CopyTraining, prepared: Path, folder: Path, start: Path, threads: int = 0) -> None:
    """Train the copies of the codec in the checkpoint `start`, from where `folder` holds a checkpoint if it does."""
    if threads:
        torch.set_num_threads(threads)
    schedule = config.schedule
    torch.manual_seed(schedule.seed)
    codec, analysis, copies = load_codec(start), Analysis(), Copies(config.copies)
    criterion = FeatureLoss(config.pitch_weight)
    received = torch.ones(schedule.batch_size * (schedule.packets - 1), format.PAST_FRAMES + format.PACKET_FRAMES)

    def losses(batch: Batch, _generator: torch.Generator) -> dict[str, Tensor]:
        true, raw = rebuilt(copies, decoded(codec, analysis, torch.from_numpy(batch.noisy)))
        voiced = (true[..., format.VOICING_INDEX] > VOICING_THRESHOLD).float()
        targets = true[..., format.F0_INDEX], voiced
        found: dict[str, Tensor] = criterion(
            compared(raw, as_features(raw), true[..., format.BANDS_SLICE], targets, received)
        )
        return found

    checked = validation_batch(PreparedCorpus(prepared, "validation"), schedule.validation_segments, VALIDATED_PACKETS)
    batch = checked.clean.shape[0], VALIDATED_PACKETS
    lost = torch.rand(batch, generator=torch.Generator().manual_seed(schedule.seed)) < LOST
    known = Lossy(codec, analysis, torch.from_numpy(checked.clean), pitch_tensors(checked.f0), lost)
    Run(folder, copies, schedule).drive(
        sampler_for(schedule, prepared, ALONE), losses, lambda network: known.metrics(cast(Copies, network))
    )
