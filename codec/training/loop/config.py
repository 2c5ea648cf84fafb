"""Recipes: TOML files that become frozen dataclasses, and the schedule that all of them have."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from codec.training.data.augmentation import Augmentation
from codec.training.errors import TrainingError

T = TypeVar("T")

RENAMED = {
    "adversary.share": "weight",
    "adversary.feature_share": "feature_weight",
    "adversary.from_step": "first_step",
    "adversary.rate": "learning_rate",
    "feature_share": "feature_weight",
    "hearing_share": "hearing_weight",
    "loudness_share": "pesq_weight",
    "lost_weight": "lost_packet_weight",
    "network": "codec",
    "phone_share": "phone_weight",
    "pitch_share": "pitch_weight",
    "schedule.apart": "seed_per_segment",
    "schedule.average": "ema_decay",
    "schedule.batch": "batch_size",
    "schedule.clip": "largest_gradient",
    "schedule.final": "final_learning_rate",
    "schedule.flips": "bit_errors",
    "schedule.loss": "packet_loss",
    "schedule.rate": "learning_rate",
    "schedule.warm_steps": "warmup_steps",
    "words_share": "word_weight",
}
"""Names that settings had in older recipes, and what they are called now."""


@dataclass(frozen=True)
class Schedule:
    """Length and speed of a training, and what it is given."""

    steps: int = 4000
    """Number of optimiser steps."""
    batch_size: int = 24
    """Segments a step."""
    packets: int = 4
    """Packets of 320 ms a segment."""
    learning_rate: float = 1e-3
    """Peak learning rate of AdamW, reached after `warmup_steps`; from there a cosine leads to its end."""
    final_learning_rate: float = 0.02
    """Learning rate at the end, as a fraction of the peak."""
    warmup_steps: int = 100
    """Steps in which the learning rate rises from 0 to its peak."""
    weight_decay: float = 0.01
    """Weight decay of matrices and kernels; biases and scales have none."""
    largest_gradient: float = 1.0
    """Largest norm of the gradient; a larger one is scaled down to it."""
    ema_decay: float = 0.998
    """Decay of the moving average of the weights, which is what is validated and exported."""
    seed: int = 1
    """Seed of everything that is drawn at random."""
    validate_every: int = 250
    """Steps between two validations."""
    validation_segments: int = 96
    """Segments of a validation."""
    save_every_s: float = 180.0
    """Seconds between two checkpoints."""
    packet_loss: float = 0.12
    """Fraction of the packets that are lost in training."""
    bit_errors: float = 0.2
    """Fraction of the segments that have flipped bits, 0.5-3 % of them."""
    seed_per_segment: bool = False
    """Draw each segment from a seed of its own, so that each of several processes has to draw its slice only."""
    compile: bool = False
    """Let torch.compile fuse operations (needs a C++ compiler; the first steps take a minute)."""
    precision: str = "highest"
    """Precision of the networks' products, in PyTorch's words: "medium" is bfloat16 where the processor can."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """Changes of the segments."""


def learning_rate_factor(step: int, schedule: Schedule) -> float:
    """Return the learning rate of a step, 0 <= step < steps, as a fraction of the peak."""
    if step < schedule.warmup_steps:
        return (step + 1) / schedule.warmup_steps
    done = min(1.0, (step - schedule.warmup_steps) / max(1, schedule.steps - schedule.warmup_steps))
    final = schedule.final_learning_rate
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done))


def read_recipe(path: Path, kind: type[T], stored: dict[str, dict[str, Any]] | None = None) -> T:
    """Return a recipe as a frozen dataclass of this kind. Raises TrainingError for a name that does not exist.

    stored: the configurations of networks that the training starts from, by the name of their table; what the recipe
    does not say of a network is as it is there.
    """
    return filled(kind, overruled(stored or {}, recipe_values(path)), str(path))


def recipe_values(path: Path) -> dict[str, Any]:
    """Return what a recipe says, a dictionary for each table. Raises TrainingError for a file that is no TOML.

    `like = "other.toml"` takes what the recipe does not say from the one beside it.
    """
    try:
        values = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise TrainingError(f"{path}: no such recipe", "name another with --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path}: no TOML file ({error})") from error
    other = values.pop("like", None)
    return values if other is None else overruled(recipe_values(path.parent / str(other)), values)


def overruled(base: dict[str, Any], by: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with the values of `by` in place of its own, table by table."""
    tables = {name: overruled(base[name], value) for name, value in by.items() if isinstance(base.get(name), dict)}
    return base | by | tables


def filled(kind: type[T], values: dict[str, Any], place: str, table: str = "") -> T:
    """Return a (nested) dataclass with these values. Raises TrainingError for a name that does not exist.

    place: where the values are from; table: which of its tables they are. Both are for the message.
    """
    known = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    default = kind()
    found: dict[str, Any] = {}
    for name, value in values.items():
        now = RENAMED.get(f"{table}.{name}" if table else name)
        where = f"{place} [{table}]" if table else place
        if now is not None and name not in known:
            raise TrainingError(f"{where}: '{name}' is now called '{now}'")
        if name not in known:
            raise TrainingError(f"{where}: no setting '{name}'", f"known are {', '.join(known)}")
        own = getattr(default, name)
        if is_dataclass(own):
            inner = f"{table}.{name}" if table else name
            found[name] = filled(type(own), value, place, inner)
        else:
            found[name] = tuple(value) if isinstance(own, tuple) else value
    return kind(**found)
