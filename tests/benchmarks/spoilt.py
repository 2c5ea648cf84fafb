"""Runs the conditions of robustness.py: our codecs under all of them, the peer on the same noisy input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import clips, quality
from .lanes import Lane
from .lanes.ours import OurLane
from .metrics import Metric
from .quality import LaneScores, Map
from .results import Results, Spoilt
from .robustness import CLEAN, SpoiltLane, conditions, silence_db
from .study import difference, load_originals, summary

REFERENCE = "codec2-3200"
BABBLE_CLIPS = 12


def measure(
    results: Results, lanes: Sequence[Lane], corpus: Path, count: int, metrics: Sequence[Metric], work: Path, map_: Map
) -> None:
    """Puts robustness and silence into `results`. count: of clips; the voices of the babble are others."""
    chosen = clips.validation_clips(corpus, count + BABBLE_CLIPS)
    speaking = clips.choose(chosen, count)
    babble = [clip for clip in chosen if clip not in speaking]
    originals = load_originals(corpus, speaking)
    voices = [(samples / 32768).astype("float32") for samples in load_originals(corpus, babble).values()]
    tested = [lane for lane in lanes if isinstance(lane, OurLane) or lane.key == REFERENCE]
    clean: dict[str, LaneScores] = {}
    for condition in conditions(voices):
        able = [lane for lane in tested if isinstance(lane, OurLane) or not condition.spoils_packets()]
        found = [SpoiltLane(lane, condition) for lane in able]
        delays = {lane.key: clean[lane.lane.key].delay for lane in found if lane.lane.key in clean}
        ran = quality.run_all(found, originals, metrics, work, map_, delays=delays)
        scored = {lane.lane.key: own for lane, own in zip(found, ran, strict=True)}
        if condition is CLEAN:
            clean = scored
        reference = scored.get(REFERENCE)
        for lane in found:
            own = scored[lane.lane.key]
            leads = [
                None if reference is None or own is reference else difference(own, reference, metric, speaking)
                for metric in metrics
            ]
            means = [summary(own, metric, speaking) for metric in metrics]
            changes = [difference(own, clean[lane.lane.key], metric, speaking) for metric in metrics]
            results.robustness.append(Spoilt(lane.lane, condition, len(speaking), means, changes, leads))
    results.spoilt_metrics = metrics
    results.silence = [(lane, silence_db(lane)) for lane in tested]
