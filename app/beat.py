"""The common beat of the tasks that look at something now and then: they wake together, so that an idle station sleeps.

Each wake of trio costs as much as what most of these tasks do, and more than that under a screen, where trio is a guest
of another loop.
"""

from __future__ import annotations

import math

BEAT_S = 0.25
"""Time between two beats, in seconds."""


def next_beat_s(now_s: float, beats: int = 1) -> float:
    """Return the time of the next beat, or of the next one whose number divides by `beats`, on the same clock."""
    every_s = BEAT_S * beats
    return (math.floor(now_s / every_s + 1e-6) + 1) * every_s
