"""Segments are drawn at random, and always the same for one seed. Needs the extra `train`: make test-train."""

from __future__ import annotations

import numpy as np
import pytest

from codec.training.data.augmentation import Augmentation
from codec.training.data.batches import BatchSampler, PreparedCorpus, validation_batch
from tests.support.signals import f0_by_autocorrelation, vowel

pytestmark = pytest.mark.training


def test_a_faster_segment_has_a_higher_pitch(prepared):
    """Speed changes sound and pitch target together."""
    speech = PreparedCorpus(prepared, "train")
    speech.audio = np.tile((vowel(150, 10.0) * 32767).astype(np.int16), 4)
    speech.f0 = np.full(len(speech.audio) // 80, 150.0, np.float32)
    speech.rows = [row | {"start": "0", "samples": "80000"} for row in speech.rows]
    sound, f0 = speech.draw(np.random.default_rng(1), 0, 7680, 1.1)
    assert len(sound) == 240 + 7680
    assert np.allclose(165, f0, rtol=1e-5)
    assert f0_by_autocorrelation(sound) == pytest.approx(165, rel=0.01)


def test_batches_depend_on_seed_and_number_alone(prepared):
    """A resumed run sees the batches that it would have seen."""
    speech = PreparedCorpus(prepared, "train")
    one = BatchSampler(speech, 3, 2, Augmentation(), seed=1)
    assert np.array_equal(one(5).noisy, next(one.stream(5)).noisy)
    assert not np.array_equal(one(5).noisy, one(6).noisy)
    assert (3, 240 + 5120) == one(0).clean.shape


def test_validation_segments_are_always_the_same(prepared):
    """Runs can be compared."""
    speech = PreparedCorpus(prepared, "validation")
    assert np.array_equal(validation_batch(speech, 4, 2).clean, validation_batch(speech, 4, 2).clean)
