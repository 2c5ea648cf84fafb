"""Paired bootstrap intervals: how sure a difference between two codecs on the same clips is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

RESAMPLES = 10_000
SEED = 800


class Interval(NamedTuple):
    """A mean and the 95 % interval around it."""

    mean: float
    low: float
    high: float


def mean_interval(
    values: ArrayLike, voices: Sequence[str], weights: ArrayLike | None = None, resamples: int = RESAMPLES
) -> Interval:
    """Return the mean of `values` with its 95 % percentile interval; NaN values are left out.

    Speakers are resampled, with all their clips: clips of one voice are no independent evidence. For a paired
    interval, pass the differences. voices: the speaker of each value. weights: of each value in the mean, all alike
    without. All NaN when no value is left.
    """
    array = np.asarray(values, np.float64)
    valid = ~np.isnan(array)
    if not valid.any():
        return Interval(np.nan, np.nan, np.nan)
    _, owner = np.unique(np.asarray(voices)[valid], return_inverse=True)
    weight = np.ones(valid.sum()) if weights is None else np.asarray(weights, np.float64)[valid]
    sums, counts = np.bincount(owner, weight * array[valid]), np.bincount(owner, weight)
    draws = np.random.default_rng(SEED).integers(0, len(sums), (resamples, len(sums)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(np.average(array[valid], weights=weight)), float(low), float(high))
