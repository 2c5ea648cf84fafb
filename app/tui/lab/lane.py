"""One lane of the lab: a row of figures, and what its far end hears as a line that swells and stops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from app.audio.level import decibels
from app.lab.state import LaneSnapshot
from app.simulation.lane import HeardLevel
from app.tui.lab.wording import figures, missing_words
from app.tui.widgets.ballistics import swelling, thread_cell

Column = tuple[float, str]
"""A tenth of a second: swelling 0..1, and the component class that colours it."""
NOTHING, ARRIVED, DAMAGED = "wave--nothing", "wave--arrived", "wave--damaged"
UNHEARD_SHARE = 0.55
"""How much of its colour a lane keeps that is not in the loudspeaker."""


def column(level: HeardLevel) -> Column:
    """What did not arrive is a thin line, whatever the decoder makes of the gap."""
    if not level.arrived:
        return 0.0, NOTHING
    return swelling(decibels(level.rms)), DAMAGED if level.damaged else ARRIVED


class Wave(Widget):
    """Newest sound on the right, a dot column for each tenth of a second."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {NOTHING, ARRIVED, DAMAGED}

    columns: reactive[tuple[Column, ...]] = reactive(())
    heard = reactive(True)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._styles: dict[tuple[str, bool], Style] = {}

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return 1

    def render_line(self, y: int) -> Strip:
        width, rows = self.size
        if y >= rows:
            return Strip.blank(width, self.rich_style)
        shown = list(self.columns[-2 * width :])
        shown = [(0.0, NOTHING)] * (2 * width - len(shown)) + shown
        segments = [
            Segment(thread_cell(left[0], right[0], y, rows), self._style(right[1] if right[0] else left[1]))
            for left, right in zip(shown[::2], shown[1::2], strict=True)
        ]
        return Strip(segments, width).simplify()

    def _style(self, kind: str) -> Style:
        """Kept: looking styles up is slow."""
        key = (kind, self.heard)
        if key not in self._styles:
            background = self.background_colors[1]
            colour = self.get_component_styles(kind).color
            share = 1.0 if self.heard or kind == NOTHING else UNHEARD_SHARE
            self._styles[key] = Style(color=background.blend(colour, share).rich_color, bgcolor=background.rich_color)
        return self._styles[key]


class LaneView(Vertical):
    """The lane with this number, from 1."""

    class Clicked(Message):
        """The user wants to hear it."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, number: int) -> None:
        super().__init__(id=f"lane-{number}")
        self._number = number

    def compose(self) -> ComposeResult:
        yield Static("", classes="figures", markup=False)
        yield Static("", classes="missing", markup=False)
        yield Wave()

    def show(self, lane: LaneSnapshot, heard: bool, cells: int) -> None:
        """cells: the width of the screen."""
        row, wave = self.query_one(".figures", Static), self.query_one(Wave)
        words = figures(lane, self._number, heard, cells)
        if row.content != words:
            row.update(words, layout=False)
        self.set_class(lane.missing is not None, "-missing")
        if lane.missing is not None:
            why = missing_words(lane.missing, lane.codec.title, cells - 4)
            self.query_one(".missing", Static).update(f"   {why}", layout=False)
        wave.heard, wave.columns = heard, tuple(column(level) for level in lane.levels)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(self.Clicked(self._number))


def said_columns(said: Sequence[float]) -> tuple[Column, ...]:
    """What goes in, drawn likewise. said: rms 0..1."""
    return tuple((swelling(decibels(rms)), ARRIVED) for rms in said)
