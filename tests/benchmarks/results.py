"""All that one run found out, and how it is grouped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .bootstrap import Interval
from .clips import Clip
from .lanes import Lane
from .metrics import Metric
from .reception import Reception
from .robustness import Condition
from .speed import Command, LaneSpeed, Listener
from .study import Study


@dataclass(frozen=True)
class Spoilt:
    """The scores of one codec under one condition."""

    lane: Lane
    condition: Condition
    clips: int
    means: Sequence[Interval]
    """Of each metric."""
    changes: Sequence[Interval]
    """Against the same codec unspoilt, paired by clip."""
    leads: Sequence[Interval | None]
    """Against the reference codec under the same condition; None for itself and where it was not measured."""


@dataclass(frozen=True)
class SpoiltTable:
    """A table of codecs under several conditions, on the same clips."""

    title: str
    metrics: Sequence[Metric]
    rows: Sequence[Spoilt]


@dataclass
class Results:
    """All results of one run."""

    conditions: list[tuple[str, str]]
    """(what, value): command, date, processor, versions."""
    notes: list[str]
    """What could not be measured, with the cure."""
    studies: list[Study] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """What to know beside the tables of quality."""
    robustness: list[SpoiltTable] = field(default_factory=list)
    silence: list[tuple[Lane, float]] = field(default_factory=list)
    """dBFS of what each lane makes of silence."""
    speeds: list[LaneSpeed] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    listener: Listener | None = None
    reception: Reception | None = None


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, the first column to the left and the others to the right."""
    lines = ["| " + " | ".join(header) + " |", "|" + "|".join(["---"] + ["--:"] * (len(header) - 1)) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def groups_of(clips: Sequence[Clip]) -> dict[str, list[Clip]]:
    """Return the clips by language, by sex within it, and by age where the source says."""
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
