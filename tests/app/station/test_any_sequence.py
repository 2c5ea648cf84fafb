"""Frames in any order, time and number against a whole station; `make fuzz` plays far more of them."""

from __future__ import annotations

import pytest

from tests.fuzz.station import LONG_EVERY, play

FEW = 12


@pytest.mark.parametrize("seed", [17, LONG_EVERY - 1])
def test_a_station_comes_to_rest_whatever_came(seed: int) -> None:
    """Nothing is raised, every over ends, nothing waits to be played, and the key counts as soon as anybody's must."""
    figures = play(FEW, seed)
    assert FEW == figures.sequences
    assert figures.frames > 10 * FEW
