"""Runs the conditions of robustness.py: our codecs under all of them, the peer on the same noisy input."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from . import clips, quality
from .clips import Clip
from .lanes import Lane
from .lanes.ours import OurLane
from .metrics import Metric
from .metrics.transcripts import token_count
from .metrics.whisper import whisper_metric
from .quality import LaneScores, Map, Originals
from .results import Results, Spoilt, SpoiltTable
from .robustness import CLEAN, Condition, SpoiltLane, conditions, silence_db
from .study import difference, load_originals, read_originals, summary
from .weights import Recogniser

REFERENCE = "codec2-3200"
BABBLE_CLIPS = 12
WORD_CONDITIONS = (CLEAN.key, "loss", "coarse", "flips", "pink", "babble")
"""Conditions under which words are counted too; each costs a second of one core for each clip and codec."""


def measure(
    lanes: Sequence[Lane], corpus: Path, count: int, metrics: Sequence[Metric], work: Path, map_: Map
) -> SpoiltTable:
    """Return how near, and how natural, speech of all languages stays. count: of clips."""
    originals = load_originals(corpus, clips.choose(clips.validation_clips(corpus, count + BABBLE_CLIPS), count))
    able = conditions(_babble(corpus, count, originals))
    title = f"{len(originals)} clips of all languages, against the clean original."
    return _table(title, _tested(lanes), originals, able, metrics, work, map_)


def measure_words(
    lanes: Sequence[Lane], corpus: Path, recogniser: Recogniser, count: int, work: Path, map_: Map
) -> SpoiltTable:
    """Return how many English words are wrong then. count: of clips, without those that cannot be read uncoded."""
    metric = whisper_metric(recogniser, "en")
    _, originals = read_originals(corpus, metric, "en", count, work, map_)
    able = [c for c in conditions(_babble(corpus, count, originals)) if c.key in WORD_CONDITIONS]
    title = f"{sum(map(token_count, originals)):.0f} words in {len(originals)} English clips."
    return _table(title, _tested(lanes), originals, able, [metric], work, map_)


def measure_silence(results: Results, lanes: Sequence[Lane]) -> None:
    """Put what each lane makes of digital silence into `results`."""
    results.silence = [(lane, silence_db(lane)) for lane in _tested(lanes)]


def _tested(lanes: Sequence[Lane]) -> list[Lane]:
    return [lane for lane in lanes if isinstance(lane, OurLane) or lane.key == REFERENCE]


def _babble(corpus: Path, count: int, speaking: Collection[Clip]) -> list[np.ndarray]:
    """Return float32 voices in [-1, 1) of clips that are not among those that speak."""
    babble = [clip for clip in clips.validation_clips(corpus, count + BABBLE_CLIPS) if clip not in speaking]
    return [(samples / 32768).astype("float32") for samples in load_originals(corpus, babble).values()]


def _able(lane: Lane, condition: Condition) -> bool:
    """Tell whether the lane's packets can be reached, and have copies, where the condition asks for that."""
    if isinstance(lane, OurLane):
        return not condition.copies or lane.copies_version() is not None
    return not condition.spoils_packets()


def _table(
    title: str,
    tested: Sequence[Lane],
    originals: Originals,
    able: Sequence[Condition],
    metrics: Sequence[Metric],
    work: Path,
    map_: Map,
) -> SpoiltTable:
    chosen = list(originals)
    clean: dict[str, LaneScores] = {}
    rows: list[Spoilt] = []
    for condition in able:
        lanes = [lane for lane in tested if _able(lane, condition)]
        found = [SpoiltLane(lane, condition) for lane in lanes]
        delays = {lane.key: clean[lane.lane.key].delay for lane in found if lane.lane.key in clean}
        ran = quality.run_all(found, originals, metrics, work, map_, delays=delays)
        scored = {lane.lane.key: own for lane, own in zip(found, ran, strict=True)}
        if condition is CLEAN:
            clean = scored
        reference = scored.get(REFERENCE)
        for lane in found:
            own = scored[lane.lane.key]
            leads = [
                None if reference is None or own is reference else difference(own, reference, metric, chosen)
                for metric in metrics
            ]
            means = [summary(own, metric, chosen) for metric in metrics]
            changes = [difference(own, clean[lane.lane.key], metric, chosen) for metric in metrics]
            rows.append(Spoilt(lane.lane, condition, len(chosen), means, changes, leads))
    return SpoiltTable(title, metrics, rows)
