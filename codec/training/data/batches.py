"""Segments of speech for a training step, drawn by source and speaker."""

from __future__ import annotations

import csv
import itertools
from collections import defaultdict, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soxr

from codec import format
from codec.training.data.augmentation import Array, Augmentation, coloured, coloured_noise, echoed

SOURCE_WEIGHTS = {
    "speechocean762": 6.0, "librispeech": 3.0, "ms_snsd": 3.0, "kathleen": 0.8, "kerstin": 1.2, "emodb": 1.0,
    "picovoice_intent": 1.2, "arabic_commands": 1.2, "audio_cmn": 0.8, "speech_commands": 1.6,
}  # fmt: skip
"""Weight with which each source is drawn, by the number of its speakers more than by its hours."""
OTHER_SOURCE_WEIGHT = 3.0
"""Weight of a source that is not in the table."""


@dataclass
class Batch:
    """Segments of speech with their targets. Letters: B segments, S = 2560 P samples, N = 32 P frames."""

    noisy: Array
    """Input of the encoder, float32 [B, 240 + S]; the first 240 samples are the past of the first packet."""
    clean: Array
    """Target of the decoded sound, float32 [B, 240 + S]."""
    f0: Array
    """F0 in Hz, float32 [B, N]; 0 where unvoiced."""
    languages: list[str] = field(default_factory=list)
    """Language of each segment, in a validation batch."""


class PreparedCorpus:
    """The utterances of one split of a prepared corpus, mapped into memory."""

    def __init__(self, folder: Path, split: str) -> None:
        """Open the folder that `prepare` wrote; split: "train" or "validation". Raises FileNotFoundError."""
        self.audio = np.load(folder / "audio.npy", mmap_mode="r")
        self.f0 = np.load(folder / "f0.npy", mmap_mode="r")
        with (folder / "index.csv").open(newline="") as file:
            self.rows = [row for row in csv.DictReader(file) if row["split"] == split]
        speakers: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number, row in enumerate(self.rows):
            speakers[row["source"]][row["speaker"]].append(number)
        self.speakers = {source: list(found.values()) for source, found in speakers.items()}
        weights = np.array([SOURCE_WEIGHTS.get(source, OTHER_SOURCE_WEIGHT) for source in self.speakers])
        self.sources = list(self.speakers)
        self.probabilities = weights / weights.sum()

    def draw_row(self, random: np.random.Generator) -> int:
        """Return the number of an utterance: of a source drawn by weight, a speaker, an utterance drawn by length."""
        found = self.speakers[self.sources[random.choice(len(self.sources), p=self.probabilities)]]
        numbers = found[random.integers(len(found))]
        lengths = np.array([int(self.rows[number]["samples"]) for number in numbers], dtype=np.float64)
        return numbers[random.choice(len(numbers), p=lengths / lengths.sum())]

    def cut(self, number: int, offset: int, samples: int) -> tuple[Array, Array]:
        """Return a piece of an utterance, float32 [240 + samples], and its F0, float32 [samples / 80].

        The piece begins 240 samples before `offset`, a multiple of 80 as `samples` is; outside the utterance it is 0.
        """
        row = self.rows[number]
        start, length = int(row["start"]), int(row["samples"])
        audio = np.zeros(format.DELAY_SAMPLES + samples, np.float32)
        f0 = np.zeros(samples // format.HOP_SAMPLES, np.float32)
        first, last = max(0, offset - format.DELAY_SAMPLES), min(length, offset + samples)
        into = first - (offset - format.DELAY_SAMPLES)
        audio[into : into + last - first] = self.audio[start + first : start + last] / np.float32(32768.0)
        pitch = self.f0[(start + offset) // format.HOP_SAMPLES : (start + last) // format.HOP_SAMPLES]
        f0[: len(pitch)] = pitch
        return audio, f0

    def draw(self, random: np.random.Generator, number: int, samples: int, speed: float) -> tuple[Array, Array]:
        """Return a piece from anywhere in an utterance, played `speed` times as fast, and its F0, as `cut` does."""
        hop = format.HOP_SAMPLES
        wanted = int(np.ceil((samples + format.DELAY_SAMPLES) * speed / hop) + 4) * hop if speed != 1.0 else samples
        spare = int(self.rows[number]["samples"]) - wanted
        offset = int(random.integers(-8, max(1, spare // hop + 9))) * hop if spare > 0 else 0
        audio, f0 = self.cut(number, max(0, offset), wanted)
        if speed == 1.0:
            return audio, f0
        faster = soxr.resample(audio, format.SAMPLE_RATE_HZ * speed, format.SAMPLE_RATE_HZ, quality="MQ")
        places = (np.arange(samples // hop) * hop + hop / 2 + format.DELAY_SAMPLES) * speed - format.DELAY_SAMPLES
        nearest = np.clip(np.round(places / hop - 0.5).astype(int), 0, len(f0) - 1)
        pitch = f0[nearest] * np.float32(speed)
        pitch[(pitch > 500) | (pitch < 57)] = 0.0
        return faster[: format.DELAY_SAMPLES + samples].astype(np.float32), pitch


class BatchSampler:
    """Random batches without end. Batch n depends on the seed and n alone, so that a resumed run goes on with it."""

    def __init__(
        self,
        corpus: PreparedCorpus,
        batch_size: int,
        packets: int,
        augmentation: Augmentation,
        seed: int,
        part: tuple[int, int] = (0, 1),
        seed_per_segment: bool = False,
    ) -> None:
        """Draw batches of `batch_size` segments of `packets` packets from a corpus.

        part: which of how many equal slices of each batch is returned. seed_per_segment: each segment has a seed of its
        own, so that only the slice has to be drawn.
        """
        self.corpus, self.batch_size, self.packets = corpus, batch_size, packets
        self.augmentation, self.seed, self.seed_per_segment = augmentation, seed, seed_per_segment
        size = batch_size // part[1]
        self.slice = range(part[0] * size, (part[0] + 1) * size)

    def choice(self, random: np.random.Generator) -> tuple[int, float]:
        """Return the number of an utterance, and how many times as fast it is played."""
        a = self.augmentation
        speed = round(float(random.uniform(a.slowest, a.fastest)), 2) if random.random() < a.speed else 1.0
        return self.corpus.draw_row(random), speed

    def segment(self, random: np.random.Generator) -> tuple[Array, Array, Array]:
        """Return a segment of any utterance: noisy and clean float32 [240 + S], F0 float32 [N]."""
        return self.segment_of(random, *self.choice(random))

    def segment_of(self, random: np.random.Generator, number: int, speed: float) -> tuple[Array, Array, Array]:
        """Return a segment of this utterance, as `segment` does."""
        a = self.augmentation
        samples = self.packets * format.PACKET_SAMPLES
        clean, f0 = self.corpus.draw(random, number, samples, speed)
        if random.random() < a.colour:
            clean = coloured(random, clean)
        level_db = random.uniform(a.level_low_db, a.level_high_db)
        # Corpus recordings peak anywhere; the change is relative to a common -20 dBFS of the segment's loud part.
        loud = np.sqrt(np.mean(np.sort(clean**2)[-len(clean) // 4 :]) + 1e-12)
        if loud > 1e-3:
            clean = clean * np.float32(min(10 ** ((level_db - 17.0) / 20.0) / loud, 1.5 / (np.abs(clean).max() + 1e-6)))
        noisy = clean
        if random.random() < a.echo:
            noisy = echoed(random, noisy)
        if random.random() < a.noise:
            snr_db = random.uniform(a.snr_low_db, a.snr_high_db)
            power = float(np.mean(np.sort(clean**2)[-len(clean) // 2 :])) + 1e-12
            if random.random() < 0.3:
                noise = np.sum([self.babble(random, samples) for _ in range(4)], axis=0)
                noise = noise / (noise.std() + 1e-6)
            else:
                noise = coloured_noise(random, len(clean))
            noisy = noisy + np.float32(np.sqrt(power) * 10 ** (-snr_db / 20)) * noise
        return np.clip(noisy, -1, 1).astype(np.float32), np.clip(clean, -1, 1).astype(np.float32), f0

    def babble(self, random: np.random.Generator, samples: int) -> Array:
        """Return the speech of any speaker as it was recorded, float32 [240 + samples]."""
        return self.corpus.draw(random, self.corpus.draw_row(random), samples, 1.0)[0]

    def __call__(self, number: int) -> Batch:
        """Return batch `number`, or this process's slice of it."""
        if self.seed_per_segment:
            drawn = [self.segment(np.random.default_rng([self.seed, number, place])) for place in self.slice]
        else:
            random = np.random.default_rng([self.seed, number])
            drawn = [self.segment(random) for _ in range(self.batch_size)][self.slice.start : self.slice.stop]
        noisy, clean, f0 = zip(*drawn, strict=True)
        return Batch(np.stack(noisy), np.stack(clean), np.stack(f0))

    def stream(self, first: int, ahead: int = 3) -> Iterator[Batch]:
        """Yield batches first, first + 1, ... without end; a thread draws them up to `ahead` before their use.

        A thread is enough: NumPy lets go of the interpreter while it computes. The worker processes of PyTorch's
        DataLoader would be forked from one that has computed already, which `loop/distributed.py` warns of.
        """
        pool = ThreadPoolExecutor(1)
        pending: deque[Future[Batch]] = deque()
        try:
            for number in itertools.count(first):
                pending.append(pool.submit(self, number))
                if len(pending) > ahead:
                    yield pending.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def validation_batch(corpus: PreparedCorpus, count: int, packets: int) -> Batch:
    """Return `count` segments as they were recorded, evenly spread over the speakers: the same ones every time."""
    speakers = [numbers for source in corpus.sources for numbers in corpus.speakers[source]]
    samples = packets * format.PACKET_SAMPLES
    clean, f0, languages = [], [], []
    for place in range(count):
        numbers = speakers[place * len(speakers) // count]
        number = max(numbers, key=lambda n: int(corpus.rows[n]["samples"]))
        spare = int(corpus.rows[number]["samples"]) - samples
        offset = max(0, spare // 2) // format.HOP_SAMPLES * format.HOP_SAMPLES
        audio, pitch = corpus.cut(number, offset, samples)
        clean.append(audio)
        f0.append(pitch)
        languages.append(corpus.rows[number]["language"])
    return Batch(np.stack(clean), np.stack(clean), np.stack(f0), languages)
