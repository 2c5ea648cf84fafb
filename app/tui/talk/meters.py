"""The level meters of microphone and loudspeaker, with the knobs for gain and volume."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container

from app.events import Device, Level
from app.tui.talk.state import TalkState
from app.tui.talk.volume import Volume
from app.tui.widgets.meter import Meter


class Meters(Container):
    """Both meters."""

    def __init__(self, volume: Volume) -> None:
        super().__init__(id="meters")
        self._volume = volume
        self._microphone, self._loudspeaker = Meter("mic", id="mic"), Meter("speaker", id="speaker")

    def compose(self) -> ComposeResult:
        """Build the meters."""
        yield self._microphone
        yield self._loudspeaker

    def show(self, state: TalkState) -> None:
        """Show where the knobs stand, and which device is missing."""
        microphone, loudspeaker = self._microphone, self._loudspeaker
        microphone.figure, loudspeaker.figure = self._volume.gain_figure, self._volume.volume_figure
        microphone.rest = "no microphone" if "microphone" in state.problems else ""
        loudspeaker.rest = "no loudspeaker" if "loudspeaker" in state.problems else ""

    def hear(self, level: Level, now_s: float) -> None:
        """Show the newest tenth of a second of a device."""
        self._meter(level.device).push(_height(level), now_s)

    def _meter(self, device: Device) -> Meter:
        return self._microphone if device == "microphone" else self._loudspeaker

    def take(self, level: Level, now_s: float) -> bool:
        """Take a level without drawing it; return True where it should be drawn."""
        return self._meter(level.device).take(_height(level), now_s)

    def falling(self, now_s: float) -> bool:
        """Tell whether a bar falls by itself, with no new level to move it."""
        return self._microphone.falling(now_s) or self._loudspeaker.falling(now_s)

    def pass_time(self, now_s: float) -> None:
        """Let the bars fall."""
        self._microphone.fall(now_s)
        self._loudspeaker.fall(now_s)


def _height(level: Level) -> float:
    """Return what a meter shows of a level, in dB: one that is cut off is all the way up."""
    return 0.0 if level.clipped else level.peak_db
