"""The airtime that a duty cycle leaves."""

from __future__ import annotations

import math

import pytest

from transport.address import parse_address
from transport.planning.airtime_budget import BIN_S, MAX_BINS, WINDOW_S, AirtimeBudget
from transport.planning.planner import link_model


def budget(duty: float | None) -> AirtimeBudget:
    import dataclasses

    return AirtimeBudget(dataclasses.replace(link_model(parse_address("kiss://h?call=N0CALL")), duty=duty))


def test_an_hour_never_holds_more_than_the_share() -> None:
    """Whoever sends as soon as there is some left has sent no more than the share in any hour."""
    one, now, sent = budget(0.01), 0.0, []
    while now < 3 * WINDOW_S:
        if one.left_s(now) >= one.airtime_s(50):
            one.spend(50, now)
            sent.append(now)
        now += 1.0
    each_s = one.airtime_s(50)
    for since_s in range(0, int(2 * WINDOW_S), 97):
        assert each_s * sum(since_s <= at_s < since_s + WINDOW_S for at_s in sent) <= 0.01 * WINDOW_S + 1e-9
    assert 3 * 36 * 0.9 < each_s * len(sent)


def test_what_is_left() -> None:
    """All of it at first; the keying of the transmitter counts; after an hour it is there again."""
    one = budget(0.1)
    assert 360.0 == one.left_s(0.0)
    one.spend(100, 0.0)
    assert pytest.approx(360.0 - one.airtime_s(100)) == one.left_s(10.0)
    assert one.airtime_s(100) > one._link.way.air.time_s(100)
    assert 360.0 == one.left_s(WINDOW_S + 2 * BIN_S)
    assert len(one._bins) <= MAX_BINS


def test_without_a_duty_cycle_there_is_no_end() -> None:
    """Nothing is counted."""
    one = budget(None)
    for second in range(1000):
        one.spend(300, float(second))
    assert math.inf == one.left_s(1000.0) and not one._bins


def test_each_minute_is_there_again_after_its_own_hour() -> None:
    """What was sent later is not, and what was sent in one minute is counted together."""
    one = budget(0.1)
    for now in (0.0, 10.0, 2 * BIN_S):
        one.spend(100, now)
    assert 2 == len(one._bins)
    left = [one.left_s(WINDOW_S + after_s) for after_s in (BIN_S - 0.1, BIN_S, 3 * BIN_S)]
    assert [360.0 - frames * one.airtime_s(100) for frames in (3, 1, 0)] == pytest.approx(left)
