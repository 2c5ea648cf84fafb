"""The panel of the phase of push-to-talk, in words, and of the voice that is heard, as a line."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from app.events import Level
from app.tui.talk.phase import MINE, Phase
from app.tui.talk.state import TalkState
from app.tui.talk.wording import detail
from app.tui.widgets.ballistics import swelling
from app.tui.widgets.text import TextBlock
from app.tui.widgets.waveform import STEP_S, LiveWaveform, Sound

MOST_STEPS = 10
"""Cells by which the waveform moves at once at the most."""
LEVEL_OVERDUE_S = 0.3
"""Seconds until the waveform moves on by itself, thin, without a level: a frame may be late, a device stop."""


class PhasePanel(Vertical):
    """Phase, details and waveform in a frame that takes the colour of who talks."""

    def __init__(self) -> None:
        super().__init__(id="phase-panel")
        self._phase, self._detail = TextBlock(id="phase"), TextBlock(id="detail")
        self._waveform = LiveWaveform(id="waveform")
        self._sound = Sound.SILENCE
        """Voice that is drawn now."""
        self._passed_s = 0.0
        """Time up to which the waveform has moved without a level."""
        self._moved_s = 0.0
        """Time at which the waveform last moved."""

    def compose(self) -> ComposeResult:
        """Build the parts."""
        with Horizontal(id="saying"):
            yield self._phase
            yield self._detail
        yield self._waveform

    def show(self, state: TalkState) -> None:
        """Show the phase."""
        phase = state.phase
        self._sound = Sound.OURS if phase in MINE else Sound.THEIRS if state.hearing else Sound.SILENCE
        self.set_class(phase in (*MINE, Phase.DRAINING), "mine")
        self.set_class(phase is Phase.RECEIVING, "theirs")
        self.set_class(phase in (Phase.REFUSED, Phase.COLLISION), "trouble")
        self._phase.say(phase.value)
        self._detail.say(detail(state))

    def hear(self, level: Level, now_s: float) -> None:
        """Draw the newest tenth of a second of a device, if that is whose voice is drawn."""
        if self._sound is (Sound.OURS if level.device == "microphone" else Sound.THEIRS):
            self._waveform.push(swelling(level.rms_db), self._sound)
            self._moved_s = now_s

    @property
    def moving(self) -> bool:
        """Whether the waveform moves: a voice is drawn, or drifts away."""
        return self._sound is not Sound.SILENCE or not self._waveform.silent

    def pass_time(self, now_s: float) -> None:
        """Move the waveform where no level does."""
        steps = min(MOST_STEPS, int((now_s - self._passed_s) / STEP_S + 0.5))
        self._passed_s = now_s
        if self._sound is Sound.SILENCE or now_s - self._moved_s > LEVEL_OVERDUE_S:
            for _ in range(max(1, steps)):
                self._waveform.push(0.0, self._sound)
