"""The short tones that a station plays to its own user: permit, courtesy and call tone."""

from __future__ import annotations

import numpy as np

from app.audio.devices import Block
from codec.format import SAMPLE_RATE_HZ

AMPLITUDE = 0.1
"""-20 dB of full scale: well below speech."""
RAMP_S = 0.005
"""Seconds of fading in and out of every note, without which it clicks."""


def permit_tone() -> Block:
    """Return the tone that says "talk now": two short rising notes, 110 ms, float32 [880]."""
    return _notes((880.0, 0.05), (1320.0, 0.06))


def courtesy_tone() -> Block:
    """Return the tone that says "that was all, your turn": one short low note, 70 ms, float32 [560]."""
    return _notes((660.0, 0.07))


def call_tone() -> Block:
    """Return the tone that says "somebody calls": two notes, twice, 480 ms, float32 [3840]."""
    return _notes((1046.5, 0.12), (1318.5, 0.12), (1046.5, 0.12), (1318.5, 0.12))


def _notes(*notes: tuple[float, float]) -> Block:
    """Return sine tones one after another, float32 [n], of (frequency in Hz, duration in s) each."""
    parts = []
    for frequency_hz, duration_s in notes:
        time_s = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        ramp = np.minimum(1.0, np.minimum(time_s, time_s[::-1]) / RAMP_S)
        parts.append(AMPLITUDE * ramp * np.sin(2 * np.pi * frequency_hz * time_s))
    return np.concatenate(parts).astype(np.float32)
