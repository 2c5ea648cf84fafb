"""The words for the level of a microphone that somebody speaks into."""

from __future__ import annotations

from app.events import Level

SILENT_DB = -60.0
"""Level below which there is no voice: even a quiet room is louder."""
TOO_QUIET_DB, TOO_LOUD_DB = -30.0, -3.0
"""Peaks of speech below the first are lost in the room's noise, above the second they clip at the next laugh."""


def level_words(level: Level) -> str:
    """Return what to do about the microphone, for somebody who speaks into it."""
    if level.clipped:
        return "too loud: it clips, turn the gain down (key [) or move away"
    if level.peak_db > TOO_LOUD_DB:
        return "a little loud: turn the gain down (key [)"
    if level.peak_db < SILENT_DB:
        return "nothing is heard: say something; is it the right microphone?"
    if level.peak_db < TOO_QUIET_DB:
        return "quiet: speak up, come nearer, or turn the gain up (key ])"
    return "good: speak as you do now"
