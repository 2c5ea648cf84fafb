"""Figures that compare decoded speech with the original."""

from __future__ import annotations

import numpy as np
import pytest

from app.analysis.metrics import METRICS, mel_distance, pitch_cents, scores, voicing_error
from tests.support.sentences import sentence
from tests.support.signals import vowel


def test_figures_of_the_clip_itself_are_perfect_and_of_a_changed_one_say_how() -> None:
    """6 dB less is a distance of 6 dB; a pitch a semitone higher is 100 cents off."""
    original = sentence()
    assert [0.0] * 3 == [figure(original, original) for figure in (mel_distance, pitch_cents, voicing_error)]
    assert 6.02 == pytest.approx(mel_distance(original, (original / 2).astype(np.float32)) or 0, abs=0.1)
    assert 100 == pytest.approx(pitch_cents(vowel(150.0, 1.0), vowel(150.0 * 2 ** (1 / 12), 1.0)) or 0, abs=3)
    found = scores(original, np.zeros(100, np.float32))
    assert {metric.key for metric in METRICS if metric.missing() is None} == set(found)
    assert (found["voicing"] or 0) > 20
