"""The record of the recognisers that a training learned from, in every checkpoint and in the exported graphs.

A recogniser that taught a voice is no independent judge of it; the benchmark marks the scores that it gives.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from safetensors import safe_open

from codec.models import TAUGHT_BY

ALIGNER = "pocketsphinx"
"""The recogniser whose alignments the phone reader learns from."""
BEFORE_THE_RECORD = frozenset({ALIGNER})
"""Teachers of the checkpoints that say nothing of it."""


def record(teachers: Iterable[str] | None) -> dict[str, str]:
    """Return the metadata of a checkpoint or graph that these recognisers taught; none where nothing is known."""
    return {} if teachers is None else {TAUGHT_BY: ",".join(sorted(teachers))}


def _said(path: Path) -> frozenset[str] | None:
    """Return the teachers that a checkpoint names; None for one from before the record."""
    with safe_open(path, "numpy") as file:
        metadata = file.metadata() or {}
    return frozenset(filter(None, metadata[TAUGHT_BY].split(","))) if TAUGHT_BY in metadata else None


def teachers_of(paths: Iterable[Path], phones: Path | None = None, recogniser: str | None = None) -> frozenset[str]:
    """Return the teachers of a training that begins with these checkpoints.

    phones: the checkpoint of the phone reader, or None; recogniser: the name of the recogniser whose loss it has, or
    None. Raises FileNotFoundError.
    """
    found = frozenset({ALIGNER} if phones is not None else ()) | frozenset({recogniser} if recogniser else ())
    for path in paths:
        said = _said(path)
        found |= BEFORE_THE_RECORD if said is None else said
    return found


def recorded(paths: Iterable[Path]) -> frozenset[str] | None:
    """Return the teachers of these checkpoints; None where none of them says anything. Raises FileNotFoundError."""
    known = list(paths)
    return teachers_of(known) if any(_said(path) is not None for path in known) else None
