"""PESQ-NB: perceptual evaluation of speech quality, ITU-T P.862 with the mapping of P.862.1, by pesq."""

from __future__ import annotations

import numpy as np

from app.analysis import metrics

from ..clips import Clip


def pesq_nb(original: np.ndarray, decoded: np.ndarray, clip: Clip | None = None) -> float:
    """Return MOS-LQO, 1.0 to 4.55. NaN for a clip in which PESQ finds no utterance."""
    score = metrics.pesq_nb(_as_float(original), _as_float(decoded))
    return float("nan") if score is None else score


def _as_float(samples: np.ndarray) -> np.ndarray:
    """Return float32 in [-1, 1) of any samples: pesq scales a float signal up itself, and takes int16 as it is."""
    array = np.asarray(samples)
    return array.astype(np.float32) / 32768 if array.dtype == np.int16 else array.astype(np.float32)
