"""The table of ceilings: what each half of the voice loses, and which half is the weaker one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from .bootstrap import Interval
from .clips import Clip
from .lanes import Lane, UncodedLane
from .lanes.ceilings import CeilingLane, TrueFeaturesLane
from .metrics import Metric
from .metrics.words import JUDGE as POCKETSPHINX
from .quality import LaneScores
from .results import Results, table
from .study import Study, interval_of, summary


def combined(
    study: Study, metric: Metric, shares: Mapping[str, float], chosen: Sequence[Clip] | None = None
) -> Interval | None:
    """Return the mean over clips of a sum of lanes' scores, each times its share, with its interval; paired by clip.

    shares: by the lanes' keys. The sign is that of a loss: positive is worse, whichever way the measure counts. None
    where a lane was not measured.
    """
    clips = study.clips if chosen is None else chosen
    found = {key: study.find(key) for key in shares}
    sign = -1.0 if metric.higher_is_better else 1.0
    total = np.zeros(len(clips))
    for key, lane in found.items():
        if lane is None:
            return None
        total += sign * shares[key] * np.array([lane.scores[metric.key][clip] for clip in clips])
    return interval_of(total, metric, clips)


def weaker_half(study: Study, metric: Metric, whole: str, true: str) -> str | None:
    """Return a sentence: what codec and vocoder lose by this measure, and which of them loses more.

    whole, true: keys of the whole voice, and of the vocoder on the features of the clip itself. None where one of
    them, or the original, was not measured.
    """
    original = UncodedLane.key
    codec = combined(study, metric, {whole: 1, true: -1})
    vocoder = combined(study, metric, {true: 1, original: -1})
    more = combined(study, metric, {whole: 1, true: -2, original: 1})
    if codec is None or vocoder is None or more is None or math.isnan(more.mean):
        return None
    half = "codec" if more.mean > 0 else "vocoder"
    sure = "" if more.low > 0 or more.high < 0 else ", though the interval of the difference holds zero"
    parts = (f"the {name} loses {_said(loss, metric)}" for name, loss in (("codec", codec), ("vocoder", vocoder)))
    return f"{metric.title}: {', '.join(parts)}: the weaker half is the **{half}**{sure}."


def _said(interval: Interval, metric: Metric) -> str:
    mean, low, high = (f"{value:.{metric.decimals}f}" for value in interval)
    return f"{mean} ({low} to {high})"


def _families(results: Results) -> dict[str, dict[str, CeilingLane]]:
    """Return the ceilings that were measured, each by its key, by the key of the voice that they are of."""
    families: dict[str, dict[str, CeilingLane]] = {}
    for study in results.studies:
        for result in study.lanes:
            if isinstance(result.lane, CeilingLane):
                families.setdefault(result.lane.whole, {})[result.lane.key] = result.lane
    return families


def ceilings(results: Results) -> str:
    """Return the tables and the sentences; empty where no ceiling was measured."""
    columns = [(s, m) for s in results.studies for m in s.metrics if m.judge and m.judge != POCKETSPHINX]
    columns.sort(key=lambda column: not column[1].key.startswith("words"))
    parts = []
    for whole, own in _families(results).items():
        title, rows = whole, []
        for lane in _ordered(results, whole, list(own.values())):
            title = lane.title if lane.key == whole else title
            row = [lane.title]
            for study, metric in columns:
                row += _cells(study, metric, lane, whole)
            rows.append(row)
        header = ["what is decoded"]
        for _, metric in columns:
            header += [metric.title, f"lost by {title} beside it"]
        parts.append(table(header, rows))
        true = next((lane.key for lane in own.values() if isinstance(lane, TrueFeaturesLane)), "")
        said = [weaker_half(study, metric, whole, true) for study, metric in columns]
        parts.append("".join(f"- {sentence}\n" for sentence in said if sentence))
    return "\n".join(parts)


def _ordered(results: Results, whole: str, own: Sequence[CeilingLane]) -> list[Lane]:
    """Return the voice, its ceilings, and the original."""
    lanes: dict[str, Lane] = {result.lane.key: result.lane for study in results.studies for result in study.lanes}
    ends = [lanes.get(whole), *own, lanes.get(UncodedLane.key)]
    return [lane for lane in ends if lane is not None]


def _cells(study: Study, metric: Metric, lane: Lane, whole: str) -> list[str]:
    found: LaneScores | None = study.find(lane.key)
    if found is None:
        return ["-", "-"]
    lost = None if lane.key == whole else combined(study, metric, {whole: 1, lane.key: -1})
    return [_said(summary(found, metric, study.clips), metric), "" if lost is None else _said(lost, metric)]
