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

from app.tui.talk.log import LogLine, Side
from app.tui.talk.state import TalkState
from app.tui.talk.wording import welcome

WHO_CELLS, NARROW_WHO_CELLS = 11, 8
NARROW_CELLS = 56
"""Width below which the time of day is written short."""
WHEEL_LINES = 3
MARKS = {Side.MINE: "▲", Side.THEIRS: "▼", Side.NOTE: "·"}


class OverLog(Widget):
    """A row for each line, the newest at the bottom, where it stays unless the user has scrolled back."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "over-log--time",
        "over-log--mine",
        "over-log--theirs",
        "over-log--note",
        "over-log--text",
        "over-log--trouble",
    }

    def __init__(self, clock: Callable[[], float], *, id: str | None = None) -> None:
        """Build it empty. clock: the steady clock that the lines' times are of."""
        super().__init__(id=id)
        self._clock = clock
        self._lines: Sequence[LogLine] = ()
        self._hint = ""
        self._back = 0
        """Number of lines scrolled back from the newest."""

    def on_mount(self) -> None:
        """Give the frame its title."""
        self.border_title = "overs"

    def show(self, state: TalkState) -> None:
        """Show the log, or how to begin while it is empty."""
        lines, hint = state.log.lines, welcome(state.key)
        if list(lines) == self._lines and hint == self._hint and not any(line.running for line in lines):
            return
        if self._back and self._lines:  # what is being read stays where it is
            self._back += sum(line.number > self._lines[-1].number for line in lines)
        self._lines, self._hint = list(lines), hint
        self.scroll_lines(0)

    def scroll_lines(self, lines: int) -> None:
        """Scroll back in time by so many lines, or forward if negative, as far as there are any."""
        self._back = min(max(0, len(self._lines) - self.size.height), max(0, self._back + lines))
        self.border_subtitle = f"{self._back} newer" if self._back else ""
        self.refresh()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll back."""
        event.stop()
        self.scroll_lines(WHEEL_LINES)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll forward."""
        event.stop()
        self.scroll_lines(-WHEEL_LINES)

    def on_resize(self) -> None:
        """Keep within the lines that there are."""
        self.scroll_lines(0)

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        width, rows = self.size
        place = max(0, len(self._lines) - rows - self._back) + y
        if not self._lines:
            rows_of_hint = textwrap.wrap(self._hint, max(8, width - 2))
            hint = f" {rows_of_hint[y]}" if y < len(rows_of_hint) else ""
            style = self.get_component_rich_style("over-log--time")
            return Strip([Segment(hint, style)]).adjust_cell_length(width, self.rich_style)
        if place >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[place]
        age_s = self._clock() - line.at_s
        narrow = width < NARROW_CELLS
        cells = NARROW_WHO_CELLS if narrow else WHO_CELLS
        at = time.strftime("%H:%M" if narrow else "%H:%M:%S", time.localtime(time.time() - age_s))
        texts = {
            f" {at}  ": "over-log--time",
            f"{MARKS[line.side]} {line.who:{cells}.{cells}} ": f"over-log--{line.side.value}",
            self._said(line, age_s, narrow): "over-log--trouble" if line.trouble else "over-log--text",
        }
        segments = [Segment(text, self.get_component_rich_style(name)) for text, name in texts.items()]
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    @staticmethod
    def _said(line: LogLine, age_s: float, narrow: bool) -> str:
        """Return the text of a line; where there is little room, without what follows from the rest."""
        if line.running:
            return f"{age_s:4.1f} s"
        return line.words(narrow) + ("" if narrow else line.cost)
