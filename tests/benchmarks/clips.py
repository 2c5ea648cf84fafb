"""Which speech is coded: clips of validation speakers from the packed corpus, balanced, the same in every run.

The corpus is a folder with `manifest.csv` and one tar per source (see its README). Clips come in turn from every
(source, sex) group, and inside a group from one speaker after another, so that nobody weighs more than needed.
"""

from __future__ import annotations

import csv
import io
import os
import random
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codec.format import SAMPLE_RATE_HZ

from .errors import BenchmarkError

CORPUS_VARIABLE = "GOSSAMER_CORPUS"
DEFAULT_CORPUS = Path(__file__).resolve().parents[3] / "shared" / "speech"
"""Beside the checkout."""
DEFAULT_COUNT = 96
SHORTEST_S, LONGEST_S = 2.0, 8.0
"""Longer recordings are cut at `LONGEST_S`: most of LibriSpeech is."""
WITHOUT_SPEAKERS = frozenset({"picovoice_intent", "ms_snsd"})
"""No speaker labels, so nobody can say that a voice was never trained on."""
CHILD_BELOW_YEARS = 15
SEED = 800


@dataclass(frozen=True)
class Clip:
    """One recording of the corpus, named by its path there."""

    path: str
    source: str
    speaker: str
    sex: str
    """f, m, or empty where the source does not say."""
    age: str
    """child, adult, or empty where the source does not say."""
    language: str
    seconds: float
    """Of what is coded: at most `LONGEST_S`."""
    text: str
    """What is said; empty where unknown or where the clip is cut."""

    @property
    def name(self) -> str:
        """Return the path as a file name: `source-speaker-utterance`."""
        return self.path.removesuffix(".opus").replace("/", "-")

    @property
    def voice(self) -> str:
        """Return the speaker across sources, the unit that a bootstrap resamples."""
        return f"{self.source}/{self.speaker}"


def find_corpus(given: str | Path | None = None) -> Path:
    """Return the corpus folder: as given, else $GOSSAMER_CORPUS, else ../shared/speech beside the checkout.

    Raises BenchmarkError when there is no manifest.csv in it.
    """
    folder = Path(given or os.environ.get(CORPUS_VARIABLE) or DEFAULT_CORPUS)
    if not (folder / "manifest.csv").is_file():
        raise BenchmarkError(
            f"no speech corpus in {folder} (no manifest.csv): give its folder with --corpus or {CORPUS_VARIABLE}"
        )
    return folder


def _age_group(years: str) -> str:
    if not years.isdigit():
        return ""
    return "child" if int(years) < CHILD_BELOW_YEARS else "adult"


def eligible_clips(rows: Iterable[dict[str, str]], is_validation: Callable[[str, str], bool]) -> list[Clip]:
    """Return the clips of validation speakers, long enough, of known speakers. rows: of manifest.csv."""
    clips = []
    for row in rows:
        seconds = float(row["seconds"])
        if row["source"] in WITHOUT_SPEAKERS or not is_validation(row["source"], row["speaker"]):
            continue
        if seconds < SHORTEST_S:
            continue
        clips.append(
            Clip(
                path=row["path"],
                source=row["source"],
                speaker=row["speaker"],
                sex=row["sex"],
                age=_age_group(row["age"]),
                language=row["language"],
                seconds=min(seconds, LONGEST_S),
                text=row["text"] if seconds <= LONGEST_S else "",
            )
        )
    return clips


def choose(clips: Iterable[Clip], count: int, seed: int = SEED) -> list[Clip]:
    """Choose `count` clips (or all, if fewer) in turn from every (source, sex) group and its speakers.

    Each group is a queue: all speakers' first clips in random order, then all their second ones, and so on; whole
    clips before cut ones. The same seed and clips give the same choice, in whatever order the clips come.
    """
    by_speaker: dict[tuple[str, str], dict[str, list[Clip]]] = defaultdict(lambda: defaultdict(list))
    for clip in sorted(clips, key=lambda clip: clip.path):
        by_speaker[clip.source, clip.sex][clip.speaker].append(clip)
    generator = random.Random(seed)
    queues = []
    for group in sorted(by_speaker):
        turns = []
        for own in by_speaker[group].values():
            generator.shuffle(own)
            own.sort(key=lambda clip: clip.seconds >= LONGEST_S)  # stable: stays shuffled within whole and cut
            tie = generator.random()
            turns += [(turn, tie, clip) for turn, clip in enumerate(own)]
        queues.append([clip for _, _, clip in sorted(turns, key=lambda entry: entry[:2])])
    chosen: list[Clip] = []
    for rank in range(max(map(len, queues), default=0)):
        chosen += [queue[rank] for queue in queues if rank < len(queue)]
    return sorted(chosen[:count], key=lambda clip: clip.path)


def load(corpus: Path, clips: Iterable[Clip]) -> dict[Clip, np.ndarray]:
    """Return float32 [samples] in [-1, 1) at 8 kHz of every clip, in the order given.

    Raises BenchmarkError when a tar or a member of it is missing or not at 8 kHz.
    """
    import soundfile

    by_source: dict[str, list[Clip]] = defaultdict(list)
    wanted = list(clips)
    for clip in wanted:
        by_source[clip.source].append(clip)
    loaded: dict[Clip, np.ndarray] = {}
    for source, own in by_source.items():
        try:
            with tarfile.open(corpus / f"{source}.tar") as archive:
                for clip in own:
                    member = archive.extractfile(clip.path)
                    assert member is not None  # a regular file: KeyError otherwise
                    samples, rate_hz = soundfile.read(io.BytesIO(member.read()), dtype="float32")
                    if rate_hz != SAMPLE_RATE_HZ:
                        raise BenchmarkError(
                            f"{clip.path} has {rate_hz} Hz, expected {SAMPLE_RATE_HZ}: a libsndfile "
                            "that reads Opus at its original rate is needed (1.2 or later)"
                        )
                    loaded[clip] = samples[: round(clip.seconds * SAMPLE_RATE_HZ)]
        except (OSError, KeyError, tarfile.TarError) as error:
            raise BenchmarkError(f"cannot read {source}.tar in {corpus}: {error}; fetch the corpus again") from error
    return {clip: loaded[clip] for clip in wanted}


def read_manifest(corpus: Path) -> list[dict[str, str]]:
    """Return the rows of the corpus's manifest.csv."""
    with (corpus / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def validation_clips(
    corpus: Path, count: int = DEFAULT_COUNT, wanted: Callable[[Clip], bool] = lambda clip: True
) -> list[Clip]:
    """Return the benchmark's clips that are `wanted`. Raises BenchmarkError when the corpus holds none."""
    from codec.training.data.corpus import is_validation

    clips = choose(filter(wanted, eligible_clips(read_manifest(corpus), is_validation)), count)
    if not clips:
        raise BenchmarkError(f"the corpus in {corpus} has no clips of validation speakers: is its manifest.csv whole?")
    return clips
