"""Meters and the thread of voice: ballistics told the time, marks worked by hand."""

from __future__ import annotations

import pytest

from app.tui.widgets.ballistics import (
    CLIP_SHOWN_S,
    FALL_DB_PER_S,
    FLOOR_DB,
    PEAK_HOLD_S,
    Ballistics,
    bar,
    fraction,
    waveform_cell,
)


def test_a_meter_rises_at_once_and_falls_slowly() -> None:
    """The bar follows the loudest, then sinks at the declared rate; the peak mark stays for its time."""
    meter = Ballistics()
    meter.push(-10.0, 1.0)
    meter.push(-50.0, 2.0)
    assert (-10.0 - FALL_DB_PER_S, -10.0) == (meter.level_db, meter.peak_db)
    meter.fall(1.0 + PEAK_HOLD_S + 0.1)
    assert meter.level_db == meter.peak_db


def test_a_meter_comes_to_rest() -> None:
    """After silence nothing is left to redraw."""
    meter = Ballistics()
    meter.push(0.0, 1.0)
    assert not meter.at_rest
    meter.fall(10.0)
    assert meter.at_rest


def test_clipping_is_shown_for_a_while() -> None:
    """The warning outlasts the one sample that caused it, and ends."""
    meter = Ballistics()
    meter.push(0.0, 1.0)
    shown = []
    for at_s in (1.0, 1.0 + CLIP_SHOWN_S, 1.1 + CLIP_SHOWN_S):
        meter.fall(at_s)
        shown.append(meter.clipped)
    assert [True, True, False] == shown


@pytest.mark.parametrize(
    ("level_db", "expected"), [(FLOOR_DB, 0.0), (-30.0, 0.5), (0.0, 1.0), (-200.0, 0.0), (6.0, 1.0)]
)
def test_positions_on_a_meter(level_db: float, expected: float) -> None:
    """The scale is even in dB, and bounded."""
    assert expected == fraction(level_db)


@pytest.mark.parametrize(
    ("part", "cells", "expected"), [(0.5, 3, "━╸ "), (0.0, 3, "   "), (1.0, 3, "━━━"), (7.0, 2, "━━"), (-1.0, 2, "  ")]
)
def test_bars(part: float, cells: int, expected: str) -> None:
    """To half a cell, and never longer than its cells."""
    assert expected == bar(part, cells)


def test_the_thread() -> None:
    """Silence is one line of dots; full voice fills every row; the swelling is as far up as down."""
    assert ["⠀", "⠒", "⠀"] == [waveform_cell(0.0, 0.0, row, 3) for row in range(3)]
    assert ["⣿", "⣿", "⣿"] == [waveform_cell(1.0, 1.0, row, 3) for row in range(3)]
    assert ["⣀", "⣿", "⠉"] == [waveform_cell(0.5, 0.5, row, 3) for row in range(3)]
    assert ["⠀", "⡗", "⠀"] == [waveform_cell(0.3, 0.0, row, 3) for row in range(3)]
