"""Pitch and voicing of the decoded clip beside those of the original, both by Praat's autocorrelation.

F0 is compared where both are voiced: how far it is off in cents (hundredths of a semitone), and in what share of these
frames by more than a listener takes for the same tone. Every 10 ms, the tracker's settings as in training.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..clips import Clip

OFF_CENTS = 50.0


@lru_cache(maxsize=4)
def _pitch(content: bytes) -> np.ndarray:
    """Return F0 in Hz every 10 ms, 0 where unvoiced, and remember it for other metrics. content: int16 samples."""
    from codec.training.data.corpus import pitch_targets

    return pitch_targets(np.frombuffer(content, np.int16))


def _tracks(original: np.ndarray, decoded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _pitch(original.astype(np.int16).tobytes()), _pitch(decoded.astype(np.int16).tobytes())


def _off_cents(original: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Return the distance of F0, in cents, in each frame that is voiced in both."""
    true, found = _tracks(original, decoded)
    both = (true > 0) & (found > 0)
    return 1200 * np.abs(np.log2(found[both] / true[both]))


def pitch_cents(original: np.ndarray, decoded: np.ndarray, clip: Clip | None = None) -> float:
    """Return the median distance of F0 in cents; NaN where no frame is voiced in both."""
    off = _off_cents(original, decoded)
    return float(np.median(off)) if len(off) else float("nan")


def pitch_off(original: np.ndarray, decoded: np.ndarray, clip: Clip | None = None) -> float:
    """Return the percentage of frames voiced in both whose F0 is over 50 cents off; NaN where there are none."""
    off = _off_cents(original, decoded)
    return float(100 * np.mean(off > OFF_CENTS)) if len(off) else float("nan")


def voicing_error(original: np.ndarray, decoded: np.ndarray, clip: Clip | None = None) -> float:
    """Return the percentage of all frames that are voiced in one and not in the other."""
    true, found = _tracks(original, decoded)
    return float(100 * np.mean((true > 0) != (found > 0)))
