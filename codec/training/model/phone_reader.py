"""A reader of phones: a small network that says which phone each frame of band energies is, trained on the labels of
`alignment.py`. What it reads in the original and in the decoded speech should be the same: that is a loss for words,
for all languages, with no text needed.

Letters: B segments, N frames, 40 bands, L phones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from codec import format
from codec.training.data.batches import Array, Batch, Drawing, Speech, coloured, coloured_noise
from codec.training.data.phone_alignment import PHONES, UNKNOWN
from codec.training.loop.distributed import ALONE, Ranks
from codec.training.loop.trainer import Run, Schedule, TrainingError, averaged
from codec.training.losses import frame_weights
from codec.training.model.network import Analysis
from codec.training.teachers import PHONES as PHONES_TEACHER

KERNEL = 7
SHARPEST = 0.02
"""No phone is less probable than this share of an even guess: how sure the reader is of what it rules out is noise."""


@dataclass(frozen=True)
class PhoneTraining:
    """The configuration file of the reader."""

    channels: int = 128
    blocks: int = 4
    colour: float = 0.4
    """Probability of another microphone."""
    noise: float = 0.4
    """Probability of noise, 5-30 dB below."""
    schedule: Schedule = field(default_factory=lambda: Schedule(steps=1500, batch=24, packets=8, rate=2e-3))


class ReaderBlock(nn.Module):
    """ConvNeXt block over time that sees both sides."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(channels, channels, KERNEL, padding=KERNEL // 2, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, 2 * channels)
        self.narrow = nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """[B, N, C] -> the same."""
        mixed = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        return x + self.narrow(functional.gelu(self.widen(self.norm(mixed))))


class PhoneReader(nn.Module):
    """Energies [B, N, 40] in 0..1 -> log-probabilities of phones [B, N, L]. Level does not matter."""

    def __init__(self, channels: int = 128, blocks: int = 4) -> None:
        super().__init__()
        self.stem = nn.Linear(format.BANDS, channels)
        self.blocks = nn.Sequential(*(ReaderBlock(channels) for _ in range(blocks)))
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, len(PHONES))

    def forward(self, energies: Tensor) -> Tensor:
        """See the class."""
        weights = frame_weights(energies.detach()).unsqueeze(-1)
        level = (energies * weights).sum((1, 2), keepdim=True) / (weights.sum((1, 2), keepdim=True) * format.BANDS)
        x = self.blocks(self.stem(6.0 * (energies - level)))
        return functional.log_softmax(self.head(self.norm(x)), dim=-1)


def phone_distance(reader: PhoneReader, true: Tensor, made: Tensor, heard: Tensor, ranks: Ranks = ALONE) -> Tensor:
    """Kullback-Leibler divergence in nats a frame between what is read in true and in made energies, both
    [B, N, 40]; heard [B, N]: weight of each frame. The reader's own weights get no gradient where it is frozen."""

    def softened(energies: Tensor) -> Tensor:
        probability = reader(energies).exp()
        return (1.0 - SHARPEST) * probability + SHARPEST / len(PHONES)

    with torch.no_grad():
        expected = softened(true)
        weights = frame_weights(true) * heard
    difference = (expected * (expected.log() - softened(made).log())).sum(-1)
    return (difference * weights).sum() / ranks.total(weights)


def load_reader(path: Path) -> PhoneReader:
    """The trained reader, frozen. Raises TrainingError for a missing file."""
    from safetensors.torch import load_file

    if not path.exists():
        raise TrainingError(f"{path}: no such reader of phones; train one with `python -m codec.training phones`")
    weights = averaged(load_file(path))
    blocks = sum(name.endswith("depthwise.weight") for name in weights)
    reader = PhoneReader(len(weights["stem.bias"]), blocks)
    reader.load_state_dict(weights)
    return reader.eval().requires_grad_(False)


class LabelledDrawing(Drawing):
    """Segments whose phones are known, drawn by speaker. The labels stand where others have the pitch: Batch.f0 is
    float32 [B, N] of indices into PHONES, or UNKNOWN; what follows the end of an utterance is SIL."""

    def __init__(self, prepared: Path, split: str, config: PhoneTraining) -> None:
        """Raises TrainingError where `align` has not been run."""
        schedule = config.schedule
        speech = Speech(prepared, split)
        super().__init__(speech, schedule.batch, schedule.packets, schedule.augmentation, schedule.seed)
        self.config = config
        path = prepared / f"phones-{split}.npy"
        if not path.exists():
            raise TrainingError(f"{path}: no labels; make them with `python -m codec.training align`")
        labels = np.load(path, mmap_mode="r")
        speakers: dict[str, list[int]] = {}
        for number, row in enumerate(self.speech.rows):
            begin, count = int(row["start"]) // format.HOP_SAMPLES, int(row["samples"]) // format.HOP_SAMPLES
            if (labels[begin : begin + count] != UNKNOWN).any():
                speakers.setdefault(row["speaker"], []).append(number)
        if not speakers:
            raise TrainingError(f"{path}: no utterance of this corpus could be aligned with its text")
        self.speech.f0 = labels
        self.labelled = list(speakers.values())
        weights = np.sqrt([len(numbers) for numbers in self.labelled])
        self.shares = weights / weights.sum()

    def segment(self, random: np.random.Generator) -> tuple[Array, Array, Array]:
        """float32 [240 + S] twice, labels float32 [N]."""
        numbers = self.labelled[random.choice(len(self.labelled), p=self.shares)]
        number = numbers[random.integers(len(numbers))]
        samples = self.packets * format.PACKET_SAMPLES
        spare = max(0, int(self.speech.rows[number]["samples"]) - samples) // format.HOP_SAMPLES
        audio, labels = self.speech.cut(number, int(random.integers(0, spare + 1)) * format.HOP_SAMPLES, samples)
        if random.random() < self.config.colour:
            audio = coloured(random, audio)
        if random.random() < self.config.noise:
            level = np.sqrt(np.mean(audio**2) + 1e-12) * 10 ** (-random.uniform(5, 30) / 20)
            audio = audio + np.float32(level) * coloured_noise(random, len(audio))
        return audio.astype(np.float32), audio.astype(np.float32), labels


def train(config: PhoneTraining, prepared: Path, folder: Path) -> None:
    """Trains the reader, resuming where `folder` holds a checkpoint."""
    torch.manual_seed(config.schedule.seed)
    reader, analysis = PhoneReader(config.channels, config.blocks), Analysis()
    drawing = LabelledDrawing(prepared, "train", config)
    checked = LabelledDrawing(prepared, "validation", config)
    batches = [checked(number) for number in range(3)]

    def of(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            energies = analysis.energies(analysis.power(torch.from_numpy(batch.clean)))
        return network(energies), torch.from_numpy(batch.f0).long()

    def losses(batch: Batch, _generator: torch.Generator) -> dict[str, Tensor]:
        log_probability, labels = of(reader, batch)
        return {"phones": functional.nll_loss(log_probability.flatten(0, 1), labels.flatten(), ignore_index=UNKNOWN)}

    @torch.no_grad()
    def validate(network: nn.Module) -> dict[str, float]:
        right = total = 0.0
        for batch in batches:
            log_probability, labels = of(network, batch)
            known = (labels != UNKNOWN) & (labels != 0)
            right += float(((log_probability.argmax(-1) == labels) & known).sum())
            total += float(known.sum())
        return {"phones_right_pct": 100.0 * right / max(1.0, total)}

    Run(folder, reader, config.schedule, taught_by=frozenset({PHONES_TEACHER})).drive(drawing, losses, validate)
