"""How many conversations fit on one link."""

from __future__ import annotations

import numpy as np
import pytest

from app.codecs.gossamer import Gossamer
from app.codecs.pcm import Pcm
from app.simulation.capacity import capacity_trials, conversations_carried, conversations_carried_words
from transport.planning.presets import PRESETS


@pytest.mark.codec2
def test_conversations_are_added_until_one_breaks(speech: np.ndarray) -> None:
    """On HC-12's 5000 bit/s: as many as its rate has room for, and of PCM none."""
    preset = PRESETS["hc-12"]
    outcomes = list(capacity_trials(Gossamer(), speech, preset))
    assert list(range(1, len(outcomes) + 1)) == [outcome.streams for outcome in outcomes]
    assert [False] * (len(outcomes) - 1) + [True] == [outcome.broken > 0 for outcome in outcomes]
    assert 4 == conversations_carried(outcomes[-1], preset) == int(5000 / 1050)
    assert 0 == conversations_carried(list(capacity_trials(Pcm(), speech, preset))[-1], preset)


def test_a_link_without_a_limit_carries_any_number(speech: np.ndarray) -> None:
    """One is tried, and told as no limit."""
    [trial] = capacity_trials(Pcm(), speech, PRESETS["wifi"])
    assert (None, "no limit") == (
        conversations_carried(trial, PRESETS["wifi"]),
        conversations_carried_words(trial, PRESETS["wifi"]),
    )
