"""The results as CSV, a row a number."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

from .results import Results, groups_of
from .study import Study, difference, summary

CSV_FIELDS = ("section", "codec", "against", "group", "measure", "clips", "value", "low", "high")


def _study_rows(study: Study) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for result in study.lanes:
        key, count = result.lane.key, len(study.clips)
        rows.append(("rate", key, "", "all", "bit/s", count, result.rate_bps, "", ""))
        rows.append(("rate", key, "", "all", "bit/s in whole bytes", count, result.wire_rate_bps, "", ""))
        rows.append(("delay", key, "", "all", "samples", count, result.delay, "", ""))
        for metric in study.metrics:
            for name, clips in {"all": list(study.clips), **groups_of(study.clips)}.items():
                rows.append(("quality", key, "", name, metric.key, len(clips), *summary(result, metric, clips)))
            for ours in (lane for lane in study.lanes if lane.lane.ours and lane is not result):
                interval = difference(ours, result, metric, study.clips)
                rows.append(("difference", ours.lane.key, key, "all", metric.key, count, *interval))
    return rows


def write_csv(results: Results, path: Path) -> None:
    """Write everything in the report, a row a number."""
    rows: list[tuple[object, ...]] = []
    for study in results.studies:
        rows += _study_rows(study)
    for metrics, line in ((each.metrics, line) for each in results.robustness for line in each.rows):
        for metric, mean, change in zip(metrics, line.means, line.changes, strict=True):
            about = (line.condition.key, metric.key, line.clips)
            rows.append(("robustness", line.lane.key, "", *about, *mean))
            rows.append(("robustness change", line.lane.key, "", *about, *change))
    rows += [("silence", lane.key, "", "", "dBFS", "", db, "", "") for lane, db in results.silence]
    for s in results.speeds:
        values = {
            "encode real-time factor": s.encode_factor,
            "decode real-time factor": s.decode_factor,
            "frame decoded ms median": s.frame_ms,
            "frame decoded ms p95": s.frame_p95_ms,
            "cold first sound s": s.first_sound_s,
            "cold first sound processor s": s.first_sound_cpu_s,
            "resident MB": s.resident_mb,
        }
        rows += [("speed", s.lane.key, "", "", name, "", value, "", "") for name, value in values.items()]
    for c in results.commands:
        parts = (("wall s", c.seconds), ("processor s", c.cpu_s), ("peak resident MB", c.peak_mb))
        rows += [("command", c.title, "", "", name, "", value, "", "") for name, value in parts]
    if results.listener is not None:
        rows.append(("command", "gossamer listen", "", "", "resident MB", "", results.listener.resident_mb, "", ""))
        rows.append(("command", "gossamer listen", "", "", "peak resident MB", "", results.listener.peak_mb, "", ""))
    if results.reception is not None:
        r = results.reception
        rows.append(("command", "engine", "", "", "packet to sound ms median", "", r.after_hold_ms, "", ""))
        rows.append(("command", "engine", "", "", "packet to sound ms worst", "", r.worst_ms, "", ""))
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(CSV_FIELDS)
        writer.writerows([f"{v:.6g}" if isinstance(v, float) else v for v in row] for row in rows)


def write_clips(results: Results, path: Path) -> None:
    """Write a row per clip, codec and measure."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["clip", "language", "sex", "age", "seconds", "codec", "bits", "delay", "measure", "score"])
        for study in results.studies:
            for result, metric, clip in itertools.product(study.lanes, study.metrics, study.clips):
                about = [clip.path, clip.language, clip.sex, clip.age, f"{clip.seconds:.2f}", result.lane.key]
                score = f"{result.scores[metric.key][clip]:.4f}"
                writer.writerow([*about, result.coded[clip].bits, result.delays[clip], metric.key, score])
