"""The way from levels to the marks of meters and waveforms: ballistics and braille, no terminal and no clock."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

FLOOR_DB = -60.0
"""Level that a meter shows as empty. Speech at a usual distance lies at -35..-12 dB full scale."""
FALL_DB_PER_S = 30.0
"""Speed at which a bar falls: quick enough to follow syllables, slow enough to read."""
PEAK_HOLD_S = 1.5
"""Time for which the peak mark stays."""
CLIP_DB = -0.5
"""Level at which the converter is at its end: samples are cut off, not merely loud."""
CLIP_SHOWN_S = 2.0
"""Time for which the clip warning stays after the last cut sample."""


@dataclass
class Ballistics:
    """A meter's memory, which rises at once, falls slowly and holds its peak. Levels are in dB full scale."""

    level_db: float = FLOOR_DB
    peak_db: float = FLOOR_DB
    clipped: bool = False
    _now_s: float = 0.0
    _peak_s: float = -math.inf
    _clip_s: float = -math.inf

    def push(self, level_db: float, now_s: float) -> None:
        """Take the peak level of the newest stretch of sound."""
        self.fall(now_s)
        level_db = min(0.0, max(FLOOR_DB, level_db))
        self.level_db = max(self.level_db, level_db)
        if level_db >= self.peak_db:
            self.peak_db, self._peak_s = level_db, now_s
        if level_db >= CLIP_DB:
            self._clip_s, self.clipped = now_s, True

    def fall(self, now_s: float) -> None:
        """Let time pass."""
        passed_s = max(0.0, now_s - self._now_s)
        self._now_s = now_s
        self.level_db = max(FLOOR_DB, self.level_db - FALL_DB_PER_S * passed_s)
        if now_s - self._peak_s > PEAK_HOLD_S:
            self.peak_db = self.level_db
        self.clipped = now_s - self._clip_s <= CLIP_SHOWN_S

    @property
    def at_rest(self) -> bool:
        """Return whether nothing changes until the next push."""
        return self.level_db <= FLOOR_DB and self.peak_db <= FLOOR_DB and not self.clipped


def fraction(level_db: float) -> float:
    """Return the position on a meter, 0..1, of a level in dB full scale."""
    return min(1.0, max(0.0, 1.0 - level_db / FLOOR_DB))


QUIET_RMS_DB, LOUD_RMS_DB = -48.0, -10.0
"""Loudness that is a thin line, and loudness that fills the height. Loud syllables lie at -14 dB, pauses below -45."""
SWELL_POWER = 1.4
"""Exponent of the swelling; above 1 syllables stand out against the ends of words."""


def swelling(rms_db: float) -> float:
    """Return how thick the line of a waveform is at a loudness, 0..1."""
    part = (rms_db - QUIET_RMS_DB) / (LOUD_RMS_DB - QUIET_RMS_DB)
    return float(min(1.0, max(0.0, part)) ** SWELL_POWER)


def bar(part: float, cells: int) -> str:
    """Return a bar that fills `part` (0..1) of `cells` cells, to half a cell: `bar(0.5, 3) == "━╸ "`."""
    full, half = divmod(round(min(1.0, max(0.0, part)) * cells * 2), 2)
    return ("━" * full + "╸" * half).ljust(cells)


_BRAILLE = 0x2800
# The dots of a braille cell, top to bottom, as bits:  left column, right column.
_LEFT = (0x01, 0x02, 0x04, 0x40)
_RIGHT = (0x08, 0x10, 0x20, 0x80)


def waveform_cell(left: float, right: float, row: int, rows: int) -> str:
    """Return one braille cell of a line that swells both ways from the middle.

    left, right: swelling 0..1 of the two dot columns in the cell; 0 is a line one dot thick.
    row: which of the `rows` rows, from the top.
    """
    return _cell(round(left * rows * 2), round(right * rows * 2), row, rows)


@lru_cache(4096)
def _cell(left: int, right: int, row: int, rows: int) -> str:
    """Return the cell with so many dots above the middle, and as many below it, in each column."""
    middle = rows * 2
    bits = 0
    for dots_out, dots in ((left, _LEFT), (right, _RIGHT)):
        for dot, bit in enumerate(dots):
            y = row * 4 + dot
            # At rest only the dot just above the middle is set, so that silence is a thin line and not a double one.
            if middle - dots_out <= y < middle + dots_out or y == middle - 1:
                bits |= bit
    return chr(_BRAILLE | bits)
