"""The pitch tracker beside known pitches, and beside Praat."""

from __future__ import annotations

import numpy as np
import pytest

from app.analysis.pitch import track
from app.audio.sound_files import to_int16
from codec import format
from tests.support.sentences import sentence
from tests.support.signals import vowel


@pytest.mark.parametrize("f0_hz", [75.0, 120.0, 230.0, 410.0])
def test_the_tracker_finds_a_steady_pitch(f0_hz: float) -> None:
    """Within five cents, voiced throughout, and silence and noise are unvoiced."""
    found = track(vowel(f0_hz, 1.0))[10:-10]
    assert (found > 0).all()
    assert np.abs(1200 * np.log2(found / f0_hz)).max() < 5
    assert not track(np.zeros(8000, np.float32)).any()
    noise = np.random.default_rng(1).normal(0, 0.1, 8000).astype(np.float32)
    assert np.mean(track(noise) > 0) < 0.05


def test_the_tracker_agrees_with_praat() -> None:
    """Where Praat is installed: voicing in 96 of 100 frames, F0 within 50 cents in 98."""
    pytest.importorskip("parselmouth")
    from codec.training.data.corpus import pitch_targets

    mine, praats = (
        np.concatenate(tracks)
        for tracks in zip(
            *(
                (track(samples, format.F0_LEAD_SAMPLES), pitch_targets(to_int16(samples)))
                for samples in map(sentence, ("harbour", "numbers", "puerto", "child"))
            ),
            strict=True,
        )
    )
    both = (mine > 0) & (praats > 0)
    assert np.mean((mine > 0) == (praats > 0)) > 0.96
    assert np.mean(np.abs(1200 * np.log2(mine[both] / praats[both])) < 50) > 0.98
