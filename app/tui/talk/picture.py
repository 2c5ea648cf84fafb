"""The picture of a conversation: which widgets show it, and when they are drawn.

What has changed is drawn when it changes, and what moves by itself five times a second. While nothing happens nothing
is drawn, and the program sleeps.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Protocol

from textual.screen import Screen
from textual.timer import Timer

from app.events import ChannelCounts, Level, MouthToEar, PacketCounts, PlayoutState, WireRate
from app.tui.talk.keys import KEYS
from app.tui.talk.message_field import MessageField
from app.tui.talk.meters import Meters
from app.tui.talk.over_log import OverLog
from app.tui.talk.phase import Phase
from app.tui.talk.phase_panel import PhasePanel
from app.tui.talk.state import TalkState
from app.tui.talk.volume import Volume
from app.tui.talk.wording import covered_colour, covered_words
from app.tui.widgets.conversation_line import ConversationLine
from app.tui.widgets.keys import key_hints
from app.tui.widgets.text import TextBlock

FIGURES = (WireRate, PacketCounts, PlayoutState, MouthToEar, ChannelCounts)
"""Events of figures only, of which many come in a second: they are shown once a second."""
RESTING = (Phase.STARTING, Phase.QUIET, Phase.ENDED)
"""Phases in which no time is shown passing."""
TICK_S = 0.2
"""Time between two pictures of what moves by itself, in seconds: half as many as there are levels, for half the work,
and as smooth as a line of text can be."""
LOOK_EVERY_S = 1.0
"""Time between two looks at everything that is shown, in seconds; what is known to change is shown at once."""
MAX_LEVELS = 256
"""Levels that wait to be drawn: seconds of them; of more, the oldest are never seen."""


def _moves(state: TalkState) -> bool:
    """Tell whether something of the state goes on changing though nothing happens."""
    return state.phase not in RESTING or state.refused_at_s is not None


class _Shows(Protocol):
    """A widget that is given the whole state whenever some of it has changed."""

    def show(self, state: TalkState) -> None: ...


class Picture(Screen[None]):
    """The part of the talk screen that draws."""

    def __init__(self, state: TalkState, volume: Volume) -> None:
        super().__init__()
        self.state = state
        self.shown: list[_Shows] = []
        """Widgets that are given the state; `compose` fills it."""
        self.phase_panel = PhasePanel()
        self.meters = Meters(volume)
        self.overs = OverLog(time.monotonic, id="overs")
        self.field = MessageField()
        self._levels: deque[Level] = deque(maxlen=MAX_LEVELS)
        """Levels that wait for the next tick to be drawn."""
        self._drawn_s = 0.0
        """Time at which everything was drawn last."""
        self._ticks: Timer | None = None
        """The timer that shows time passing; None until the screen is mounted."""

    def on_mount(self) -> None:
        """Begin to show the passing of time."""
        self._ticks = self.set_interval(TICK_S, self._tick)
        self.set_interval(LOOK_EVERY_S, self._look)
        self.draw()

    def draw(self, *, figures_only: bool = False) -> None:
        """Hand the state to every widget; where only figures have changed, at most once in LOOK_EVERY_S."""
        if not self.is_mounted or (figures_only and time.monotonic() - self._drawn_s < LOOK_EVERY_S):
            return
        now_s = self._drawn_s = time.monotonic()
        self.state.pass_time(now_s)
        self.set_class(bool(self.state.problems), "crowded")
        self.set_class(self.field.input.has_focus, "writing")
        for widget in self.shown:
            widget.show(self.state)
        self.query_one("#help", TextBlock).say(key_hints(KEYS, self.size.width - 2))
        self._draw_where_covered()
        self._rest()

    def _draw_where_covered(self) -> None:
        """Show on the screen that covers this one what goes on in the conversation."""
        if self.app.screen is not self:
            for line in self.app.screen.query(ConversationLine):
                line.show(covered_words(self.state), covered_colour(self.state))

    def _tick(self) -> None:
        """Show that time passes; called every TICK_S while something moves by itself."""
        now_s, phase = time.monotonic(), self.state.phase
        self._draw_levels(now_s)
        self.phase_panel.pass_time(now_s)
        self.meters.pass_time(now_s)
        self.state.pass_time(now_s)
        if self.state.phase is not phase:
            self.draw()
            return
        if _moves(self.state):
            self.phase_panel.show(self.state)
            self.overs.show(self.state)
            self._draw_where_covered()
        self._rest()

    def hear(self, level: Level, now_s: float) -> None:
        """Draw a level: with the next tick, where there is one, together with everything else that moves."""
        self._levels.append(level)
        if not self._rest():
            self._draw_levels(now_s)

    def _draw_levels(self, now_s: float) -> None:
        """Draw the levels that have come."""
        for level in self._levels:
            self.meters.hear(level, now_s)
            self.phase_panel.hear(level, now_s)
        self._levels.clear()

    def _rest(self) -> bool:
        """Let the ticks go on while something moves by itself, stop them while nothing does, and tell which it is."""
        moving = _moves(self.state) or self.phase_panel.moving or self.meters.falling(time.monotonic())
        if self._ticks is not None:
            (self._ticks.resume if moving else self._ticks.pause)()
        return moving

    def _look(self) -> None:
        """Show everything as it is, whatever may have changed it."""
        self._tick()
        if time.monotonic() - self._drawn_s >= LOOK_EVERY_S / 2:
            self.draw()

    def on_resize(self) -> None:
        """Fit everything into the new size."""
        self.draw()

    def on_descendant_focus(self) -> None:
        """Show which field has the focus."""
        self.draw()

    def on_descendant_blur(self) -> None:
        """Show that none has it."""
        self.draw()

    def on_screen_suspend(self) -> None:
        """Show the conversation on the screen that covers this one."""
        self.call_after_refresh(self.draw)

    def heeds(self, level: Level) -> bool:
        """Tell whether a level changes what is shown."""
        if self.app.screen is not self or _moves(self.state) or self.phase_panel.moving:
            return True
        return self.meters.take(level, time.monotonic())
