"""Readers of corpora, the fixed split of speakers, and the prepared NumPy files.

`prepare` turns a corpus into four files that training maps into memory:

    audio.npy   int16 [samples]     every utterance at 8 kHz, one after the other, each a multiple of 80 samples
    f0.npy      float32 [frames]    Praat's F0 in Hz (0 = unvoiced) 40 samples into every 80 of audio.npy
    bands.npy   uint8 [frames, 40]  band energies of the frame that ends with these 80 samples, 0..255 for 0..1
    index.csv   one row an utterance: start, samples, source, speaker, sex, language, split, text
"""

from __future__ import annotations

import csv
import io
import tarfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import DTypeLike, NDArray

from codec import features, format
from codec.training.errors import CorpusError

SPLIT_FILE = Path(__file__).with_name("validation_speakers.csv")
"""Table (source,speaker) of the speakers who are never trained on."""
PITCH_FLOOR_HZ = 60.0
PITCH_CEILING_HZ = 500.0


@dataclass(frozen=True)
class Utterance:
    """One recording of one speaker."""

    source: str
    speaker: str
    sex: str
    language: str
    text: str
    samples: NDArray[np.int16]
    """int16 [n] at 8 kHz."""


@cache
def validation_speakers() -> frozenset[tuple[str, str]]:
    """Return (source, speaker) of everybody in `SPLIT_FILE`."""
    with SPLIT_FILE.open(newline="") as file:
        return frozenset((row["source"], row["speaker"]) for row in csv.DictReader(file))


def is_validation(source: str, speaker: str) -> bool:
    """Tell whether this speaker is never trained on.

    In LibriTTS and LibriSpeech trees `source` is the name of the subset, and the subsets dev-* and test-* are for
    validation (their speakers are in no train-* subset).
    """
    return (source, speaker) in validation_speakers() or source.startswith(("dev-", "test-"))


def read_8khz(file: Path | io.BytesIO) -> NDArray[np.int16]:
    """Return any file that libsndfile reads as int16 [n] at 8 kHz, mixed to one channel."""
    samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    if rate != format.SAMPLE_RATE_HZ:
        mono = soxr.resample(mono, rate, format.SAMPLE_RATE_HZ, quality="HQ")
    return np.asarray(np.clip(np.round(mono * 32767.0), -32768, 32767).astype(np.int16))


def packed_utterances(folder: Path) -> Iterator[Utterance]:
    """Yield the utterances of a packed corpus: manifest.csv and, for each source, one tar of Ogg Opus files."""
    with (folder / "manifest.csv").open(newline="") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    for archive in sorted(folder.glob("*.tar")):
        with tarfile.open(archive) as tar:
            for member in tar:
                row = rows.get(member.name)
                content = tar.extractfile(member) if row and member.isfile() else None
                if row is None or content is None:
                    continue
                samples = read_8khz(io.BytesIO(content.read()))
                yield Utterance(row["source"], row["speaker"], row["sex"], row["language"], row["text"], samples)


def libri_utterances(folder: Path) -> Iterator[Utterance]:
    """Yield the utterances of a LibriTTS or LibriSpeech tree as published: SUBSET/SPEAKER/CHAPTER/NAME.wav or .flac.

    The sex is that of SPEAKERS.txt, the text that of NAME.normalized.txt (LibriTTS) or CHAPTER.trans.txt (LibriSpeech).
    """
    sexes = _libri_sexes(folder)
    for path in sorted([*folder.glob("*/*/*/*.flac"), *folder.glob("*/*/*/*.wav")]):
        subset, speaker = path.parts[-4], path.parts[-3]
        yield Utterance(subset, speaker, sexes.get(speaker, ""), "en", _libri_text(path), read_8khz(path))


def _libri_sexes(folder: Path) -> dict[str, str]:
    for name in ("SPEAKERS.txt", "speakers.tsv"):
        if (folder / name).exists():
            lines = (folder / name).read_text().replace("|", "\t").splitlines()
            cells = [[cell.strip() for cell in line.split("\t")] for line in lines if not line.startswith(";")]
            return {row[0]: row[1].lower() for row in cells if len(row) > 1 and row[1] in ("M", "F")}
    return {}


def _libri_text(path: Path) -> str:
    normalized = path.with_name(path.stem + ".normalized.txt")
    if normalized.exists():
        return normalized.read_text().strip()
    transcripts = path.with_name(f"{path.parts[-3]}-{path.parts[-2]}.trans.txt")
    if transcripts.exists():
        for line in transcripts.read_text().splitlines():
            name, _, text = line.partition(" ")
            if name == path.stem:
                return text
    return ""


def utterances(folder: Path) -> Iterator[Utterance]:
    """Return the utterances of a corpus of either kind. Raises CorpusError."""
    if (folder / "manifest.csv").exists():
        return packed_utterances(folder)
    if any(folder.glob("*/*/*/*.flac")) or any(folder.glob("*/*/*/*.wav")):
        return libri_utterances(folder)
    raise CorpusError(
        f"{folder}: no corpus here", "give a folder with manifest.csv and its tars, or a LibriTTS or LibriSpeech tree"
    )


def pitch_targets(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return Praat's autocorrelation pitch of int16 [n]: float32 [n // 80] in Hz at samples 80 j + 40, 0 if unvoiced.

    Source: Boersma, "Accurate short-term analysis of the fundamental frequency...", IFA Proceedings 17, 1993.
    """
    import parselmouth

    count = len(samples) // format.HOP_SAMPLES
    sound = parselmouth.Sound(samples / 32768.0, format.SAMPLE_RATE_HZ)
    if sound.duration < 3.1 / PITCH_FLOOR_HZ:
        return np.zeros(count, np.float32)
    pitch = sound.to_pitch_ac(time_step=0.01, pitch_floor=PITCH_FLOOR_HZ, pitch_ceiling=PITCH_CEILING_HZ)
    found = pitch.selected_array["frequency"]
    times = (np.arange(count) * format.HOP_SAMPLES + format.HOP_SAMPLES / 2) / format.SAMPLE_RATE_HZ
    place = (times - pitch.x1) / pitch.dx
    left = np.clip(np.floor(place).astype(int), 0, len(found) - 1)
    right = np.clip(left + 1, 0, len(found) - 1)
    part = np.clip(place - left, 0.0, 1.0)
    both = (found[left] > 0) & (found[right] > 0)
    nearest = np.where(part < 0.5, found[left], found[right])
    between = np.exp((1 - part) * np.log(np.maximum(found[left], 1)) + part * np.log(np.maximum(found[right], 1)))
    inside = (place > -1) & (place < len(found))
    return np.where(inside, np.where(both, between, nearest), 0.0).astype(np.float32)


Targets = tuple[Utterance, NDArray[np.float32], NDArray[np.uint8]]
"""An utterance, its F0 in Hz [N] and its band energies [N, 40], 0..255 for 0..1."""


def _targets(utterance: Utterance) -> Targets:
    samples = utterance.samples[: len(utterance.samples) // format.HOP_SAMPLES * format.HOP_SAMPLES]
    power = features.power_spectrum(features.frames_of(samples.astype(np.float32) / 32768.0))
    bands = np.round(features.band_energies(power) * 255).astype(np.uint8)
    return utterance, pitch_targets(samples), bands


class NpyWriter:
    """An .npy file that is written piece by piece, since a large corpus does not fit into memory.

    `with NpyWriter(path, np.int16) as array: array.append(piece)`. The header has one length for any shape; that of the
    whole array replaces the first one at the end.
    """

    def __init__(self, path: Path, dtype: DTypeLike, columns: tuple[int, ...] = ()) -> None:
        self.dtype, self.columns, self.rows = np.dtype(dtype), columns, 0
        self._file = path.open("wb")
        self._write_header()

    def _write_header(self) -> None:
        shape = (self.rows, *self.columns)
        entries = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, entries)

    def append(self, piece: NDArray[Any]) -> None:
        """Write a piece, [n, *columns] of the file's dtype."""
        self._file.write(np.ascontiguousarray(piece, self.dtype).tobytes())
        self.rows += len(piece)

    def __enter__(self) -> NpyWriter:
        return self

    def __exit__(self, *problem: object) -> None:
        self._file.seek(0)
        self._write_header()
        self._file.close()


def prepare(corpora: Iterable[Path], out: Path, workers: int = 2) -> int:
    """Write the prepared files of all corpora to `out`; return the number of utterances. Raises CorpusError."""
    from tqdm import tqdm

    out.mkdir(parents=True, exist_ok=True)
    rows = []
    spoken = (utterance for folder in corpora for utterance in utterances(folder))
    with (
        ProcessPoolExecutor(workers) as pool,
        NpyWriter(out / "audio.npy", np.int16) as audio,
        NpyWriter(out / "f0.npy", np.float32) as f0,
        NpyWriter(out / "bands.npy", np.uint8, (format.BANDS,)) as bands,
    ):
        for utterance, pitch, energy in tqdm(_in_order(pool, spoken, 16 * workers), unit=" utterances"):
            samples = utterance.samples[: len(pitch) * format.HOP_SAMPLES]
            split = "validation" if is_validation(utterance.source, utterance.speaker) else "train"
            rows.append(
                [audio.rows, len(samples), utterance.source, utterance.speaker, utterance.sex, utterance.language]
                + [split, utterance.text]
            )
            audio.append(samples)
            f0.append(pitch)
            bands.append(energy)
    if not rows:
        raise CorpusError("the corpus holds no utterance", "name another")
    with (out / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["start", "samples", "source", "speaker", "sex", "language", "split", "text"])
        writer.writerows(rows)
    return len(rows)


def _in_order(pool: ProcessPoolExecutor, items: Iterable[Utterance], ahead: int) -> Iterator[Targets]:
    """Yield the results of `_targets` in order, at most `ahead` of them under way: the corpus is not held twice."""
    pending: deque[Future[Targets]] = deque()
    for item in items:
        pending.append(pool.submit(_targets, item))
        if len(pending) >= ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
