"""Opus at 6 kbit/s, through the program's own binding; its bytes counted."""

from __future__ import annotations

import numpy as np

from app.codecs.opus import OpusPeer

from . import Coded, run_frames

FLUSH_S = 0.1
"""Silence coded after the clip, not counted in its bits: pushes out what the codec still holds."""


class OpusLane(OpusPeer):
    """Opus at 6 kbit/s."""

    title = "Opus 6k VBR"
    ours = False

    def run(self, samples: np.ndarray) -> Coded:
        return run_frames(self, samples, FLUSH_S)
