"""The log of overs: who talked when, for how long, and how much of it arrived; and what was written."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from textual import events
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from app.tui.talk.log import LogLine, Side, missed_words
from app.tui.talk.state import TalkState
from app.tui.talk.wording import welcome

TITLE = "conversation"
KEY_PLAYS = "p plays"
TITLE_MARGIN_CELLS = 4
"""Cells of the frame that a title leaves free."""
WHO_CELLS = 11
"""Width of the column of names; a longer name is not cut, but moves the text of its line."""
NARROW_CELLS = 56
"""Width below which the time of day is written short, and text goes on under the names."""
NARROW_INDENT = 3
WHEEL_ROWS = 3
MARKS = {Side.MINE: "▲", Side.THEIRS: "▼", Side.NOTE: "·"}


class Row(NamedTuple):
    """One row of the log on the screen: texts, each with the class of its colour."""

    parts: tuple[tuple[str, str], ...]
    running: LogLine | None = None
    """The line of an over that goes on: its age follows the texts."""
    missed: bool = False
    """It is the first row of something that was missed."""


class OverLog(Widget):
    """The log on the screen: each line in as many rows as it needs, the newest in view unless the user scrolls."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "over-log--time",
        "over-log--mine",
        "over-log--theirs",
        "over-log--note",
        "over-log--text",
        "over-log--trouble",
        "over-log--missed",
    }

    def __init__(self, clock: Callable[[], float], *, id: str | None = None) -> None:
        """Build it empty. clock: the steady clock that the lines' times are of."""
        super().__init__(id=id)
        self._clock = clock
        self._lines: Sequence[LogLine] = ()
        self._hint = ""
        self._rows: list[Row] = []
        self._places: Sequence[tuple[LogLine, range]] = ()
        """Lines with the places of their rows."""
        self._shown_title = TITLE
        self._back = 0
        """Number of rows scrolled back from the newest."""
        self._drawn_second = 0
        """Second in which the ages of overs that go on were drawn last."""

    def on_mount(self) -> None:
        """Give the frame its title."""
        self.border_title = TITLE

    def show(self, state: TalkState) -> None:
        """Show the log, or how to begin while it is empty, and how much was missed."""
        if (title := self._title(state.log.missed)) != self._shown_title:
            self._shown_title = self.border_title = title  # which draws the frame anew, whether or not it has changed
        lines, hint = list(state.log.lines), welcome(state)
        if lines != self._lines or hint != self._hint:
            if not self._lines:
                self._back = 0  # the hint was shown from its beginning, the newest line is shown to its end
            before, self._lines, self._hint = len(self._rows), lines, hint
            self._lay_out()
            if self._back:  # what is being read stays where it is
                self._back += max(0, len(self._rows) - before)
            self.scroll_rows(0)
        elif any(row.running for row in self._rows):
            self._show_ages()

    def _title(self, missed: set[str]) -> str:
        """Return how much was missed and the key that plays it, in as many words as have room, or the usual title."""
        if not missed:
            return TITLE
        words = f"{missed_words(missed)}: {KEY_PLAYS}"
        if len(words) > self.size.width - TITLE_MARGIN_CELLS:
            words = f"{len(missed)} missed: {KEY_PLAYS}"
        return f"[@click=screen.missed]{words}[/]"

    def _show_ages(self) -> None:
        """Draw the rows of overs that go on, once a second: the age is in whole seconds."""
        second, top = int(self._clock()), self._top()
        if second != self._drawn_second:
            self._drawn_second = second
            places = [place - top for place, row in enumerate(self._rows) if row.running is not None]
            self.refresh(*(Region(0, y, self.size.width, 1) for y in places if 0 <= y < self.size.height))

    def _top(self) -> int:
        """Return the place of the row that is drawn first."""
        return max(0, len(self._rows) - self.size.height - self._back)

    def in_view(self, text: str) -> bool:
        """Tell whether a line with this text is on the screen, with all its rows."""
        top, bottom = self._top(), self._top() + self.size.height
        return any(line.text == text and top <= rows.start and rows.stop <= bottom for line, rows in self._places)

    def scroll_rows(self, rows: int) -> None:
        """Scroll back in time by so many rows, or forward if negative, as far as there are any."""
        self._back = min(max(0, len(self._rows) - self.size.height), max(0, self._back + rows))
        self.border_subtitle = f"{self._back} rows below" if self._back else ""
        self.refresh()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll back."""
        event.stop()
        self.scroll_rows(WHEEL_ROWS)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll forward."""
        event.stop()
        self.scroll_rows(-WHEEL_ROWS)

    def on_resize(self) -> None:
        """Wrap anew, and keep within the rows that there are."""
        self._lay_out()
        self.scroll_rows(0)

    def _lay_out(self) -> None:
        """Put the lines into rows of the present width."""
        width = self.size.width
        self._places = ()
        if self._lines:
            self._rows, self._places = self._rows_of_lines(time.time() - self._clock(), width)
        else:
            texts = [text for part in self._hint.split("\n") for text in wrapped(part, width - 2, width - 2)]
            self._rows = [Row(((f" {text}", "over-log--time"),)) for text in texts]
            self._back = len(self._rows)  # a hint is read from its beginning

    def _rows_of_lines(self, ahead_s: float, width: int) -> tuple[list[Row], list[tuple[LogLine, range]]]:
        """Return the rows of all lines, and each line with the places of its rows.

        The day stands before each line that was not on the day of the one before it.

        ahead_s: how far the time since 1970 is ahead of the clock of the lines.
        """
        rows: list[Row] = []
        places: list[tuple[LogLine, range]] = []
        day_before = time.localtime()[:3]
        for line in self._lines:
            at = time.localtime(ahead_s + line.at_s)
            if at[:3] != day_before:
                day_before = at[:3]
                rows.append(Row(((f" {at.tm_mday} {time.strftime('%B', at)}", "over-log--time"),)))
            first = len(rows)
            rows += rows_of(line, ahead_s + line.at_s, width)
            places.append((line, range(first, len(rows))))
        return rows, places

    def to_missed(self) -> None:
        """Scroll to the oldest line that was missed, where there is one."""
        place = next((place for place, row in enumerate(self._rows) if row.missed), None)
        if place is not None:
            self._back = max(0, len(self._rows) - self.size.height - place)
            self.scroll_rows(0)

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        width, place = self.size.width, self._top() + y
        if place >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        parts, running, _ = self._rows[place]
        age = ((f"{self._clock() - running.at_s:4.0f} s", "over-log--text"),) if running is not None else ()
        segments = [Segment(text, self.get_component_rich_style(name)) for text, name in (*parts, *age)]
        return Strip(segments).adjust_cell_length(width, self.rich_style)


def rows_of(line: LogLine, at_s: float, width: int) -> list[Row]:
    """Return the rows of a line in so many cells. at_s: when it was, in seconds since 1970."""
    narrow = width < NARROW_CELLS
    at = time.strftime("%H:%M" if narrow else "%H:%M:%S", time.localtime(at_s))
    who = line.who if narrow else f"{line.who:{WHO_CELLS}}"
    head = ((f" {at}  ", "over-log--time"), (f"{MARKS[line.side]} {who} ", f"over-log--{line.side.value}"))
    head_cells = Content("".join(text for text, _ in head)).cell_length
    if line.running:
        return [Row(head, line)]
    indent = NARROW_INDENT if narrow else min(head_cells, width // 2)
    text = line.words(narrow) + ("" if narrow else line.cost)
    first, *others = wrapped(text, width - head_cells - 1, width - indent - 1)
    style = "over-log--missed" if line.missed else "over-log--trouble" if line.trouble else "over-log--text"
    return [
        Row((*head, (first, style)), missed=line.missed),
        *(Row(((" " * indent + other, style),)) for other in others),
    ]


def wrapped(text: str, first_cells: int, other_cells: int) -> list[str]:
    """Return a text in rows, broken between words where that is possible; the first row may have another width.

    It is empty where the text has no word that fits in it.
    """
    other_cells = max(8, other_cells)
    if Content(text).cell_length <= first_cells:
        return [text]
    first = ""
    if first_cells > 0:
        first = Content(text).wrap(first_cells)[0].plain
        cuts_a_word = len(first) < len(text) and not first.endswith(" ") and text[len(first)] != " "
        if cuts_a_word and Content(text.split(" ")[0]).cell_length <= other_cells:
            first = ""
    return [first, *(row.plain for row in Content(text[len(first) :].lstrip(" ")).wrap(other_cells))]
