"""Speech for the lanes."""

from __future__ import annotations

import numpy as np
import pytest

from app.clips import speech_of


@pytest.fixture(scope="package")
def speech() -> np.ndarray:
    return speech_of(None)
