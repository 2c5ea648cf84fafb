"""The last seconds of sound as a line that swells with loudness, coloured by what the sound is."""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from app.tui.widgets.ballistics import waveform_cell

STEP_S = 0.1
"""Time between two levels that a station reports; `LiveWaveform` draws a cell for each."""
LONGEST_COLUMNS = 2 * 400
"""Dot columns kept: as many as the widest terminals show."""
FADE_STEPS = 12
"""Shades from the newest sound to the oldest: enough to look smooth, few enough to leave long runs of one colour."""
OLDEST_SHARE = 0.25
"""Share of its colour that the oldest sound of a live waveform keeps."""
DIMMED_SHARE = 0.55
"""Share of its colour that a waveform keeps which is not the one heard."""


class Sound(Enum):
    """The kind of a stretch of sound; the value is the component class that colours it."""

    SILENCE = "waveform--silence"
    OURS = "waveform--ours"
    THEIRS = "waveform--theirs"
    DAMAGED = "waveform--damaged"


class Column(NamedTuple):
    """One dot column of a waveform."""

    swelling: float
    """Thickness of the line, 0..1."""
    sound: Sound


SILENT_COLUMN = Column(0.0, Sound.SILENCE)


class Waveform(Widget):
    """A line of two dot columns a cell, the newest on the right."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {sound.value for sound in Sound}
    ROWS: ClassVar[int] = 1

    columns: reactive[tuple[Column, ...]] = reactive(())
    dimmed = reactive(False)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._styles: dict[tuple[Sound, float], Style] = {}

    def notify_style_update(self) -> None:
        """Forget the colours of the styles before."""
        super().notify_style_update()
        self._styles.clear()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the height where the styles do not set one."""
        return self.ROWS

    def shown_columns(self) -> tuple[Column, ...]:
        """Return the columns to draw, the newest last."""
        return self.columns

    def colour_share(self, x: int, width: int) -> float:
        """Return how much of its colour the sound in cell x keeps, 0..1."""
        return DIMMED_SHARE if self.dimmed else 1.0

    def render_line(self, y: int) -> Strip:
        """Draw one row of cells."""
        width, rows = self.size
        if y >= rows:
            return Strip.blank(width, self.rich_style)
        shown = list(self.shown_columns()[-2 * width :])
        shown = [SILENT_COLUMN] * (2 * width - len(shown)) + shown
        segments = [
            Segment(
                waveform_cell(left.swelling, right.swelling, y, rows),
                self._style(right.sound if right.swelling else left.sound, self.colour_share(x, width)),
            )
            for x, (left, right) in enumerate(zip(shown[::2], shown[1::2], strict=True))
        ]
        return Strip(segments, width).simplify()

    def _style(self, sound: Sound, share: float) -> Style:
        """Return a sound's style, kept from call to call: Textual is slow to look one up."""
        share = 1.0 if sound is Sound.SILENCE else share
        if (sound, share) not in self._styles:
            background = self.background_colors[1]
            colour = background.blend(self.get_component_styles(sound.value).color, share)
            self._styles[sound, share] = Style(color=colour.rich_color, bgcolor=background.rich_color)
        return self._styles[sound, share]


class LiveWaveform(Waveform):
    """A waveform that drifts to the left, a cell with each `push`, and fades with age."""

    ROWS: ClassVar[int] = 3

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pushed: deque[Column] = deque(maxlen=LONGEST_COLUMNS)
        self._quiet_columns = LONGEST_COLUMNS
        """Columns since the last one that was not of silence."""

    def push(self, swelling: float, sound: Sound) -> None:
        """Add the newest tenth of a second; swelling is 0..1. The dot column between two levels is their mean."""
        was_silent = self.silent
        before = self._pushed[-1] if self._pushed else SILENT_COLUMN
        midway = (before.swelling + swelling) / 2 if before.sound is sound else swelling / 2
        self._pushed += (Column(midway, sound), Column(swelling, sound))
        self._quiet_columns = self._quiet_columns + 2 if sound is Sound.SILENCE else 0
        if sound is not Sound.SILENCE or not was_silent:
            self.refresh()

    @property
    def silent(self) -> bool:
        """Whether it draws nothing but silence."""
        return self._quiet_columns >= min(2 * self.size.width, LONGEST_COLUMNS)

    def shown_columns(self) -> tuple[Column, ...]:
        """Return what was pushed, the newest last."""
        return tuple(self._pushed)

    def colour_share(self, x: int, width: int) -> float:
        """Return the share for the age of the sound in cell x: the oldest is on the left."""
        age = x * FADE_STEPS // max(1, width)
        return OLDEST_SHARE + (1 - OLDEST_SHARE) * age / (FADE_STEPS - 1)
