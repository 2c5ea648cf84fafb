"""The controls that the user can change while a station runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.audio.devices import Block


@dataclass(frozen=True, slots=True)
class Controls:
    """Positions of the controls."""

    volume: float
    """Volume of the loudspeaker, 0..1, linear in amplitude."""
    muted: bool
    """True while the loudspeaker is off."""
    gain_db: float
    """Gain of the microphone, dB."""
    addressee: str | None
    """Name of the station that overs are addressed to; "" addresses everybody, None whoever alone is there with us."""
    away: bool = False
    """True while the user is not there: what comes meanwhile is missed."""
    overhear: Callable[[Block], None] | None = None
    """Shown every block of the microphone, float32 [n], before the gain."""
