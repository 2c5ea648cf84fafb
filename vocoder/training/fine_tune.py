"""Fine-tuning of the shipped vocoder on one person's recordings, for `gossamer train-voice`.

It learns to make that voice out of what the shipped codec leaves of it. The part of the recordings that was held back
decides whether the result is better, measured through the exported graphs themselves.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from codec import format
from codec.decoder import Decoder
from codec.encoder import Encoder
from codec.models import VOCODER, asset_path, expected_metadata, model_path
from codec.training.errors import TrainingError
from codec.training.loop.checkpoint import load_networks, load_weights
from codec.training.loop.config import Schedule, filled
from codec.training.loop.trainer import Run
from codec.training.losses import envelope_correlation
from codec.training.model.analysis import Analysis
from codec.training.teachers import record, recorded
from vocoder.synthesizer import Vocoder as Synthesizer
from vocoder.training.export.export import vocoder_form, write_graph
from vocoder.training.losses.sound import compared, sound_losses, sound_metrics
from vocoder.training.model import vocoder_network
from vocoder.training.model.config import VocoderConfig

Array = NDArray[np.float32]
SHIPPED = "voice.safetensors"
"""Name of the checkpoint of the shipped voice, in assets/."""
LEAST_S = 60.0
"""Shortest length of all recordings together: with less there is nothing to hold back."""
HELD_BACK = 7
"""Number of recordings of which one is held back, or of equal parts of each of which the last is."""
PIECE_S = 10.0
"""Longest piece in which held-back sound is measured."""
SHORTEST_S, SILENCE_DB = 1.3, -50.0
"""Shortest length and lowest level of a piece that counts."""
OFFSETS = (0, 640, 1280, 1920)
"""Samples by which packets are shifted: each recording is coded once with each."""
LOWEST_DB, HIGHEST_DB = -10.0, 4.0
"""Range of the change of level, drawn anew each time that a recording is coded."""
TRIED_STEPS = 2
"""Steps whose time tells how many fit in; as many before them are not timed."""
OVERTIME = 1.3
"""Factor of the time allowed after which training ends, however many steps it has made."""


@dataclass(frozen=True)
class FineTuneSettings:
    """Length and speed of the fine-tuning."""

    steps: int = 1500
    """Most optimiser steps."""
    minutes: float = 40.0
    """Time allowed; a processor that would need longer for all steps makes fewer."""
    learning_rate: float = 1.5e-4
    """Peak learning rate."""
    batch_size: int = 6
    """Segments a step."""
    packets: int = 6
    """Packets of 320 ms a segment."""
    seed: int = 71
    """Seed of everything that is drawn at random."""


@dataclass(frozen=True)
class FineTuneResult:
    """The figures of the part that was held back, and what they took."""

    before: dict[str, float]
    """Figures of the shipped vocoder (`scores`)."""
    after: dict[str, float]
    """Figures of the new one."""
    better: bool
    """True where the new one is better (`is_better`)."""
    steps: int
    """Optimiser steps made."""
    minutes: float
    """Time taken."""
    trained_s: float
    """Length of the sound that was trained on."""
    held_back_s: float
    """Length of the sound that was measured."""


def parted(recordings: list[Array]) -> tuple[list[Array], list[Array]]:
    """Return the recordings, float32 [n] each, to train on and those held back.

    One in seven is held back; where there are fewer, or one is more than half of the sound, the last seventh of each.
    Raises TrainingError where there is too little.
    """
    total_s = sum(map(len, recordings)) / format.SAMPLE_RATE_HZ
    if total_s < LEAST_S:
        raise TrainingError(f"{total_s:.0f} s of sound are too few", f"at least {LEAST_S:.0f}, better ten minutes")
    if len(recordings) >= HELD_BACK and max(map(len, recordings)) < 0.5 * sum(map(len, recordings)):
        chosen = range(HELD_BACK // 2, len(recordings), HELD_BACK)
        kept = [each for number, each in enumerate(recordings) if number not in chosen]
        return kept, [recordings[number] for number in chosen]
    cuts = [len(each) * (HELD_BACK - 1) // HELD_BACK for each in recordings]
    return (
        [each[:cut] for each, cut in zip(recordings, cuts, strict=True)],
        [each[cut:] for each, cut in zip(recordings, cuts, strict=True)],
    )


def pieces(recordings: Iterable[Array]) -> list[Array]:
    """Return the pieces of recordings that are measured, each a whole number of packets."""
    length = int(PIECE_S * format.SAMPLE_RATE_HZ) // format.PACKET_SAMPLES * format.PACKET_SAMPLES
    found = []
    for recording in recordings:
        for start in range(0, len(recording), length):
            piece = recording[start : start + length]
            piece = piece[: len(piece) // format.PACKET_SAMPLES * format.PACKET_SAMPLES]
            if len(piece) >= SHORTEST_S * format.SAMPLE_RATE_HZ and piece.std() > 10 ** (SILENCE_DB / 20):
                found.append(piece)
    return found


def coded(samples: Array, encoder: Encoder, decoder: Decoder) -> Array:
    """Return the features that the far end's vocoder gets, float32 [P, 32, 42], of samples float32 [2560 P]."""
    encoder.reset()
    decoder.reset()
    blocks = samples.reshape(-1, format.PACKET_SAMPLES)
    return np.stack([decoder.decode(encoder.encode(block)) for block in blocks])


class CodedRecordings:
    """Decoded features and true sound of all recordings, coded several times."""

    def __init__(self, recordings: list[Array], seed: int) -> None:
        """Code the recordings, float32 [n] each, with the shipped codec."""
        random, encoder, decoder = np.random.default_rng(seed), Encoder(), Decoder()
        self.features: list[Array] = []
        """Features, float32 [P, 32, 42]."""
        self.true: list[Array] = []
        """Samples, float32 [240 + 2560 P]; 240 of the past come first."""
        for recording in recordings:
            for offset in OFFSETS:
                gain = np.float32(10 ** (random.uniform(LOWEST_DB, HIGHEST_DB) / 20))
                sound = np.clip(gain * recording[offset:], -1, 1)
                sound = np.pad(sound, (0, -len(sound) % format.PACKET_SAMPLES))
                if len(sound):
                    self.features.append(coded(sound, encoder, decoder))
                    self.true.append(np.pad(sound, (format.DELAY_SAMPLES, 0)))

    def draw(self, random: np.random.Generator, count: int, packets: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return features [B, 32 P, 42] and true sound [B, 240 + 2560 P]; silence follows short recordings."""
        lengths = np.array([len(each) for each in self.features], dtype=float)
        tables, sounds = [], []
        for number in random.choice(len(lengths), count, p=lengths / lengths.sum()):
            table, true = self.features[number], self.true[number]
            first = int(random.integers(0, max(1, len(table) - packets + 1)))
            short = max(0, packets - len(table))
            tables.append(np.pad(table[first : first + packets], ((0, short), (0, 0), (0, 0))))
            start = first * format.PACKET_SAMPLES
            sound = true[start : start + format.DELAY_SAMPLES + packets * format.PACKET_SAMPLES]
            sounds.append(np.pad(sound, (0, short * format.PACKET_SAMPLES)))
        flat = torch.from_numpy(np.stack(tables)).flatten(1, 2)
        return flat, torch.from_numpy(np.stack(sounds))


def fine_tune(
    recordings: list[Array],
    out: Path,
    settings: FineTuneSettings,
    progress: Callable[[float], None] = lambda _: None,
) -> FineTuneResult:
    """Train on recordings, float32 [n] at 8 kHz each, and write the vocoder to `out`, an ONNX file.

    The result tells whether it is better than the shipped one. progress: called with the part that is done, 0..1.
    Raises TrainingError.
    """
    began = time.monotonic()
    trained, held_back = parted(recordings)
    measured = pieces(held_back)
    if not measured:
        raise TrainingError("the part to hold back is silence", "record longer, and closer to the microphone")
    torch.manual_seed(settings.seed)
    stored = load_networks(asset_path(SHIPPED))["vocoder"]
    vocoder = vocoder_network(filled(VocoderConfig, stored.config, SHIPPED))
    load_weights(vocoder, stored.weights, SHIPPED)
    coded_recordings = CodedRecordings(trained, settings.seed)
    before = scores(model_path(VOCODER), measured)
    steps = learn(vocoder, coded_recordings, settings, out.parent, progress)
    metadata = expected_metadata(VOCODER) | record(recorded([asset_path(SHIPPED)]))
    write_graph(vocoder_form(vocoder), metadata, out)
    after = scores(out, measured)
    seconds = [sum(map(len, part)) / format.SAMPLE_RATE_HZ for part in (trained, measured)]
    return FineTuneResult(before, after, is_better(before, after), steps, (time.monotonic() - began) / 60, *seconds)


def learn(
    vocoder: nn.Module,
    recordings: CodedRecordings,
    settings: FineTuneSettings,
    folder: Path,
    progress: Callable[[float], None],
) -> int:
    """Train the vocoder and leave the averaged weights in it; return how many steps were made."""
    analysis, random, criterion = Analysis(), np.random.default_rng(settings.seed), sound_losses()

    def parts_of(network: nn.Module) -> dict[str, torch.Tensor]:
        table, clean = recordings.draw(random, settings.batch_size, settings.packets)
        made = network(table, torch.randn(clean.shape))
        energies = analysis.energies_of(clean)
        true, received = clean[:, : made.shape[1]], torch.ones(energies.shape[:2])
        parts: dict[str, torch.Tensor] = criterion(compared(analysis, true, made, energies, received))
        return parts

    trial = Run(folder, copy.deepcopy(vocoder), Schedule())
    for number in range(2 * TRIED_STEPS):
        if number == TRIED_STEPS:
            started = time.monotonic()
        trial.update(parts_of(trial.network))
    fit = int(settings.minutes * 60 / ((time.monotonic() - started) / TRIED_STEPS))
    steps = max(1, min(settings.steps, fit))
    schedule = Schedule(
        steps=steps,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        final_learning_rate=0.02,
        warmup_steps=max(1, steps // 20),
        ema_decay=min(0.995, 1 - 5 / (steps + 5)),
    )
    run, ends = Run(folder, vocoder, schedule), time.monotonic() + OVERTIME * 60 * settings.minutes
    while run.step < steps and time.monotonic() < ends:
        run.update(parts_of(vocoder))
        progress(run.step / steps)
    vocoder.load_state_dict(run.average.module.state_dict())
    return run.step


def scores(path: Path, measured: list[Array]) -> dict[str, float]:
    """Return figures of what a vocoder file makes of sound behind the codec: means over pieces, weighted by length.

    They are those of `sound_metrics`, and "envelope_correlation", 0..1: ESTOI's measure on mel bands.
    """
    encoder, decoder, synthesizer, analysis = Encoder(), Decoder(), Synthesizer(path), Analysis()
    sums: dict[str, float] = {}
    total = sum(map(len, measured))
    for piece in measured:
        synthesizer.reset()
        made = [synthesizer.synthesize(table) for table in coded(piece, encoder, decoder)]
        sound = np.concatenate([*made, synthesizer.flush()])[format.DELAY_SAMPLES :]
        true, heard = (torch.from_numpy(each)[None] for each in (piece, sound))
        found = sound_metrics(true, heard, analysis)
        energies = [analysis.energies_of(each) for each in (true, heard)]
        found["envelope_correlation"] = 1.0 - float(envelope_correlation(*energies))
        for name, value in found.items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(piece) / total
    return sums


def is_better(before: dict[str, float], after: dict[str, float]) -> bool:
    """Tell whether the figures after are those of a voice nearer in the mel bands, and no less intelligible."""
    understood = "estoi" if "estoi" in before else "envelope_correlation"
    nearer = after["sound_mel_error_db"] < before["sound_mel_error_db"]
    return nearer and after[understood] >= before[understood]
