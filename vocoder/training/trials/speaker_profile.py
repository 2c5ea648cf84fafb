"""A trial: the speaker's voice sent up front. 64 values of 16 levels, 32 bytes in all, are learned from another
recording of the same speaker; decoder and vocoder add what they make of them to their first layers. Without a profile
nothing is added, so that one network serves speakers who sent theirs and those who did not.

The shipped models have no profile: assets/MODELS.md says what it brought. Letters: B segments, N frames.
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
from codec.training.data.batches import Batch, Drawing, Speech
from codec.training.loop.trainer import Run, TrainingError
from codec.training.losses import frame_weights
from codec.training.model.network import Analysis
from codec.training.teachers import teachers_of
from vocoder.training.joint import Voice, VoiceTraining, criterion_for, load_voice, resynthesised, step_losses
from vocoder.training.losses.sound import sound_metrics

Array = NDArray[np.float32]
VALUES, LEVELS = 64, 16
"""Times 4 bits: one packet's worth."""
HIDDEN, KERNEL = 128, 9
HEARD_SAMPLES = 13 * format.PACKET_SAMPLES
"""Of the other recording: 4.2 s, the shorter ones followed by silence."""
UNKNOWN = 0.4
"""Share of the segments whose speaker is not told."""
CHECKED_PACKETS = 12
SIMILARITY_RATE_HZ = 16000
UNLABELLED = ("picovoice_intent", "ms_snsd")
"""Sources whose speakers are not told apart."""


class SpeakerProfile(nn.Module):
    """Energies of a recording -> its profile, and what decoder and vocoder add for it."""

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
        """[B, N, 40] in 0..1 -> [B, 64] in -1..1, rounded to 16 levels: mean and deviation of what is found over the
        frames, each weighted by how much of it is speech. The gradient passes as if nothing were rounded."""
        x = self.stem(4.0 * (energies - 0.4)).transpose(1, 2)
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


class ProfiledVoice(Voice):
    """A voice that can be told who speaks."""

    def __init__(self, config: VoiceTraining) -> None:
        """Raises TrainingError for another vocoder than the harmonic one."""
        super().__init__(config.codec, config.vocoder)
        if config.vocoder.kind != "harmonic":
            raise TrainingError(f'[vocoder] kind = "{config.vocoder.kind}": profiles are tried with the harmonic one')
        self.profile = SpeakerProfile(config.codec.latent_channels, config.vocoder.channels)

    @contextmanager
    def told(self, energies: Tensor, known: Tensor) -> Iterator[None]:
        """While it lasts the speakers are those of `energies` [B, N, 40], as far as known [B, 1] is 1 and not 0."""
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
    """With another recording of each speaker."""

    other: Array = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """float32 [B, 240 + HEARD_SAMPLES]."""
    has_other: Array = field(default_factory=lambda: np.zeros((0, 1), np.float32))
    """float32 [B, 1]: 0 where nothing else of the speaker is there."""


class ToldDrawing(Drawing):
    """Draws another recording with each segment, played as fast: it is the same voice then."""

    def __init__(self, speech: Speech, config: VoiceTraining) -> None:
        schedule = config.schedule
        super().__init__(speech, schedule.batch, schedule.packets, schedule.augmentation, schedule.seed)
        self.others = other_recordings(speech)

    def __call__(self, number: int) -> ToldBatch:
        random = np.random.default_rng([self.seed, number])
        drawn, heard, found = [], [], []
        for _ in range(self.batch):
            row, speed = self.choice(random)
            drawn.append(self.segment_of(random, row, speed))
            others = self.others.get(row, [])
            found.append([float(bool(others))])
            other = int(random.choice(others)) if others else row
            heard.append(self.speech.draw(random, other, HEARD_SAMPLES, speed)[0])
        noisy, clean, f0 = map(np.stack, zip(*drawn, strict=True))
        return ToldBatch(noisy, clean, f0, other=np.stack(heard), has_other=np.array(found, np.float32))


def other_recordings(speech: Speech) -> dict[int, list[int]]:
    """Of each utterance whose speaker is known, the same speaker's others."""
    return {number: [n for n in numbers if n != number] for numbers in told_apart(speech) for number in numbers}


def told_apart(speech: Speech) -> list[list[int]]:
    """The utterances of each known speaker."""
    return [found for source in speech.sources if source not in UNLABELLED for found in speech.speakers[source]]


def checked_batch(speech: Speech) -> ToldBatch:
    """Of each validation speaker with two recordings the longest, beside the second longest."""
    clean, heard = [], []
    for numbers in told_apart(speech):
        longest = sorted(numbers, key=lambda n: -int(speech.rows[n]["samples"]))
        if len(longest) > 1:
            clean.append(speech.cut(longest[0], 0, CHECKED_PACKETS * format.PACKET_SAMPLES)[0])
            heard.append(speech.cut(longest[1], 0, HEARD_SAMPLES)[0])
    if not clean:
        raise TrainingError("no validation speaker has two recordings: a profile cannot be judged")
    sound = np.stack(clean)
    known = np.ones((len(sound), 1), np.float32)
    return ToldBatch(sound, sound, np.zeros((len(sound), 1), np.float32), other=np.stack(heard), has_other=known)


def similarity(true: Array, made: Array) -> float:
    """Mean cosine of Resemblyzer's embeddings of float32 [B, S] at 8 kHz (`resemblyzer`, of the extra `bench`); without
    the package NaN."""
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
    """The same network on the same segments, told who speaks and not."""
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
    """As `train`, with profiles; each validation compares the network told who speaks with the same one not told."""
    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(config.schedule.seed)
    voice, analysis = ProfiledVoice(config), Analysis()
    load_voice(voice, start)
    criterion = criterion_for(config, analysis, phones)

    def losses(batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        assert isinstance(batch, ToldBatch)
        with torch.no_grad():
            heard = analysis.energies(analysis.power(torch.from_numpy(batch.other)))
        known = torch.from_numpy(batch.has_other) * (torch.rand(len(heard), 1, generator=generator) >= UNKNOWN)
        with voice.told(heard, known):
            return step_losses(voice, criterion, batch, config, generator)[2]

    checked = checked_batch(Speech(prepared, "validation"))
    run = Run(folder, voice, config.schedule, taught_by=teachers_of(start, phones))
    drawing = ToldDrawing(Speech(prepared, "train"), config)
    run.drive(drawing, losses, lambda averaged: compare(averaged, analysis, checked))
