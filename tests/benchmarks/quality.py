"""Every clip through every lane, then through every metric.

Decoded audio is kept in the work folder, one folder per lane, version of its codec and choice of clips, so that one
more lane or metric costs only itself:

    WORK/decoded/<lane>-<digest>/<clip>.wav     16 bit, the codec's delay still in it
    WORK/decoded/<lane>-<digest>/coded.json     {clip: [bits, wire bits, seconds]}, written last
    WORK/decoded/<lane>-<digest>/scores.json    {metric, its version, the delay taken out: {clip: score}}
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from codec.format import SAMPLE_RATE_HZ

from .alignment import find_delay, shifted
from .clips import Clip
from .lanes import Coded, Lane
from .metrics import Metric

Originals = Mapping[Clip, np.ndarray]
"""int16 [samples] at 8 kHz of each clip."""
say_now = partial(print, flush=True)
"""Progress is worth nothing late."""
Map = Callable[..., Iterable[Any]]
"""`map`, or that of a process pool."""


@dataclass(frozen=True)
class LaneScores:
    """The scores of one lane on all clips, in the order of the clips."""

    lane: Lane
    coded: dict[Clip, Coded]
    delays: dict[Clip, int]
    """Found in each clip alone, in samples."""
    delay: int
    """A codec's delay is constant, what is found in one clip is not quite: the median, which all clips are
    shifted by. On Codec2 2400 shifting each clip by its own costs 0.006 of ESTOI."""
    scores: dict[str, dict[Clip, float]]
    """By the metric's key."""

    @property
    def rate_bps(self) -> float:
        """Return the bits that the encoder produced, over the time that they stand for, in bit/s."""
        return sum(c.bits for c in self.coded.values()) / sum(c.seconds for c in self.coded.values())

    @property
    def wire_rate_bps(self) -> float:
        """Return the rate with frames of whole bytes, in bit/s."""
        return sum(c.wire_bits for c in self.coded.values()) / sum(c.seconds for c in self.coded.values())

    def of(self, clips: Iterable[Clip]) -> LaneScores:
        """Return the same on some of the clips."""
        chosen = list(clips)
        return LaneScores(
            self.lane,
            {clip: self.coded[clip] for clip in chosen},
            {clip: self.delays[clip] for clip in chosen},
            self.delay,
            {key: {clip: scores[clip] for clip in chosen} for key, scores in self.scores.items()},
        )


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Return float [n] in [-1, 1] as int16 [n]."""
    return np.clip(np.round(np.asarray(samples) * 32768), -32768, 32767).astype(np.int16)


def folder_of(lane: Lane, originals: Originals, work: Path) -> Path:
    """Return the folder for what this version of the lane makes of these clips."""
    digest = hashlib.sha256(lane.version().encode())
    for clip, samples in originals.items():
        digest.update(clip.name.encode() + samples.tobytes())
    return work / "decoded" / f"{lane.key}-{digest.hexdigest()[:12]}"


def _decode(task: tuple[Lane, np.ndarray]) -> Coded:
    """Pass one clip through one lane; a plain function, so that a process pool can call it."""
    lane, samples = task
    return lane.run(samples)


def decode_all(lane: Lane, originals: Originals, folder: Path, map_: Map = map) -> dict[Clip, Coded]:
    """Pass every clip through the lane, or read what it made of it before."""
    import soundfile

    notes = folder / "coded.json"
    if notes.is_file():
        kept = json.loads(notes.read_text())
        return {
            clip: Coded(soundfile.read(folder / f"{clip.name}.wav", dtype="int16")[0], *kept[clip.name])
            for clip in originals
        }
    folder.mkdir(parents=True, exist_ok=True)
    results = map_(_decode, [(lane, samples) for samples in originals.values()])
    coded = dict(zip(originals, results, strict=True))
    for clip, result in coded.items():
        soundfile.write(folder / f"{clip.name}.wav", result.samples, SAMPLE_RATE_HZ, subtype="PCM_16")
    notes.write_text(json.dumps({clip.name: [c.bits, c.wire_bits, c.seconds] for clip, c in coded.items()}, indent=0))
    return coded


def _score(task: tuple[Sequence[Metric], np.ndarray, np.ndarray, Clip]) -> list[float]:
    """Return all metrics of one clip; a plain function, so that a process pool can call it."""
    metrics, original, decoded, clip = task
    return [metric.score(original, decoded, clip) for metric in metrics]


def run_lane(
    lane: Lane, originals: Originals, metrics: Sequence[Metric], work: Path, map_: Map = map, delay: int | None = None
) -> LaneScores:
    """Pass all clips through one lane, and score them.

    map_: that of a process pool, where there is one. delay: in samples, known already; found here without it.
    """
    folder = folder_of(lane, originals, work)
    coded = decode_all(lane, originals, folder, map_)
    if delay is None:
        delays = {clip: find_delay(samples, coded[clip].samples) for clip, samples in originals.items()}
        delay = round(float(np.median(list(delays.values()))))
    else:
        delays = dict.fromkeys(originals, delay)
    aligned = {clip: shifted(coded[clip].samples, delay, len(samples)) for clip, samples in originals.items()}
    notes = folder / "scores.json"
    kept: dict[str, dict[str, float]] = json.loads(notes.read_text()) if notes.is_file() else {}
    names = {metric.key: f"{metric.key}, {metric.version()}, {delay}" for metric in metrics}
    needed = [metric for metric in metrics if names[metric.key] not in kept]
    if needed:
        tasks = [(needed, originals[clip], aligned[clip], clip) for clip in originals]
        values = list(map_(_score, tasks))
        for place, metric in enumerate(needed):
            kept[names[metric.key]] = {clip.name: v[place] for clip, v in zip(originals, values, strict=True)}
        notes.write_text(json.dumps(kept, indent=0))
    scores = {m.key: {clip: kept[names[m.key]][clip.name] for clip in originals} for m in metrics}
    return LaneScores(lane, coded, delays, delay, scores)


@contextmanager
def worker_map(processes: int) -> Iterator[Map]:
    """Open a `map` over so many processes; this one alone for 1."""
    if processes == 1:
        yield map
        return
    with ProcessPoolExecutor(processes) as pool:
        yield pool.map


def run_all(
    lanes: Sequence[Lane],
    originals: Originals,
    metrics: Sequence[Metric],
    work: Path,
    map_: Map = map,
    say: Callable[[str], None] = say_now,
    delays: Mapping[str, int] | None = None,
) -> list[LaneScores]:
    """Run every lane, one after the other. map_: over clips. delays: of lanes by key, where known already."""
    results = []
    started_s = time.monotonic()
    for number, lane in enumerate(lanes, 1):
        result = run_lane(lane, originals, metrics, work, map_, (delays or {}).get(lane.key))
        means = (np.nanmean(list(result.scores[metric.key].values())) for metric in metrics)
        scores = (f"{m.title} {mean:.{m.decimals}f}" for m, mean in zip(metrics, means, strict=True))
        minutes = (time.monotonic() - started_s) / 60
        say("  ".join([f"{number:2}/{len(lanes)} {minutes:4.1f} min  {lane.title:30}", *scores]))
        results.append(result)
    return results
