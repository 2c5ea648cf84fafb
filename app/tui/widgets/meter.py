"""A level meter with its peak, its clip warning and the knob that belongs to it, all in one row."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from app.tui.widgets.ballistics import FLOOR_DB, Ballistics, bar, fraction
from app.tui.widgets.text import TextBlock

GOOD_DB = -24.0
"""Lowest level at which speech is loud enough; below it the bar is dim."""
LOUD_DB = -6.0
"""Level above which there is little room before clipping."""

STEADY_DB = 3.0
"""Change of a level that is not drawn: the peaks of a steady noise, a tenth of a second each, vary by less, and so does
what a bar falls between two of them."""
LEAP_DB = 8.0
"""Change of a level that is drawn at once: somebody begins to speak. A smaller one waits for CALM_S."""
CALM_S = 0.5
"""Shortest time between two pictures of a level that does not leap, in seconds."""
OVERDUE_S = 0.3
"""Seconds without a level after which a bar falls by itself."""


class LevelBar(Widget):
    """The bar of a meter."""

    rest = reactive("")
    """The words when there is nothing to measure: "no microphone"."""
    level_db = reactive(FLOOR_DB)
    peak_db = reactive(FLOOR_DB)
    clipped = reactive(False)

    def render(self) -> Content:
        """Draw the level and its peak, or the warning, or the reason for rest."""
        cells = self.size.width
        if self.clipped:
            warning = " CLIP: lower the gain " if cells >= 34 else " CLIP "
            return Content.assemble(self._bar(cells - len(warning)), (warning, "bold $background on $error"))
        if self.rest and self.level_db <= FLOOR_DB:
            line = f"── {self.rest} " if len(self.rest) + 4 <= cells else self.rest
            return Content.assemble((line.ljust(cells, "─"), "$faint"))
        return self._bar(cells)

    def _bar(self, cells: int) -> Content:
        cells = max(1, cells)
        drawn = bar(fraction(self.level_db), cells)
        good, loud = (round(fraction(level) * cells) for level in (GOOD_DB, LOUD_DB))
        peak = min(cells - 1, int(fraction(self.peak_db) * cells))
        if self.peak_db > FLOOR_DB and drawn[peak] == " ":
            drawn = drawn[:peak] + "╺" + drawn[peak + 1 :]
        pieces: list[tuple[str, str]] = []
        for start, end, style in ((0, good, "$meter-low"), (good, loud, "$meter-good"), (loud, cells, "$meter-loud")):
            for empty, run in groupby(drawn[start:end], key=lambda mark: mark == " "):
                length = len(list(run))
                pieces.append(("·" * length, "$meter-empty") if empty else (drawn[start : start + length], style))
                start += length
        return Content.assemble(*pieces)


class Knob(Static):
    """A figure with a minus and a plus to click; the wheel turns it too."""

    class Turned(Message):
        """The news that the user turned the knob by so many steps, up or down."""

        def __init__(self, knob: Knob, steps: int) -> None:
            super().__init__()
            self.knob = knob
            self.steps = steps

        @property
        def control(self) -> Knob:
            """The knob, for selectors of `on`."""
            return self.knob

    figure = reactive("")

    def render(self) -> Content:
        """Draw minus, figure and plus."""
        return Content.assemble(("[-]", "$label"), f" {self.figure:^6} ", ("[+]", "$label"))

    def on_click(self, event: events.Click) -> None:
        """Turn down on the left half, up on the right one."""
        event.stop()
        self.post_message(self.Turned(self, -1 if event.x < self.size.width / 2 else +1))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Turn up."""
        event.stop()
        self.post_message(self.Turned(self, +1))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Turn down."""
        event.stop()
        self.post_message(self.Turned(self, -1))


class Meter(Horizontal):
    """A row of label, bar, level in dB and knob."""

    figure = reactive("")
    """The position of the knob, in words."""
    rest = reactive("")
    """Reason why there is nothing to measure, or ""."""

    def __init__(self, label: str, *, id: str) -> None:
        super().__init__(id=id)
        self._label = label
        self._ballistics = Ballistics()
        self._drawn = replace(self._ballistics)
        self._pushed_s = self._drawn_s = 0.0
        self._bar = LevelBar(classes="bar")
        self._reading = TextBlock(classes="reading")

    def compose(self) -> ComposeResult:
        """Build the parts."""
        yield Static(self._label, classes="label")
        yield self._bar.data_bind(Meter.rest)
        yield self._reading
        yield Knob(id=f"{self.id}-knob").data_bind(Meter.figure)

    def push(self, peak_db: float, now_s: float) -> None:
        """Take the peak of the newest stretch of sound, in dB full scale."""
        self.take(peak_db, now_s)
        self._show(now_s)

    def take(self, peak_db: float, now_s: float) -> bool:
        """Take a peak without drawing it; return True where it should be drawn. Touches nothing of Textual's."""
        self._pushed_s = now_s
        self._ballistics.push(peak_db, now_s)
        return not self._as_drawn(now_s)

    @property
    def at_rest(self) -> bool:
        """Whether it is empty."""
        return self._ballistics.at_rest

    def falling(self, now_s: float) -> bool:
        """Tell whether it falls by itself: levels have stopped coming, which move it otherwise."""
        return not self.at_rest and now_s - self._pushed_s > OVERDUE_S

    def fall(self, now_s: float) -> None:
        """Let time pass, which costs nothing once the meter is at rest."""
        if not self._ballistics.at_rest:
            self._ballistics.fall(now_s)
            self._show(now_s)

    def _show(self, now_s: float) -> None:
        """Draw the level and its peak, unless they are as good as drawn."""
        if self._as_drawn(now_s):
            return
        self._drawn_s = now_s
        now = self._drawn = replace(self._ballistics)
        self._bar.level_db, self._bar.peak_db, self._bar.clipped = now.level_db, now.peak_db, now.clipped
        peak_db = now.peak_db
        self._reading.say("" if peak_db <= FLOOR_DB else f"{peak_db:4.0f} dB")

    def _as_drawn(self, now_s: float) -> bool:
        """Tell whether the meter looks as it should: the noise of a room is not drawn anew all the time."""
        now, drawn = self._ballistics, self._drawn
        change_db = max(abs(now.level_db - drawn.level_db), abs(now.peak_db - drawn.peak_db))
        steady = change_db < (LEAP_DB if now_s - self._drawn_s < CALM_S else STEADY_DB)
        return steady and (now.clipped, now.at_rest) == (drawn.clipped, drawn.at_rest)
