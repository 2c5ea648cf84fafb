"""A trial: a profile of the speaker, sent once.

64 values of 16 levels, 32 bytes in all, are learned from another recording of the same speaker; decoder and vocoder add
what they make of them to their first layers. Without a profile nothing is added, so that one network serves speakers
who sent theirs and those who did not.

The shipped models have no profile: assets/HISTORY.md says what it brought. Letters: B segments, N frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from codec import format
from codec.training.data.batches import Batch, BatchSampler, PreparedCorpus
from codec.training.errors import TrainingError
from codec.training.loop.trainer import Run
from codec.training.model.analysis import Analysis, frame_weights
from codec.training.model.normalisation import normalise
from codec.training.teachers import teachers_of
from vocoder.training.joint import Criterion, step_losses
from vocoder.training.losses.sound import sound_metrics
from vocoder.training.voice import VoiceNetwork, VoiceTraining, load_voice, resynthesised

Array = NDArray[np.float32]
VALUES, LEVELS = 64, 16
"""Values of a profile, and levels of each: 4 bits, so that a profile is as long as a packet."""
HIDDEN, KERNEL = 128, 9
"""Width and kernel of the layers that make a profile."""
HEARD_SAMPLES = 13 * format.PACKET_SAMPLES
"""Samples of the other recording: 4.2 s; silence follows the shorter ones."""
UNKNOWN = 0.4
"""Fraction of the segments in which the network is not told who speaks."""
CHECKED_PACKETS = 12
"""Packets of a validation segment."""
SIMILARITY_RATE_HZ = 16000
"""Sampling rate of Resemblyzer, in Hz."""
UNLABELLED = ("picovoice_intent", "ms_snsd")
"""Sources whose speakers are not told apart."""


class SpeakerProfile(nn.Module):
    """A network that makes a profile of a recording's energies, and of that what decoder and vocoder add."""

    def __init__(self, latent_channels: int, vocoder_channels: int) -> None:
        super().__init__()
        self.stem = nn.Linear(format.BANDS, HIDDEN)
        self.layers = nn.ModuleList(nn.Conv1d(HIDDEN, HIDDEN, KERNEL, padding=KERNEL // 2) for _ in range(2))
        self.head = nn.Linear(2 * HIDDEN, VALUES)
        self.to_decoder = nn.Linear(VALUES, latent_channels, bias=False)
        self.to_vocoder = nn.Linear(VALUES, vocoder_channels, bias=False)
        for last in (self.to_decoder, self.to_vocoder):
            nn.init.zeros_(last.weight)

    def forward(self, energies: Tensor) -> Tensor:
        """Return profiles [B, 64] in -1..1, rounded to 16 levels, of energies [B, N, 40] in 0..1.

        They are made of mean and deviation over the frames, each weighted by how much of it is speech. The gradient
        passes as if nothing were rounded.
        """
        x = self.stem(normalise(energies)).transpose(1, 2)
        for layer in self.layers:
            x = x + functional.gelu(layer(x))
        weights = frame_weights(energies)[:, None]
        weights = weights / weights.sum(-1, keepdim=True)
        mean = (x * weights).sum(-1)
        deviation = ((x - mean[..., None]).square() * weights).sum(-1).add(1e-5).sqrt()
        half = LEVELS / 2
        values = half * torch.tanh(self.head(torch.cat([mean, deviation], dim=-1)))
        levels = (torch.floor(values.detach()) + 0.5).clamp(0.5 - half, half - 0.5)
        return (values + (levels - values).detach()) / half


class ProfiledVoice(VoiceNetwork):
    """A voice that can be told who speaks."""

    def __init__(self, config: VoiceTraining) -> None:
        """Build new networks. Raises TrainingError for another vocoder than the harmonic one."""
        super().__init__(config.codec, config.vocoder)
        if config.vocoder.kind != "harmonic":
            problem = f'[vocoder] kind = "{config.vocoder.kind}"'
            raise TrainingError(problem, "profiles are tried with the harmonic one")
        self.profile = SpeakerProfile(config.codec.latent_channels, config.vocoder.channels)

    @contextmanager
    def told(self, energies: Tensor, known: Tensor) -> Iterator[None]:
        """Tell the networks, while this lasts, the speakers of `energies` [B, N, 40], where `known` [B, 1] is 1."""
        values = known * self.profile(energies)
        shifts = {
            self.codec.decoder.entry: self.profile.to_decoder(values),
            self.vocoder.gains.stem: self.profile.to_vocoder(values),
        }
        hooks = [
            layer.register_forward_hook(lambda _layer, _given, found, shift=shift: found + shift[:, None, None])
            for layer, shift in shifts.items()
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


@dataclass
class ToldBatch(Batch):
    """A batch with another recording of each speaker."""

    other: Array = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """The other recordings, float32 [B, 240 + HEARD_SAMPLES]."""
    has_other: Array = field(default_factory=lambda: np.zeros((0, 1), np.float32))
    """Presence of another recording of the speaker, float32 [B, 1]: 1 where there is one, else 0."""


class ToldSampler(BatchSampler):
    """Segments, each with another recording of the speaker, played as fast, so that it is the same voice."""

    def __init__(self, corpus: PreparedCorpus, config: VoiceTraining) -> None:
        schedule = config.schedule
        super().__init__(corpus, schedule.batch_size, schedule.packets, schedule.augmentation, schedule.seed)
        self.others = other_recordings(corpus)

    def __call__(self, number: int) -> ToldBatch:
        """Return batch `number`."""
        random = np.random.default_rng([self.seed, number])
        drawn, heard, found = [], [], []
        for _ in range(self.batch_size):
            row, speed = self.choice(random)
            drawn.append(self.segment_of(random, row, speed))
            others = self.others.get(row, [])
            found.append([float(bool(others))])
            other = int(random.choice(others)) if others else row
            heard.append(self.corpus.draw(random, other, HEARD_SAMPLES, speed)[0])
        noisy, clean, f0 = map(np.stack, zip(*drawn, strict=True))
        return ToldBatch(noisy, clean, f0, other=np.stack(heard), has_other=np.array(found, np.float32))


def other_recordings(corpus: PreparedCorpus) -> dict[int, list[int]]:
    """Return the same speaker's other utterances, for each utterance whose speaker is known."""
    return {number: [n for n in numbers if n != number] for numbers in told_apart(corpus) for number in numbers}


def told_apart(corpus: PreparedCorpus) -> list[list[int]]:
    """Return the utterances of each known speaker."""
    return [found for source in corpus.sources if source not in UNLABELLED for found in corpus.speakers[source]]


def checked_batch(corpus: PreparedCorpus) -> ToldBatch:
    """Return the longest recording of each validation speaker who has two, beside the second longest."""
    clean, heard = [], []
    for numbers in told_apart(corpus):
        longest = sorted(numbers, key=lambda n: -int(corpus.rows[n]["samples"]))
        if len(longest) > 1:
            clean.append(corpus.cut(longest[0], 0, CHECKED_PACKETS * format.PACKET_SAMPLES)[0])
            heard.append(corpus.cut(longest[1], 0, HEARD_SAMPLES)[0])
    if not clean:
        raise TrainingError("no validation speaker has two recordings: a profile cannot be judged")
    sound = np.stack(clean)
    known = np.ones((len(sound), 1), np.float32)
    return ToldBatch(sound, sound, np.zeros((len(sound), 1), np.float32), other=np.stack(heard), has_other=known)


def similarity(true: Array, made: Array) -> float:
    """Return the mean cosine of Resemblyzer's embeddings of true and made sound, float32 [B, S] at 8 kHz.

    Without the package (`resemblyzer`, of the extra `bench`) it is NaN.
    """
    try:
        from resemblyzer import VoiceEncoder, preprocess_wav
    except ImportError:
        return float("nan")
    encoder = VoiceEncoder("cpu", verbose=False)
    found = []
    for pair in zip(true, made, strict=True):
        voices = [preprocess_wav(each, source_sr=format.SAMPLE_RATE_HZ) for each in pair]
        if min(map(len, voices)) > SIMILARITY_RATE_HZ:
            one, two = (encoder.embed_utterance(each) for each in voices)
            found.append(float(one @ two))
    return sum(found) / max(1, len(found))


@torch.no_grad()
def compare(voice: nn.Module, analysis: Analysis, batch: ToldBatch) -> dict[str, float]:
    """Return metrics of the same network on the same segments, told who speaks and not."""
    assert isinstance(voice, ProfiledVoice)
    heard, _ = analysis(torch.from_numpy(batch.other))
    found: dict[str, float] = {}
    for name, known in (("unknown", 0.0), ("told", 1.0)):
        with voice.told(heard, known * torch.from_numpy(batch.has_other)):
            _, _, true, made = resynthesised(voice, analysis, batch.clean)
        metrics = sound_metrics(true, made, analysis)
        metrics["speaker"] = similarity(true.numpy(), made.clamp(-1, 1).numpy())
        found |= {f"{name}_{key}": value for key, value in metrics.items()}
    return found


def train_profile(
    config: VoiceTraining, prepared: Path, folder: Path, start: list[Path], threads: int = 0, phones: Path | None = None
) -> None:
    """Train as `joint.train` does, with profiles; each validation compares the network told who speaks and not told."""
    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(config.schedule.seed)
    voice, analysis = ProfiledVoice(config), Analysis()
    load_voice(voice, start)
    criterion = Criterion(config, analysis, phones)

    def losses(batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        assert isinstance(batch, ToldBatch)
        with torch.no_grad():
            heard = analysis.energies_of(torch.from_numpy(batch.other))
        known = torch.from_numpy(batch.has_other) * (torch.rand(len(heard), 1, generator=generator) >= UNKNOWN)
        with voice.told(heard, known):
            return step_losses(voice, criterion, batch, config, generator)[2]

    checked = checked_batch(PreparedCorpus(prepared, "validation"))
    run = Run(folder, voice, config.schedule, taught_by=teachers_of(start, phones))
    sampler = ToldSampler(PreparedCorpus(prepared, "train"), config)
    run.drive(sampler, losses, lambda averaged: compare(averaged, analysis, checked))
