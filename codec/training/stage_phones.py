"""Training of the phone reader, on segments whose phones are known."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from codec import format
from codec.training.data.augmentation import Array, coloured, coloured_noise
from codec.training.data.batches import Batch, BatchSampler, PreparedCorpus
from codec.training.data.phone_alignment import PHONES, UNKNOWN
from codec.training.errors import TrainingError
from codec.training.loop.config import Schedule
from codec.training.loop.trainer import Run
from codec.training.model.analysis import Analysis
from codec.training.model.phone_reader import PhoneReader, PhoneReaderConfig
from codec.training.teachers import ALIGNER

VALIDATION_BATCHES = 3


@dataclass(frozen=True)
class PhoneTraining:
    """The recipe of the phone reader."""

    phone_reader: PhoneReaderConfig = field(default_factory=PhoneReaderConfig)
    """The network."""
    schedule: Schedule = field(
        default_factory=lambda: Schedule(steps=1500, batch_size=24, packets=8, learning_rate=2e-3)
    )
    """Length and speed of the training, and its data."""
    colour: float = 0.4
    """Probability of another microphone."""
    noise: float = 0.4
    """Probability of noise, 5-30 dB below."""


class LabelledSampler(BatchSampler):
    """Segments whose phones are known, drawn by speaker.

    The labels stand where other batches have the pitch: Batch.f0 is float32 [B, N] of indices into PHONES, or UNKNOWN;
    frames behind the end of an utterance are SIL.
    """

    def __init__(self, prepared: Path, split: str, config: PhoneTraining) -> None:
        """Open the labels of a split. Raises TrainingError where `align` has not been run."""
        schedule = config.schedule
        corpus = PreparedCorpus(prepared, split)
        super().__init__(corpus, schedule.batch_size, schedule.packets, schedule.augmentation, schedule.seed)
        self.config = config
        path = prepared / f"phones-{split}.npy"
        if not path.exists():
            raise TrainingError(f"{path}: no labels", "make them with `python -m codec.training align`")
        labels = np.load(path, mmap_mode="r")
        speakers: dict[str, list[int]] = {}
        for number, row in enumerate(corpus.rows):
            begin, count = int(row["start"]) // format.HOP_SAMPLES, int(row["samples"]) // format.HOP_SAMPLES
            if (labels[begin : begin + count] != UNKNOWN).any():
                speakers.setdefault(row["speaker"], []).append(number)
        if not speakers:
            raise TrainingError(f"{path}: no utterance of this corpus could be aligned with its text")
        corpus.f0 = labels
        self.labelled = list(speakers.values())
        weights = np.sqrt([len(numbers) for numbers in self.labelled])
        self.probabilities = weights / weights.sum()

    def segment(self, random: np.random.Generator) -> tuple[Array, Array, Array]:
        """Return a segment, float32 [240 + S] twice, and its labels, float32 [N]."""
        numbers = self.labelled[random.choice(len(self.labelled), p=self.probabilities)]
        number = numbers[random.integers(len(numbers))]
        samples = self.packets * format.PACKET_SAMPLES
        spare = max(0, int(self.corpus.rows[number]["samples"]) - samples) // format.HOP_SAMPLES
        audio, labels = self.corpus.cut(number, int(random.integers(0, spare + 1)) * format.HOP_SAMPLES, samples)
        if random.random() < self.config.colour:
            audio = coloured(random, audio)
        if random.random() < self.config.noise:
            level = np.sqrt(np.mean(audio**2) + 1e-12) * 10 ** (-random.uniform(5, 30) / 20)
            audio = audio + np.float32(level) * coloured_noise(random, len(audio))
        return audio.astype(np.float32), audio.astype(np.float32), labels


def train(config: PhoneTraining, prepared: Path, folder: Path) -> None:
    """Train the reader, from where `folder` holds a checkpoint if it does."""
    torch.manual_seed(config.schedule.seed)
    reader, analysis = PhoneReader(config.phone_reader), Analysis()
    sampler = LabelledSampler(prepared, "train", config)
    checked = LabelledSampler(prepared, "validation", config)
    batches = [checked(number) for number in range(VALIDATION_BATCHES)]

    def read(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            energies = analysis.energies_of(torch.from_numpy(batch.clean))
        return network(energies), torch.from_numpy(batch.f0).long()

    def losses(batch: Batch, _generator: torch.Generator) -> dict[str, Tensor]:
        log_probability, labels = read(reader, batch)
        return {"phones": functional.nll_loss(log_probability.flatten(0, 1), labels.flatten(), ignore_index=UNKNOWN)}

    @torch.no_grad()
    def validate(network: nn.Module) -> dict[str, float]:
        right = total = 0.0
        for batch in batches:
            log_probability, labels = read(network, batch)
            known = (labels != UNKNOWN) & (labels != PHONES.index("SIL"))
            right += float(((log_probability.argmax(-1) == labels) & known).sum())
            total += float(known.sum())
        return {"phones_right_pct": 100.0 * right / max(1.0, total)}

    Run(folder, reader, config.schedule, taught_by=frozenset({ALIGNER})).drive(sampler, losses, validate)
