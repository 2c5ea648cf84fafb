"""The shipped vocoder, fine-tuned on one person's recordings: it learns to make that voice of what the shipped codec
leaves of it. What decides is the part of the recordings that was held back, through the exported graphs themselves."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from codec import format
from codec.decoder import Decoder
from codec.encoder import Encoder
from codec.models import VOCODER, asset_path, expected_metadata, model_path
from codec.training.loop.trainer import Run, Schedule, TrainingError, load_networks
from codec.training.losses import envelope_correlation
from codec.training.model.network import Analysis
from codec.training.teachers import record, recorded
from vocoder.synthesizer import Vocoder as Synthesizer
from vocoder.training.export.export import vocoder_form, write_graph
from vocoder.training.losses.pesq import Loudness
from vocoder.training.losses.sound import SoundCriterion, sound_metrics
from vocoder.training.model.harmonic import Vocoder, VocoderConfig

Array = NDArray[np.float32]
SHIPPED = "voice.safetensors"
LEAST_S = 60.0
"""Of sound in all: with less there is nothing to hold back."""
HELD_BACK = 7
"""One recording in so many, or that part of each recording at its end."""
PIECE_S = 10.0
"""Held-back sound is measured in pieces of at most this length; those that are silence do not count."""
SHORTEST_S, SILENCE_DB = 1.3, -50.0
OFFSETS = (0, 640, 1280, 1920)
"""Samples by which the packets are shifted: each recording is coded so often."""
LOWEST_DB, HIGHEST_DB = -10.0, 4.0
"""By how much its level is changed each time."""


@dataclass(frozen=True)
class Course:
    """How long and how fast."""

    steps: int = 1500
    minutes: float = 40.0
    """Fewer steps where a processor would need longer for all of them."""
    rate: float = 1.5e-4
    batch: int = 6
    packets: int = 6
    seed: int = 71


@dataclass(frozen=True)
class Outcome:
    """What came of it, on the part held back."""

    before: dict[str, float]
    after: dict[str, float]
    better: bool
    steps: int
    minutes: float
    trained_s: float
    held_back_s: float


def parted(recordings: list[Array]) -> tuple[list[Array], list[Array]]:
    """float32 [n] each -> those to train on and those held back: one in seven, or where they are fewer or one is most
    of them, the last seventh of each. Raises TrainingError where there is too little."""
    total_s = sum(map(len, recordings)) / format.SAMPLE_RATE_HZ
    if total_s < LEAST_S:
        raise TrainingError(f"{total_s:.0f} s of sound are too few: at least {LEAST_S:.0f}, better ten minutes")
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
    """What is measured of them, each a whole number of packets."""
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
    """float32 [2560 P] -> what the far end's vocoder is given: features, float32 [P, 32, 42]."""
    encoder.reset()
    decoder.reset()
    blocks = samples.reshape(-1, format.PACKET_SAMPLES)
    return np.stack([decoder.decode(encoder.encode(block)) for block in blocks])


def config_of(weights: dict[str, torch.Tensor]) -> VocoderConfig:
    """The widths of a vocoder, from its weights."""
    channels = len(weights["gains.stem.bias"])
    blocks = sum(name.endswith("widen.bias") for name in weights)
    return VocoderConfig("harmonic", channels, blocks, len(weights["gains.stack.blocks.0.widen.bias"]) // channels)


class Material:
    """Features and true sound of all recordings, coded several times."""

    def __init__(self, recordings: list[Array], seed: int) -> None:
        random, encoder, decoder = np.random.default_rng(seed), Encoder(), Decoder()
        self.features: list[Array] = []
        self.true: list[Array] = []
        """float32 [240 + 2560 P], 240 samples of the past first."""
        for recording in recordings:
            for offset in OFFSETS:
                gain = np.float32(10 ** (random.uniform(LOWEST_DB, HIGHEST_DB) / 20))
                sound = np.clip(gain * recording[offset:], -1, 1)
                sound = np.pad(sound, (0, -len(sound) % format.PACKET_SAMPLES))
                if len(sound):
                    self.features.append(coded(sound, encoder, decoder))
                    self.true.append(np.pad(sound, (format.DELAY_SAMPLES, 0)))

    def draw(self, random: np.random.Generator, count: int, packets: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Features [B, 32 P, 42] and true sound [B, 240 + 2560 P]; short recordings are followed by silence."""
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
    recordings: list[Array], out: Path, course: Course, progress: Callable[[float], None] = lambda _: None
) -> Outcome:
    """Trains on recordings, float32 [n] at 8 kHz each, and writes the vocoder to `out`, an ONNX file; whether it is
    better than the shipped one is in the outcome. progress: told the share done, 0..1. Raises TrainingError."""
    began = time.monotonic()
    trained, held_back = parted(recordings)
    measured = pieces(held_back)
    if not measured:
        raise TrainingError("the part to hold back is silence: record longer, and closer to the microphone")
    torch.manual_seed(course.seed)
    weights = load_networks(asset_path(SHIPPED))["vocoder"]
    vocoder = Vocoder(config_of(weights))
    vocoder.load_state_dict(weights)
    material = Material(trained, course.seed)
    before = scores(model_path(VOCODER), measured)
    steps = learn(vocoder, material, course, out.parent, progress)
    metadata = expected_metadata(VOCODER) | record(recorded([asset_path(SHIPPED)]))
    write_graph(vocoder_form(vocoder), metadata, out)
    after = scores(out, measured)
    seconds = [sum(map(len, part)) / format.SAMPLE_RATE_HZ for part in (trained, measured)]
    return Outcome(before, after, is_better(before, after), steps, (time.monotonic() - began) / 60, *seconds)


def learn(vocoder: Vocoder, material: Material, course: Course, folder: Path, progress: Callable[[float], None]) -> int:
    """Leaves the averaged weights in the vocoder; returns how many steps were made."""
    analysis, random = Analysis(), np.random.default_rng(course.seed)
    criterion = SoundCriterion(analysis, Loudness())

    def parts_of(network: Vocoder) -> dict[str, torch.Tensor]:
        table, clean = material.draw(random, course.batch, course.packets)
        made = network(table, torch.randn(clean.shape))
        energies = analysis.energies(analysis.power(clean))
        return criterion(clean[:, : made.shape[1]], made, energies, torch.ones(energies.shape[:2]))

    trial, warm = Run(folder, copy.deepcopy(vocoder), Schedule()), 2
    for number in range(2 * warm):
        if number == warm:
            started = time.monotonic()
        trial.update(parts_of(trial.network))
    fit = int(course.minutes * 60 / ((time.monotonic() - started) / warm))
    steps = max(1, min(course.steps, fit))
    average = min(0.995, 1 - 5 / (steps + 5))
    schedule = Schedule(
        steps=steps, batch=course.batch, rate=course.rate, final=0.02, warm_steps=max(1, steps // 20), average=average
    )
    run, ends = Run(folder, vocoder, schedule), time.monotonic() + 1.3 * 60 * course.minutes
    while run.step < steps and time.monotonic() < ends:
        run.update(parts_of(vocoder))
        progress(run.step / steps)
    vocoder.load_state_dict(run.average)
    return run.step


def scores(path: Path, measured: list[Array]) -> dict[str, float]:
    """Means over pieces of sound, weighted by their length, of what a vocoder file makes of them behind the codec:
    distance of log-mel bands in dB, correlation of band envelopes (0..1, ESTOI's measure on mel bands), distance in
    level, and ESTOI and PESQ-NB where `pystoi` and `pesq` are installed."""
    encoder, decoder, synthesizer, analysis = Encoder(), Decoder(), Synthesizer(path), Analysis()
    sums: dict[str, float] = {}
    total = sum(map(len, measured))
    for piece in measured:
        synthesizer.reset()
        made = [synthesizer.synthesize(table) for table in coded(piece, encoder, decoder)]
        sound = np.concatenate([*made, synthesizer.flush()])[format.DELAY_SAMPLES :]
        true, heard = (torch.from_numpy(each)[None] for each in (piece, sound))
        found = sound_metrics(true, heard, analysis)
        energies = [analysis.energies(analysis.power(each)) for each in (true, heard)]
        found["envelope_correlation"] = 1.0 - float(envelope_correlation(*energies))
        for name, value in found.items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(piece) / total
    return sums


def is_better(before: dict[str, float], after: dict[str, float]) -> bool:
    """Nearer in the mel bands, and no less intelligible."""
    understood = "estoi" if "estoi" in before else "envelope_correlation"
    nearer = after["sound_mel_error_db"] < before["sound_mel_error_db"]
    return nearer and after[understood] >= before[understood]
