"""Microphone gain, loudspeaker volume and mute: where they stand, turned in steps, and told to the engine."""

from __future__ import annotations

from app.settings.model import Settings
from app.station.engine import Engine

GAIN_STEP_DB = 3.0
LOWEST_GAIN_DB, HIGHEST_GAIN_DB = -20.0, 30.0
VOLUME_STEP = 0.1


class Volume:
    """Gain, volume and mute, at first as the settings say."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._engine = engine
        self._volume = settings.volume
        self._muted = settings.muted
        self._gain_db = settings.gain_db

    @property
    def gain_figure(self) -> str:
        """The microphone's gain as shown."""
        return f"{self._gain_db:+.0f} dB"

    @property
    def volume_figure(self) -> str:
        """The loudspeaker's volume as shown."""
        return "muted" if self._muted else f"{self._volume * 100:.0f} %"

    @property
    def settings(self) -> dict[str, float]:
        """Gain and volume by the names of their settings."""
        return {"gain_db": self._gain_db, "volume": self._volume}

    def turn_gain(self, steps: int) -> None:
        """Turn the gain by so many steps, up or down."""
        self._gain_db = min(HIGHEST_GAIN_DB, max(LOWEST_GAIN_DB, self._gain_db + steps * GAIN_STEP_DB))
        self._engine.set_gain(self._gain_db)

    def turn_volume(self, steps: int) -> None:
        """Turn the volume by so many steps, up or down; whoever does that wants to hear something, so mute ends."""
        self._volume = min(1.0, max(0.0, round(self._volume + steps * VOLUME_STEP, 2)))
        self._muted = False
        self._engine.set_mute(False)
        self._engine.set_volume(self._volume)

    def mute_or_unmute(self) -> None:
        """Turn the loudspeaker off, or on again at the volume it had."""
        self._muted = not self._muted
        self._engine.set_mute(self._muted)
