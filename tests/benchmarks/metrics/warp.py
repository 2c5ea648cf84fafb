"""WARP-Q: the cost of warping patches of the decoded clip onto the original, by warpq; low is good.

Jassim, Skoglund, Chinen, Hines: "Speech quality assessment with WARP-Q: from similarity to subsequence dynamic time
warp cost", IET Signal Processing, 2022. The raw score with the package's own settings; since those are for 16 kHz,
both sides are brought there.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np

from codec.format import SAMPLE_RATE_HZ

from ..clips import Clip

RATE_HZ = 16_000


@cache
def _metric() -> Any:
    # warpq 1.5.2 and pyvad 0.2.0 still call numpy.lib.pad, which numpy 2 has under its other name alone.
    np.lib.pad = np.pad  # type: ignore[attr-defined]
    from warpq.core import warpqMetric

    return warpqMetric(n_jobs=1)


def wideband(samples: np.ndarray) -> np.ndarray:
    """Return int16 [n] at 8 kHz as float32 [2 n] at 16 kHz in [-1, 1], with nothing above 4 kHz."""
    import soxr

    return np.clip(soxr.resample(samples.astype(np.float32) / 32768, SAMPLE_RATE_HZ, RATE_HZ, quality="HQ"), -1, 1)


def warp_q(original: np.ndarray, decoded: np.ndarray, clip: Clip | None = None) -> float:
    """Return WARP-Q, about 0.7 (the same) to 3.5. NaN where one side has less than 0.4 s of speech."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a clip that is too short: NaN says so
        found = _metric().evaluate(wideband(original), wideband(decoded), arr_sr=RATE_HZ)
    return float(found["raw_warpq_score"])
