"""The time before a station was started, by a clock that may be set meanwhile."""

from __future__ import annotations

import pytest

from transport.protection.past import CLOCK_SET_S, Past

STARTED_UTC_S, STARTED_S = 1_700_000_000, 50.0


@pytest.mark.parametrize(
    ("set_by_s", "moves"), [(0, False), (4, False), (-4, False), (5, True), (-5, True), (3600, True), (-3600, True)]
)
def test_a_clock_that_is_set_moves_the_start(set_by_s: int, moves: bool) -> None:
    """By as much, from five seconds on: what the clocks drift apart moves nothing."""
    past = Past(STARTED_UTC_S, STARTED_S)
    for passed_s in (0, 10, 7200):
        found = past.start_utc_s(STARTED_S + passed_s, STARTED_UTC_S + passed_s + set_by_s)
        assert STARTED_UTC_S + set_by_s * moves == found
    assert 5.0 == CLOCK_SET_S


def test_without_a_clock_at_the_start_there_is_none_later() -> None:
    """Whatever the clock says by now."""
    assert 0 == Past(0, STARTED_S).start_utc_s(STARTED_S + 10, STARTED_UTC_S)
