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
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codec.format import SAMPLE_RATE_HZ

from .alignment import find_delay, shifted
from .clips import Clip
from .lanes import Coded, Lane
from .metrics import Metric

Originals = Mapping[Clip, np.ndarray]
"""int16 [samples] at 8 kHz of each clip."""


@dataclass(frozen=True)
class LaneScores:
    """One lane on all clips, in the order of the clips."""

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
        """Bits that the encoder produced, over the time that they stand for."""
        return sum(c.bits for c in self.coded.values()) / sum(c.seconds for c in self.coded.values())

    @property
    def wire_rate_bps(self) -> float:
        """The same in whole bytes per frame."""
        return sum(c.wire_bits for c in self.coded.values()) / sum(c.seconds for c in self.coded.values())


def to_int16(samples: np.ndarray) -> np.ndarray:
    """float [n] in [-1, 1] -> int16 [n]."""
    return np.clip(np.round(np.asarray(samples) * 32768), -32768, 32767).astype(np.int16)


def folder_of(lane: Lane, originals: Originals, work: Path) -> Path:
    """Where what this version of the lane makes of these clips is kept."""
    digest = hashlib.sha256(lane.version().encode())
    for clip, samples in originals.items():
        digest.update(clip.name.encode() + samples.tobytes())
    return work / "decoded" / f"{lane.key}-{digest.hexdigest()[:12]}"


def decode_all(lane: Lane, originals: Originals, folder: Path) -> dict[Clip, Coded]:
    """Every clip through the lane, or out of its folder where it was before."""
    import soundfile

    notes = folder / "coded.json"
    if notes.is_file():
        kept = json.loads(notes.read_text())
        return {
            clip: Coded(soundfile.read(folder / f"{clip.name}.wav", dtype="int16")[0], *kept[clip.name])
            for clip in originals
        }
    folder.mkdir(parents=True, exist_ok=True)
    coded = {clip: lane.run(samples) for clip, samples in originals.items()}
    for clip, result in coded.items():
        soundfile.write(folder / f"{clip.name}.wav", result.samples, SAMPLE_RATE_HZ, subtype="PCM_16")
    notes.write_text(json.dumps({clip.name: [c.bits, c.wire_bits, c.seconds] for clip, c in coded.items()}, indent=0))
    return coded


def _score(task: tuple[Metric, np.ndarray, np.ndarray]) -> float:
    """One metric on one clip; a plain function, so that a process pool can call it."""
    metric, original, decoded = task
    return metric.score(original, decoded)


def run_lane(
    lane: Lane, originals: Originals, metrics: Sequence[Metric], work: Path, pool: ProcessPoolExecutor | None = None
) -> LaneScores:
    """One lane through everything. pool: where metrics run; None is here."""
    folder = folder_of(lane, originals, work)
    coded = decode_all(lane, originals, folder)
    delays = {clip: find_delay(samples, coded[clip].samples) for clip, samples in originals.items()}
    delay = round(float(np.median(list(delays.values()))))
    aligned = {clip: shifted(coded[clip].samples, delay, len(samples)) for clip, samples in originals.items()}
    map_: Callable[..., Iterable[float]] = map if pool is None else pool.map
    notes = folder / "scores.json"
    kept: dict[str, dict[str, float]] = json.loads(notes.read_text()) if notes.is_file() else {}
    scores = {}
    for metric in metrics:
        name = f"{metric.key}, {metric.version()}, {delay}"
        if name not in kept:
            tasks = [(metric, originals[clip], aligned[clip]) for clip in originals]
            kept[name] = dict(zip((clip.name for clip in originals), map_(_score, tasks), strict=True))
        scores[metric.key] = {clip: kept[name][clip.name] for clip in originals}
    notes.write_text(json.dumps(kept, indent=0))
    return LaneScores(lane, coded, delays, delay, scores)


def run_all(
    lanes: Iterable[Lane],
    originals: Originals,
    metrics: Sequence[Metric],
    work: Path,
    processes: int = 1,
    say: Callable[[str], None] = print,
) -> list[LaneScores]:
    """Every lane, one after the other. processes: that compute metrics."""
    results = []
    with ProcessPoolExecutor(processes) as pool:
        for lane in lanes:
            result = run_lane(lane, originals, metrics, work, pool if processes > 1 else None)
            means = (np.nanmean(list(result.scores[metric.key].values())) for metric in metrics)
            scores = (f"{m.title} {mean:.{m.decimals}f}" for m, mean in zip(metrics, means, strict=True))
            delay_ms = 1000 * result.delay / SAMPLE_RATE_HZ
            say("  ".join([f"{lane.title:30}{result.rate_bps:5.0f} bit/s", *scores, f"delay {delay_ms:.1f} ms"]))
            results.append(result)
    return results
