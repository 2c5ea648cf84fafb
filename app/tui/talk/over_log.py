"""The log of overs: who talked when, for how long, and how much of it arrived."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from app.tui.talk.state import LogLine, Side

WHO_CELLS, NARROW_WHO_CELLS = 11, 8
NARROW = 56
"""Cells; with less the time of day is short."""
WHEEL_LINES = 3
MARKS = {Side.MINE: "▲", Side.THEIRS: "▼", Side.NOTE: "·"}


class Overs(Widget):
    """One row a line, the newest at the bottom, where it stays unless the user has scrolled back."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "overs--time",
        "overs--mine",
        "overs--theirs",
        "overs--note",
        "overs--text",
        "overs--trouble",
    }

    def __init__(self, clock: Callable[[], float], *, id: str | None = None) -> None:
        """clock: the steady clock that the lines' times are of."""
        super().__init__(id=id)
        self._clock = clock
        self._lines: Sequence[LogLine] = ()
        self._hint = ""
        self._back = 0
        """Lines scrolled back from the newest."""

    def show(self, lines: Sequence[LogLine], hint: str = "") -> None:
        """Show these lines; the hint, while there are none."""
        if list(lines) == self._lines and hint == self._hint and not any(line.running for line in lines):
            return
        if self._back and self._lines:  # what is being read stays where it is
            self._back += sum(line.number > self._lines[-1].number for line in lines)
        self._lines, self._hint = list(lines), hint
        self.scroll_lines(0)

    def scroll_lines(self, lines: int) -> None:
        """Back in time by so many lines, or forward if negative, as far as there are any."""
        self._back = min(max(0, len(self._lines) - self.size.height), max(0, self._back + lines))
        self.border_subtitle = f"{self._back} newer" if self._back else ""
        self.refresh()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_lines(WHEEL_LINES)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_lines(-WHEEL_LINES)

    def on_resize(self) -> None:
        self.scroll_lines(0)

    def render_line(self, y: int) -> Strip:
        width, rows = self.size
        place = max(0, len(self._lines) - rows - self._back) + y
        if not self._lines:
            rows_of_hint = textwrap.wrap(self._hint, max(8, width - 2))
            hint = f" {rows_of_hint[y]}" if y < len(rows_of_hint) else ""
            style = self.get_component_rich_style("overs--time")
            return Strip([Segment(hint, style)]).adjust_cell_length(width, self.rich_style)
        if place >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[place]
        age_s = self._clock() - line.at_s
        narrow = width < NARROW
        cells = NARROW_WHO_CELLS if narrow else WHO_CELLS
        at = time.strftime("%H:%M" if narrow else "%H:%M:%S", time.localtime(time.time() - age_s))
        texts = {
            f" {at}  ": "overs--time",
            f"{MARKS[line.side]} {line.who:{cells}.{cells}} ": f"overs--{line.side.value}",
            self._said(line, age_s, narrow): "overs--trouble" if line.trouble else "overs--text",
        }
        segments = [Segment(text, self.get_component_rich_style(name)) for text, name in texts.items()]
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    @staticmethod
    def _said(line: LogLine, age_s: float, narrow: bool) -> str:
        """Its text; where that is narrow without what can be reckoned from the rest."""
        if line.running:
            return f"{age_s:4.1f} s"
        return line.words(narrow) if narrow else line.words() + line.cost
