"""The log of overs: who talked when, for how long, and how much of it arrived."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from app.tui.standing import LogLine, Side

WHO_CELLS = 11
MARKS = {Side.MINE: "▲", Side.THEIRS: "▼", Side.NOTE: "·"}


class Overs(ScrollView, can_focus=False):
    """One row a line; newest at the bottom, where it stays unless the user has scrolled up."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "overs--time", "overs--mine", "overs--theirs", "overs--note", "overs--text", "overs--trouble",
    }

    def __init__(self, clock: Callable[[], float], *, id: str | None = None) -> None:
        """clock: the steady clock that the lines' times are of."""
        super().__init__(id=id)
        self._clock = clock
        self._lines: Sequence[LogLine] = ()
        self._hint = ""

    def show(self, lines: Sequence[LogLine], hint: str = "") -> None:
        """Show these lines; the hint, while there are none."""
        if list(lines) == self._lines and hint == self._hint and not any(line.running for line in lines):
            return
        follow = self.scroll_offset.y >= self.max_scroll_y
        grown = len(lines) != len(self._lines)
        self._lines, self._hint = list(lines), hint
        self.virtual_size = Size(self.size.width, len(lines))
        if follow and grown:
            self.scroll_end(animate=False)
        self.refresh()

    def on_resize(self) -> None:
        self.scroll_end(animate=False)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        place = y + self.scroll_offset.y
        if not self._lines and y == 0:
            hint = Segment(f" {self._hint}", self._style("overs--time"))
            return Strip([hint]).adjust_cell_length(width, self.rich_style)
        if place >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[place]
        age_s = self._clock() - line.at_s
        at = time.strftime("%H:%M:%S", time.localtime(time.time() - age_s))
        side = self._style(f"overs--{line.side.value}")
        text = f"{age_s:4.1f} s" if line.running else line.text
        return Strip([
            Segment(f" {at}  ", self._style("overs--time")),
            Segment(f"{MARKS[line.side]} {line.who:{WHO_CELLS}.{WHO_CELLS}} ", side),
            Segment(text, self._style("overs--trouble" if line.trouble else "overs--text")),
        ]).adjust_cell_length(width, self.rich_style)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(name)
