"""Segments of speech for a training step, drawn by source and speaker, and what a real microphone does to them."""

from __future__ import annotations

import csv
import queue
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from codec import format

Array = NDArray[np.float32]

SOURCE_WEIGHTS = {
    "speechocean762": 6.0, "librispeech": 3.0, "ms_snsd": 3.0, "kathleen": 0.8, "kerstin": 1.2, "emodb": 1.0,
    "picovoice_intent": 1.2, "arabic_commands": 1.2, "audio_cmn": 0.8, "speech_commands": 1.6,
}  # fmt: skip
"""How often a source is drawn: by number of speakers more than by hours. Sources not named here weigh 3."""


@dataclass(frozen=True)
class Augmentation:
    """How often and how far segments are changed; all probabilities a segment."""

    level_low_db: float = -24.0
    """Change of level, uniform between low and high."""
    level_high_db: float = 9.0
    speed: float = 0.5
    """Probability of playing faster or slower, which makes new voices, ..."""
    slowest: float = 0.87
    fastest: float = 1.15
    """... by a factor uniform between these; a fast adult has the formants of a child."""
    noise: float = 0.35
    """Probability of noise on the input; the target stays clean."""
    snr_low_db: float = 3.0
    snr_high_db: float = 30.0
    colour: float = 0.4
    """Probability of another microphone: band edges and a tilt, on input and target."""
    echo: float = 0.15
    """Probability of a room on the input; the target stays dry."""


@dataclass
class Batch:
    """Letters: B segments, S = 2560 P samples, N = 32 P frames."""

    noisy: Array
    """float32 [B, 240 + S]: what the encoder hears; the first 240 samples are the past of the first packet."""
    clean: Array
    """float32 [B, 240 + S]: what should come out."""
    f0: Array
    """float32 [B, N] in Hz, 0 where unvoiced."""
    languages: list[str] = field(default_factory=list)


class Speech:
    """The prepared corpus, mapped into memory."""

    def __init__(self, folder: Path, split: str) -> None:
        """Raises FileNotFoundError where `prepare` has not been run."""
        self.audio = np.load(folder / "audio.npy", mmap_mode="r")
        self.f0 = np.load(folder / "f0.npy", mmap_mode="r")
        with (folder / "index.csv").open(newline="") as file:
            self.rows = [row for row in csv.DictReader(file) if row["split"] == split]
        speakers: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number, row in enumerate(self.rows):
            speakers[row["source"]][row["speaker"]].append(number)
        self.speakers = {source: list(found.values()) for source, found in speakers.items()}
        weights = np.array([SOURCE_WEIGHTS.get(source, 3.0) for source in self.speakers])
        self.sources = list(self.speakers)
        self.source_share = weights / weights.sum()

    def draw_row(self, random: np.random.Generator) -> int:
        """A source by weight, a speaker of it, an utterance of the speaker by length."""
        found = self.speakers[self.sources[random.choice(len(self.sources), p=self.source_share)]]
        numbers = found[random.integers(len(found))]
        lengths = np.array([int(self.rows[number]["samples"]) for number in numbers], dtype=np.float64)
        return numbers[random.choice(len(numbers), p=lengths / lengths.sum())]

    def cut(self, number: int, offset: int, samples: int) -> tuple[Array, Array]:
        """`samples` samples from `offset` (both multiples of 80) with 240 of the past before them, zeros outside
        the utterance: float32 [240 + samples], and F0 float32 [samples / 80]."""
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
        """From anywhere in an utterance, by `speed` faster: float32 [240 + samples] and F0 float32 [samples / 80]."""
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


def coloured_noise(random: np.random.Generator, length: int) -> Array:
    """Unit-variance noise float32 [length] with a random slope from white to brown, sometimes with mains hum."""
    spectrum = np.fft.rfft(random.standard_normal(length))
    hz = np.maximum(np.fft.rfftfreq(length, 1 / format.SAMPLE_RATE_HZ), 30.0)
    noise = np.fft.irfft(spectrum * (hz / 1000.0) ** -random.uniform(0.0, 1.0), length)
    noise /= noise.std() + 1e-9
    if random.random() < 0.25:
        mains = random.choice([50.0, 60.0]) * np.arange(1, 8)[:, None]
        time = np.arange(length) / format.SAMPLE_RATE_HZ
        phases, strengths = random.uniform(0, 2 * np.pi, (7, 1)), random.uniform(0, 1, (7, 1))
        hum = (strengths * np.sin(2 * np.pi * mains * time + phases)).sum(0)
        noise = 0.5 * noise + hum / (hum.std() + 1e-9)
        noise /= noise.std() + 1e-9
    return noise.astype(np.float32)


def coloured(random: np.random.Generator, audio: Array) -> Array:
    """Another microphone and line: band edges 60-300 and 3300-3950 Hz, a tilt of up to 4 dB an octave round 1 kHz."""
    spectrum = np.fft.rfft(audio)
    hz = np.fft.rfftfreq(len(audio), 1 / format.SAMPLE_RATE_HZ)
    low, high = random.uniform(60, 300), random.uniform(3300, 3950)
    octaves = np.log2(np.maximum(hz, 60.0) / 1000.0)
    shape = 10.0 ** (random.uniform(-4, 4) * octaves / 20.0)
    shape /= np.sqrt(1.0 + (low / np.maximum(hz, 1.0)) ** 6) * np.sqrt(1.0 + (hz / high) ** 40)
    return np.fft.irfft(spectrum * shape, len(audio)).astype(np.float32)


def echoed(random: np.random.Generator, audio: Array) -> Array:
    """A small room: the direct sound and a decaying tail of 0.1-0.4 s."""
    length = int(random.uniform(0.1, 0.4) * format.SAMPLE_RATE_HZ)
    tail = random.standard_normal(length) * 10.0 ** (-3.0 * np.arange(length) / length)
    tail *= random.uniform(0.1, 0.5) / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    size = 1 << (len(audio) + length).bit_length()
    return np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(tail, size), size)[: len(audio)].astype(np.float32)


class Drawing:
    """Draws batches without end; batch n depends on the seed and n alone, so that a resumed run continues it."""

    def __init__(
        self,
        speech: Speech,
        batch: int,
        packets: int,
        augmentation: Augmentation,
        seed: int,
        part: tuple[int, int] = (0, 1),
        apart: bool = False,
    ) -> None:
        """part: which of how many equal slices of each batch is given out; apart: each segment has a seed of its own,
        so that only the slice has to be drawn."""
        self.speech, self.batch, self.packets = speech, batch, packets
        self.augmentation, self.seed = augmentation, seed
        size = batch // part[1]
        self.mine, self.apart = range(part[0] * size, (part[0] + 1) * size), apart

    def choice(self, random: np.random.Generator) -> tuple[int, float]:
        """An utterance, and by how much faster it is played."""
        a = self.augmentation
        speed = round(float(random.uniform(a.slowest, a.fastest)), 2) if random.random() < a.speed else 1.0
        return self.speech.draw_row(random), speed

    def segment(self, random: np.random.Generator) -> tuple[Array, Array, Array]:
        """noisy, clean [240 + S], f0 [N]."""
        return self.segment_of(random, *self.choice(random))

    def segment_of(self, random: np.random.Generator, number: int, speed: float) -> tuple[Array, Array, Array]:
        """The same, of this utterance."""
        a = self.augmentation
        samples = self.packets * format.PACKET_SAMPLES
        clean, f0 = self.speech.draw(random, number, samples, speed)
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
                noise = np.sum([self.someone(random, samples) for _ in range(4)], axis=0)
                noise = noise / (noise.std() + 1e-6)
            else:
                noise = coloured_noise(random, len(clean))
            noisy = noisy + np.float32(np.sqrt(power) * 10 ** (-snr_db / 20)) * noise
        return np.clip(noisy, -1, 1).astype(np.float32), np.clip(clean, -1, 1).astype(np.float32), f0

    def someone(self, random: np.random.Generator, samples: int) -> Array:
        """Anybody's speech as recorded, float32 [240 + samples]."""
        return self.speech.draw(random, self.speech.draw_row(random), samples, 1.0)[0]

    def __call__(self, number: int) -> Batch:
        """Batch `number`, or this process's slice of it."""
        if self.apart:
            drawn = [self.segment(np.random.default_rng([self.seed, number, place])) for place in self.mine]
        else:
            random = np.random.default_rng([self.seed, number])
            drawn = [self.segment(random) for _ in range(self.batch)][self.mine.start : self.mine.stop]
        noisy, clean, f0 = zip(*drawn, strict=True)
        return Batch(np.stack(noisy), np.stack(clean), np.stack(f0))

    def stream(self, first: int, ahead: int = 3) -> Iterator[Batch]:
        """Batches first, first + 1, ... drawn in a thread a few ahead of their use."""
        waiting: queue.Queue[Batch | BaseException] = queue.Queue(ahead)

        def work() -> None:
            number = first
            try:
                while True:
                    waiting.put(self(number))
                    number += 1
            except BaseException as error:
                waiting.put(error)

        threading.Thread(target=work, daemon=True).start()
        while True:
            item = waiting.get()
            if isinstance(item, BaseException):
                raise item
            yield item


def validation_batch(speech: Speech, count: int, packets: int) -> Batch:
    """The same `count` segments every time, as recorded, spread evenly over the speakers."""
    speakers = [numbers for source in speech.sources for numbers in speech.speakers[source]]
    samples = packets * format.PACKET_SAMPLES
    clean, f0, languages = [], [], []
    for place in range(count):
        numbers = speakers[place * len(speakers) // count]
        number = max(numbers, key=lambda n: int(speech.rows[n]["samples"]))
        spare = int(speech.rows[number]["samples"]) - samples
        offset = max(0, spare // 2) // format.HOP_SAMPLES * format.HOP_SAMPLES
        audio, pitch = speech.cut(number, offset, samples)
        clean.append(audio)
        f0.append(pitch)
        languages.append(speech.rows[number]["language"])
    return Batch(np.stack(clean), np.stack(clean), np.stack(f0), languages)
