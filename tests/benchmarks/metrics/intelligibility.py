"""ESTOI: extended short-time objective intelligibility, by pystoi."""

from __future__ import annotations

import warnings

import numpy as np

from codec.format import SAMPLE_RATE_HZ

from ..clips import Clip


def estoi(original: np.ndarray, decoded: np.ndarray, clip: Clip | None = None) -> float:
    """About 0 (unrelated) to 1 (the same). Any scale; NaN for a clip with under 0.4 s of speech."""
    from pystoi import stoi

    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # pystoi's way to say that too few frames are left
        try:
            return float(stoi(np.asarray(original, float), np.asarray(decoded, float), SAMPLE_RATE_HZ, extended=True))
        except RuntimeWarning:
            return float("nan")
