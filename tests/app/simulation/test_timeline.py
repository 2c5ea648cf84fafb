"""Pieces of sound at given times, read as one stream."""

from __future__ import annotations

import numpy as np

from app.simulation.timeline import SoundTimeline


def piece(value: float, samples: int = 8) -> np.ndarray:
    return np.full(samples, value, np.float32)


def test_there_is_silence_between_pieces() -> None:
    """A piece is where its time says, whatever the size of what is read."""
    timeline = SoundTimeline()
    timeline.place(0.001, piece(1))
    timeline.place(0.003, piece(2))
    expected = [0] * 8 + [1] * 8 + [0] * 8 + [2] * 8 + [0] * 5
    heard = [timeline.read(5) for _ in range(6)] + [timeline.read(7)]
    np.testing.assert_array_equal(expected, np.concatenate(heard))


def test_a_piece_ends_where_the_next_one_begins() -> None:
    """The newer one is heard."""
    timeline = SoundTimeline()
    for at_s, value in ((0.0, 1), (0.001, 2), (0.0005, 3)):
        timeline.place(at_s, piece(value))
    np.testing.assert_array_equal([1] * 4 + [3] * 8, timeline.rest())


def test_what_comes_too_late_loses_its_beginning() -> None:
    """Time that was read is past; so is time before the start."""
    timeline = SoundTimeline(1.0)
    timeline.place(0.9995, piece(1))
    np.testing.assert_array_equal([1, 1], timeline.read(2))
    timeline.place(1.00125, piece(2), early_samples=12)
    np.testing.assert_array_equal([2] * 4, timeline.rest())


def test_rounding_makes_no_click() -> None:
    """Pieces of 15 ms that follow each other at times between two samples are joined, none longer or shorter."""
    timeline = SoundTimeline()
    for number in range(200):
        timeline.place(0.5 / 8000 + number * 0.015, piece(1.0, 120))
    sound = timeline.rest()
    assert 200 * 120 <= len(sound) <= 200 * 120 + 1
    assert sound[1:].all()


def test_nothing_placed_is_silence() -> None:
    """Of any length; the rest of nothing is nothing."""
    timeline = SoundTimeline()
    assert not timeline.read(3).any()
    assert 0 == len(timeline.rest())
