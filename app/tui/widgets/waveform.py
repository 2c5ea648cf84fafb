"""The thread of voice: the last seconds of sound as a line that swells, coloured by who talks."""

from __future__ import annotations

from collections import deque
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from app.tui.talk.state import Side
from app.tui.widgets.ballistics import thread_cell

STEP_S = 0.1
"""One cell, two dot columns: the engine reports levels ten times a second, the column between is their mean."""
FADE_STEPS = 12
"""Shades from the newest sound to the oldest: enough to look smooth, few enough to leave long runs of one colour."""
OLDEST_SHARE = 0.25
"""How much of its colour the oldest sound keeps."""


class Column(NamedTuple):
    """One dot column."""

    swelling: float
    """0..1"""
    side: Side | None
    """Who made the sound; None is silence."""


_SILENCE = Column(0.0, None)
_KINDS = {Side.MINE: "thread--mine", Side.THEIRS: "thread--theirs", None: "thread--silence"}


class VoiceThread(Widget):
    """Newest sound on the right, drifting left. ``push`` moves it by one cell."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"thread--silence", "thread--mine", "thread--theirs"}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._columns: deque[Column] = deque(maxlen=2 * 400)
        self._shades: dict[tuple[Side | None, int], Style] = {}

    def push(self, swelling: float, side: Side | None) -> None:
        """Add the newest tenth of a second: its swelling 0..1 and whose it was."""
        was_still = not any(column.side for column in self._columns)
        before = self._columns[-1] if self._columns else _SILENCE
        midway = (before.swelling + swelling) / 2 if before.side is side else swelling / 2
        self._columns += (Column(midway, side), Column(swelling, side))
        if side is not None or not was_still:
            self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._shades.clear()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return 3

    def render_line(self, y: int) -> Strip:
        width, rows = self.size
        if y >= rows:
            return Strip.blank(width, self.rich_style)
        columns = list(self._columns)[-2 * width :]
        columns = [_SILENCE] * (2 * width - len(columns)) + columns
        segments = [
            Segment(
                thread_cell(left.swelling, right.swelling, y, rows),
                self._shade(left.side or right.side, x * FADE_STEPS // max(1, width)),
            )
            for x, (left, right) in enumerate(zip(columns[::2], columns[1::2], strict=True))
        ]
        return Strip(segments, width).simplify()

    def _shade(self, side: Side | None, age: int) -> Style:
        """The colour of a side at an age: 0 oldest, FADE_STEPS - 1 newest. Kept: looking styles up is slow."""
        if (side, age) not in self._shades:
            background = self.background_colors[1]
            full = self.get_component_styles(_KINDS[side]).color
            share = 1.0 if side is None else OLDEST_SHARE + (1 - OLDEST_SHARE) * age / (FADE_STEPS - 1)
            colour = background.blend(full, share).rich_color
            self._shades[side, age] = Style(color=colour, bgcolor=background.rich_color)
        return self._shades[side, age]
