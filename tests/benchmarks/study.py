"""The questions that clips answer: how near the decoded speech is (quality), and which words are left (words)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import clips, quality
from .bootstrap import Interval, mean_interval
from .clips import Clip
from .lanes import Lane, UncodedLane
from .metrics import Metric
from .quality import LaneScores, Map, Originals

WORD_CLIPS = 150
"""Of English speakers, for the words."""


@dataclass
class Study:
    """The same clips through lanes and metrics."""

    clips: Sequence[Clip]
    metrics: Sequence[Metric]
    lanes: list[LaneScores]
    remarks: list[str] = field(default_factory=list)
    """What to know beside the table."""

    def find(self, key: str) -> LaneScores | None:
        """The lane of this key."""
        return next((result for result in self.lanes if result.lane.key == key), None)


def summary(result: LaneScores, metric: Metric, chosen: Sequence[Clip]) -> Interval:
    """One lane's mean."""
    scores = result.scores[metric.key]
    return _interval([scores[clip] for clip in chosen], metric, chosen)


def difference(ours: LaneScores, other: LaneScores, metric: Metric, chosen: Sequence[Clip]) -> Interval:
    """One lane's mean minus another's, paired by clip."""
    left, right = ours.scores[metric.key], other.scores[metric.key]
    return _interval([left[clip] - right[clip] for clip in chosen], metric, chosen)


def _interval(values: Sequence[float], metric: Metric, chosen: Sequence[Clip]) -> Interval:
    weights = None if metric.weight is None else [metric.weight(clip) for clip in chosen]
    return mean_interval(values, [clip.voice for clip in chosen], weights)


def load_originals(corpus: Path, chosen: Sequence[Clip]) -> Originals:
    """The clips' samples."""
    return {clip: quality.to_int16(samples) for clip, samples in clips.load(corpus, chosen).items()}


def quality_study(
    lanes: Sequence[Lane], originals: Originals, metrics: Sequence[Metric], work: Path, map_: Map
) -> Study:
    """All metrics but the words, on clips of all languages."""
    return Study(list(originals), metrics, quality.run_all(lanes, originals, metrics, work, map_))


def words_study(
    lanes: Sequence[Lane], corpus: Path, count: int, work: Path, map_: Map, say: Callable[[str], None] = quality.say_now
) -> Study:
    """Words wrong, on English clips that the recogniser can read uncoded. Raises BenchmarkError."""
    from .metrics.words import READABLE, speakable, vocabulary, word_count, words_metric

    chosen = clips.validation_clips(corpus, count, speakable)
    originals = load_originals(corpus, chosen)
    metric = words_metric(chosen)
    uncoded = quality.run_lane(UncodedLane(), originals, [metric], work, map_, delay=0).scores[metric.key]
    read = [clip for clip in chosen if uncoded[clip] <= 100 * (1 - READABLE)]
    everywhere = _interval([uncoded[clip] for clip in chosen], metric, chosen).mean
    spoken, known, unread = sum(map(word_count, read)), len(vocabulary(chosen)), len(chosen) - len(read)
    remark = (
        f"Words: {spoken:.0f} in {len(read)} of {len(chosen)} English clips, of {known} different ones; in the other "
        f"{unread} clips the recogniser missed more than half of the words of the original, so they are left out for "
        f"all codecs. Of all words of the {len(chosen)} originals it got {everywhere:.1f} % wrong."
    )
    say(remark)
    kept = {clip: originals[clip] for clip in read}
    return Study(read, [metric], quality.run_all(lanes, kept, [metric], work, map_, say), [remark])
