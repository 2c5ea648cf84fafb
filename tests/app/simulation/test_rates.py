"""Rates and shares over windows of time."""

from __future__ import annotations

import pytest

from app.simulation.rates import LOSS_WINDOW_S, RATE_WINDOW_S, RateMeter, SpeechFates


def test_a_rate_is_over_the_last_seconds() -> None:
    """At first over the time since the start, later over the window; silence makes it fall to nothing."""
    meter = RateMeter(10.0)
    for second in range(1, 11):
        meter.add(100, 10.0 + second)
    assert 800.0 == pytest.approx(meter.bps(20.0), rel=0.2)
    assert 0.0 == meter.bps(20.0 + RATE_WINDOW_S)
    young = RateMeter(0.0)
    young.add(100, 0.5)
    assert 800.0 == young.bps(1.0)


def test_shares_are_of_speech_whose_fate_is_known() -> None:
    """Weighed by its length; frames without speech do not count, old ones are forgotten."""
    fates = SpeechFates()
    assert (0.0, 0.0) == fates.shares(0.0)
    fates.add(3.0, 0.0, lost=False, damaged=True)
    fates.add(1.0, 1.0, lost=True, damaged=False)
    fates.add(0.0, 1.0, lost=True, damaged=False)
    assert (0.25, 0.75) == fates.shares(2.0)
    assert (1.0, 0.0) == fates.shares(LOSS_WINDOW_S + 0.5)
