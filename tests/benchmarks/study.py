"""The questions that clips answer: how near the decoded speech is (quality), and which words are left (words)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from numpy.typing import ArrayLike

from . import clips, quality
from .bootstrap import Interval, mean_interval
from .clips import Clip
from .errors import BenchmarkError
from .lanes import Lane, UncodedLane
from .metrics import Metric
from .metrics.transcripts import WITHOUT_TRANSCRIPT, readable, token_count, transcribed, unit
from .metrics.whisper import whisper_metric
from .quality import LaneScores, Map, Originals
from .weights import Recogniser

WORD_CLIPS = 150
"""Number of clips of English speakers that pocketsphinx reads."""
SPOILT_WORD_CLIPS = 64
"""Number of English clips that Whisper reads under each bad condition."""
WHISPER_CLIPS = {"en": 250, "nl": 48, "zh": 48}
"""Number of clips that Whisper reads, by language: each takes a second of one core for each codec."""


@dataclass
class Study:
    """A study of the same clips through lanes and metrics."""

    clips: Sequence[Clip]
    metrics: Sequence[Metric]
    lanes: list[LaneScores]
    remarks: list[str] = field(default_factory=list)
    """What to know beside the table."""

    def find(self, key: str) -> LaneScores | None:
        """Return the lane of this key."""
        return next((result for result in self.lanes if result.lane.key == key), None)


def summary(result: LaneScores, metric: Metric, chosen: Sequence[Clip]) -> Interval:
    """Return one lane's mean."""
    scores = result.scores[metric.key]
    return interval_of([scores[clip] for clip in chosen], metric, chosen)


def difference(ours: LaneScores, other: LaneScores, metric: Metric, chosen: Sequence[Clip]) -> Interval:
    """Return one lane's mean minus another's, paired by clip."""
    left, right = ours.scores[metric.key], other.scores[metric.key]
    return interval_of([left[clip] - right[clip] for clip in chosen], metric, chosen)


def interval_of(values: ArrayLike, metric: Metric, chosen: Sequence[Clip]) -> Interval:
    """Return the mean and its interval; of a single speaker the clips are resampled, for want of other voices."""
    weights = None if metric.weight is None else [metric.weight(clip) for clip in chosen]
    voices = [clip.voice for clip in chosen]
    if len(set(voices)) == 1:
        voices = [clip.path for clip in chosen]
    return mean_interval(values, voices, weights)


def load_originals(corpus: Path, chosen: Sequence[Clip]) -> Originals:
    """Return the clips' samples."""
    return {clip: quality.to_int16(samples) for clip, samples in clips.load(corpus, chosen).items()}


def quality_study(
    lanes: Sequence[Lane], originals: Originals, metrics: Sequence[Metric], work: Path, map_: Map
) -> Study:
    """Run all metrics but the words on clips of all languages."""
    return Study(list(originals), metrics, quality.run_all(lanes, originals, metrics, work, map_))


def words_study(
    lanes: Sequence[Lane], corpus: Path, count: int, work: Path, map_: Map, say: Callable[[str], None] = quality.say_now
) -> Study:
    """Measure the words wrong on English clips that the recogniser understands uncoded. Raises BenchmarkError."""
    from .metrics.words import speakable, vocabulary, word_count, words_metric

    chosen = clips.validation_clips(corpus, count, speakable)
    originals = load_originals(corpus, chosen)
    metric = words_metric(chosen)
    uncoded = quality.run_lane(UncodedLane(), originals, [metric], work, map_, delay=0).scores[metric.key]
    read = [clip for clip in chosen if readable(uncoded[clip])]
    everywhere = interval_of([uncoded[clip] for clip in chosen], metric, chosen).mean
    spoken, known, unread = sum(map(word_count, read)), len(vocabulary(chosen)), len(chosen) - len(read)
    remark = (
        f"{metric.title}: {spoken:.0f} words in {len(read)} of {len(chosen)} clips, {known} different ones; in the "
        f"other {unread} clips the recogniser missed more than half of the words of the original, so they are left out "
        f"for all codecs. Of all words of the {len(chosen)} originals it got {everywhere:.1f} % wrong."
    )
    say(remark)
    kept = {clip: originals[clip] for clip in read}
    return Study(read, [metric], quality.run_all(lanes, kept, [metric], work, map_, say), [remark])


def read_originals(
    corpus: Path, metric: Metric, language: str, count: int, work: Path, map_: Map
) -> tuple[LaneScores, Originals]:
    """Return what a recogniser makes of `count` originals, and those of which it reads enough for them to count.

    Raises BenchmarkError where there are none.
    """
    chosen = clips.validation_clips(corpus, count, partial(transcribed, language=language))
    originals = load_originals(corpus, chosen)
    uncoded = quality.run_lane(UncodedLane(), originals, [metric], work, map_, delay=0)
    read = {clip: originals[clip] for clip in chosen if readable(uncoded.scores[metric.key][clip])}
    if not read:
        raise BenchmarkError(f"{metric.title}: it reads none of {len(chosen)} originals: is it for this language?")
    return uncoded, read


def whisper_studies(
    lanes: Sequence[Lane],
    corpus: Path,
    recogniser: Recogniser,
    counts: Mapping[str, int],
    work: Path,
    map_: Map,
    say: Callable[[str], None] = quality.say_now,
) -> list[Study]:
    """Measure the words wrong by Whisper, a study a language. counts: clips by language. Raises BenchmarkError."""
    studies = []
    for language, count in counts.items():
        if recogniser.english_only() and language != "en":
            continue
        metric = whisper_metric(recogniser, language)
        uncoded, read = read_originals(corpus, metric, language, count, work, map_)
        chosen = list(uncoded.coded)
        remark = _whisper_remark(metric, language, chosen, list(read), summary(uncoded, metric, chosen).mean)
        say(remark)
        coded = [lane for lane in lanes if lane.key != UncodedLane.key]
        results = quality.run_all(coded, read, [metric], work, map_, say)
        if len(coded) < len(lanes):
            results.append(uncoded.of(read))
        studies.append(Study(list(read), [metric], results, [remark]))
    return studies


def _whisper_remark(
    metric: Metric, language: str, chosen: Sequence[Clip], read: Sequence[Clip], everywhere: float
) -> str:
    """Return how much was counted, and what was left out."""
    spoken, voices = sum(map(token_count, read)), len({clip.voice for clip in read})
    speakers = f"of {voices} speakers" if voices > 1 else "of one speaker, so that the interval is over clips"
    remark = f"{metric.title}: {spoken:.0f} {unit(language)} in {len(read)} of {len(chosen)} clips, {speakers}"
    if len(read) == len(chosen):
        return f"{remark}."
    return (
        f"{remark}; of the others more than half of the original was missed, so they are left out for all codecs. Of "
        f"all {unit(language)} of the {len(chosen)} originals {everywhere:.1f} % were wrong."
    )


def languages_left_out(corpus: Path, counts: Mapping[str, int]) -> str:
    """Return which languages of the corpus nobody's words are counted in, and why; empty where there are none."""
    said = []
    for language in sorted({row["language"] for row in clips.read_manifest(corpus)} - set(counts)):
        if language in WITHOUT_TRANSCRIPT:
            said.append(f"{language}, since {WITHOUT_TRANSCRIPT[language]}")
            continue
        try:
            clips.validation_clips(corpus, 1, partial(transcribed, language=language))
            said.append(f"{language}, which was not asked for")
        except BenchmarkError:
            said.append(f"{language}, since no speaker that nothing was trained on has transcripts")
    return f"Words are not counted in: {'; '.join(said)}." if said else ""
