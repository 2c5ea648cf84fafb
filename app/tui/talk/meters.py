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

    def compose(self) -> ComposeResult:
        """Build the meters."""
        yield Meter("mic", id="mic")
        yield Meter("speaker", id="speaker")

    def show(self, state: TalkState) -> None:
        """Show where the knobs stand, and which device is missing."""
        microphone, loudspeaker = self.query_one("#mic", Meter), self.query_one("#speaker", Meter)
        microphone.figure, loudspeaker.figure = self._volume.gain_figure, self._volume.volume_figure
        microphone.rest = "no microphone" if "microphone" in state.problems else ""
        loudspeaker.rest = "no loudspeaker" if "loudspeaker" in state.problems else ""

    def hear(self, level: Level, now_s: float) -> None:
        """Show the newest tenth of a second of a device."""
        self._meter(level.device).push(_height(level), now_s)

    def _meter(self, device: Device) -> Meter:
        return self.query_one("#mic" if device == "microphone" else "#speaker", Meter)

    def take(self, level: Level, now_s: float) -> bool:
        """Take a level without drawing it; return True where it should be drawn."""
        return self._meter(level.device).take(_height(level), now_s)

    def falling(self, now_s: float) -> bool:
        """Tell whether a bar falls by itself, with no new level to move it."""
        return any(meter.falling(now_s) for meter in self.query(Meter))

    def pass_time(self, now_s: float) -> None:
        """Let the bars fall."""
        for meter in self.query(Meter):
            meter.fall(now_s)


def _height(level: Level) -> float:
    """Return what a meter shows of a level, in dB: one that is cut off is all the way up."""
    return 0.0 if level.clipped else level.peak_db
