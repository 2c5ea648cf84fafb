"""The shipped sentences, as tests hear them."""

from __future__ import annotations

import numpy as np
import soundfile

from codec import format
from codec.models import asset_path


def sentence(name: str = "harbour") -> np.ndarray:
    """Return a shipped sentence by its name: float32 [n] at 8 kHz."""
    samples, rate = soundfile.read(asset_path("sentences") / f"{name}.flac", dtype="float32")
    assert format.SAMPLE_RATE_HZ == rate
    return np.asarray(samples)
