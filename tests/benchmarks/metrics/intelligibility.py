"""ESTOI: extended short-time objective intelligibility, by pystoi."""

from __future__ import annotations

import numpy as np

from app.analysis import metrics

from ..clips import Clip


def estoi(original: np.ndarray, decoded: np.ndarray, clip: Clip | None = None) -> float:
    """Return ESTOI, about 0 (unrelated) to 1 (the same), at any scale; NaN for under 0.4 s of speech."""
    score = metrics.estoi(np.asarray(original, float), np.asarray(decoded, float))
    return float("nan") if score is None else score
