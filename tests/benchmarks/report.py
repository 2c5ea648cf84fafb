"""The results as Markdown for people and as CSV for everything else."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from codec.format import SAMPLE_RATE_HZ

from .bootstrap import Interval, mean_interval
from .clips import Clip
from .metrics import Metric
from .quality import LaneScores
from .reception import Reception
from .speed import Command, LaneSpeed, Listener

CSV_FIELDS = ("section", "codec", "against", "group", "measure", "clips", "value", "low", "high")


@dataclass
class Results:
    """All that one run found out."""

    conditions: list[tuple[str, str]]
    """(what, value): command, date, processor, versions."""
    notes: list[str]
    """What could not be measured, with the cure."""
    clips: Sequence[Clip]
    metrics: Sequence[Metric]
    lanes: Sequence[LaneScores]
    speeds: list[LaneSpeed] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    listener: Listener | None = None
    reception: Reception | None = None


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left and the others to the right."""
    lines = ["| " + " | ".join(header) + " |", "|" + "|".join(["---"] + ["--:"] * (len(header) - 1)) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def groups_of(clips: Sequence[Clip]) -> dict[str, list[Clip]]:
    """Clips by language, by sex within it, and by age where the source says."""
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        names = [clip.language, f"{clip.language}, {clip.sex or 'sex not stated'}"]
        names += [f"{clip.age}, {clip.source}"] if clip.age else []
        for name in names:
            groups.setdefault(name, []).append(clip)
    # A language with one sex would say the same twice.
    return {
        name: groups[name]
        for name in sorted(groups)
        if not any(other.startswith(f"{name},") and groups[other] == groups[name] for other in groups)
    }


def _summary(result: LaneScores, metric: Metric, clips: Sequence[Clip]) -> Interval:
    scores = result.scores[metric.key]
    return mean_interval([scores[clip] for clip in clips], [clip.voice for clip in clips])


def _difference(ours: LaneScores, other: LaneScores, metric: Metric, clips: Sequence[Clip]) -> Interval:
    left, right = ours.scores[metric.key], other.scores[metric.key]
    return mean_interval([left[clip] - right[clip] for clip in clips], [clip.voice for clip in clips])


def verdict(interval: Interval, higher_is_better: bool) -> str:
    """ahead, behind, or level where the interval holds zero."""
    low, high = (interval.low, interval.high) if higher_is_better else (-interval.high, -interval.low)
    return "ahead" if low > 0 else "behind" if high < 0 else "level"


def _written(interval: Interval, decimals: int, sign: str = "") -> str:
    mean, low, high = (f"{value:{sign}.{decimals}f}" for value in interval)
    return f"{mean} ({low} to {high})"


def _quality(results: Results) -> str:
    def rate(bps: float) -> str:
        return "-" if bps == 0 else f"{bps:.0f}"

    rows = [
        [result.lane.title, rate(result.rate_bps), rate(result.wire_rate_bps)]
        + [_written(_summary(result, metric, results.clips), metric.decimals) for metric in results.metrics]
        + [f"{1000 * result.delay / SAMPLE_RATE_HZ:.1f}"]
        for result in results.lanes
    ]
    titles = [metric.title for metric in results.metrics]
    return table(["codec", "bit/s", "in whole bytes", *titles, "delay found, ms"], rows)


def _against(results: Results) -> str:
    parts = []
    for ours in (result for result in results.lanes if result.lane.ours):
        rows = []
        for other in results.lanes:
            if other is ours:
                continue
            row = [other.lane.title]
            for metric in results.metrics:
                interval = _difference(ours, other, metric, results.clips)
                row.append(f"{_written(interval, metric.decimals, '+')} {verdict(interval, metric.higher_is_better)}")
            rows.append(row)
        parts.append(table([f"{ours.lane.title} minus", *(metric.title for metric in results.metrics)], rows))
    return "\n".join(parts)


def _breakdown(results: Results) -> str:
    parts = []
    for metric in results.metrics:
        rows = []
        for name, clips in groups_of(results.clips).items():
            voices = len({clip.voice for clip in clips})
            means = [f"{_summary(result, metric, clips).mean:.{metric.decimals}f}" for result in results.lanes]
            rows.append([name, f"{len(clips)} / {voices}", *means])
        parts.append(table([f"{metric.title}: group", "clips / voices", *(r.lane.title for r in results.lanes)], rows))
    return "\n".join(parts)


def _speed(results: Results) -> str:
    base = next((speed for speed in results.speeds if speed.lane.ours), results.speeds[0])

    def ratio(value: float, reference: float) -> str:
        share = value / reference if reference else math.nan
        return f"{share:.2f}" if share < 10 else f"{share:.0f}"

    rows = []
    for s in results.speeds:
        total, reference = s.encode_factor + s.decode_factor, base.encode_factor + base.decode_factor
        rows.append(
            [s.lane.title, f"{s.encode_factor:.5f}", f"{s.decode_factor:.5f}", f"{total:.5f}", ratio(total, reference)]
            + [f"{s.frame_ms:.2f} / {s.frame_p95_ms:.2f}", f"{s.first_sound_s:.2f} / {s.first_sound_cpu_s:.2f}"]
            + [f"{s.resident_mb:.0f}"]
            + [ratio(s.resident_mb, base.resident_mb)]
        )
    header = ["codec", "encode", "decode", "both", f"ratio to {base.lane.title}", "one frame decoded, ms: median / p95"]
    header += ["first sound, s: wall / processor", "resident, MB", f"ratio to {base.lane.title}"]
    text = (
        "Encode and decode: processor seconds per second of speech, on one core. First sound and resident memory: of a "
        "cold Python process that only decodes with this codec.\n\n" + table(header, rows)
    )
    if results.commands:
        rows = [[c.title, f"{c.seconds:.3f}", f"{c.cpu_s:.3f}", f"{c.peak_mb:.0f}"] for c in results.commands]
        header = ["3 s of speech, whole cold process", "wall time, s", "processor, s", "peak resident, MB"]
        text += "\n" + table(header, rows)
    if results.listener is not None:
        text += (
            f"\nA headless `gossamer listen` over UDP, after an over: {results.listener.resident_mb:.0f} MB resident, "
            f"at most {results.listener.peak_mb:.0f} MB.\n"
        )
    if results.reception is not None:
        r = results.reception
        text += (
            "\nFrom a packet's last bit until its sound leaves the receiver's loudspeaker queue, above the play-out "
            f"hold of {r.hold_ms:.0f} ms: {r.after_hold_ms:.0f} ms (worst of several overs {r.worst_ms:.0f} ms), by "
            f"the real engine; the codec's declared delay of {r.codec_delay_ms:.0f} ms comes on top.\n"
        )
    return text


def markdown(results: Results) -> str:
    """The whole report."""
    voices, minutes = len({clip.voice for clip in results.clips}), sum(clip.seconds for clip in results.clips) / 60
    parts = [
        "# Benchmark\n",
        f"{len(results.clips)} clips ({minutes:.1f} min) of {voices} speakers that nothing was trained on. "
        "In brackets: 95 % bootstrap intervals over speakers; differences are paired by clip.\n",
    ]
    if results.lanes:
        parts += ["## Quality\n", _quality(results), "## Differences\n", _against(results)]
    if results.speeds:
        parts += ["## Speed and memory\n", _speed(results)]
    if results.lanes:
        parts += ["## By language, sex and age\n", "Means; few voices in a group say little.\n", _breakdown(results)]
    if results.notes:
        parts += ["## Not measured\n", "".join(f"- {note}\n" for note in results.notes)]
    parts += ["## Conditions\n", table(["what", "value"], results.conditions).replace("|--:|", "|---|"), METHOD]
    return "\n".join(parts)


METHOD = """\
## Method

- The originals are 8 kHz, cut at 8 s, from the corpus's Ogg Opus files (24 kbit/s), which may favour Opus a little.
- Every decoded clip is shifted by its codec's delay: the cross-correlation of band envelopes finds one in each clip,
  the median over the clips is taken. Then original and decoded are compared on the same samples.
- bit/s are those that the encoder produced, last frame zero-padded, over the time that its frames stand for; "in whole
  bytes" counts each frame's last byte as full.
- ESTOI is 0 for unrelated speech and 1 for the same; PESQ-NB (P.862.1) runs from 1.0 to 4.55. Neither was made for
  vocoders: they say how near the original is, not how natural the voice sounds.
- "true features" are the band energies of the clip itself with Praat's pitch, not quantised, through our vocoder: what
  the codec could reach at best with this vocoder.
"""


def write_csv(results: Results, path: Path) -> None:
    """Everything in the report, a row a number."""
    rows: list[tuple[object, ...]] = []
    for result in results.lanes:
        key, count = result.lane.key, len(results.clips)
        rows.append(("rate", key, "", "all", "bit/s", count, result.rate_bps, "", ""))
        rows.append(("rate", key, "", "all", "bit/s in whole bytes", count, result.wire_rate_bps, "", ""))
        rows.append(("delay", key, "", "all", "samples", count, result.delay, "", ""))
        for metric in results.metrics:
            for name, clips in {"all": list(results.clips), **groups_of(results.clips)}.items():
                rows.append(("quality", key, "", name, metric.key, len(clips), *_summary(result, metric, clips)))
            for ours in (lane for lane in results.lanes if lane.lane.ours and lane is not result):
                interval = _difference(ours, result, metric, results.clips)
                rows.append(("difference", ours.lane.key, key, "all", metric.key, count, *interval))
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
    """A row per clip and lane."""
    keys = [metric.key for metric in results.metrics]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["clip", "language", "sex", "age", "seconds", "codec", "bits", "wire_bits", "delay", *keys])
        for result in results.lanes:
            for clip in results.clips:
                coded = result.coded[clip]
                about = [clip.path, clip.language, clip.sex, clip.age, f"{clip.seconds:.2f}", result.lane.key]
                scores = [f"{result.scores[key][clip]:.4f}" for key in keys]
                writer.writerow([*about, coded.bits, coded.wire_bits, result.delays[clip], *scores])
