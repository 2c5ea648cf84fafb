"""One channel out of several: what is kept, when it changes, and that the cutting of the stream does not show."""

from __future__ import annotations

import numpy as np
import pytest

from app.audio.channels import FRAME_S, ChannelMixer

RATE_HZ = 8000
FRAME = round(FRAME_S * RATE_HZ)
NOISE = np.random.default_rng(5).normal(0, 0.1, (2 * RATE_HZ, 8)).astype(np.float32)


def power_db(samples: np.ndarray) -> float:
    return 10 * float(np.log10(np.mean(np.square(samples)) + 1e-20))


@pytest.mark.parametrize("samples", [1, 7, FRAME, 333, RATE_HZ])
def test_streamed_in_pieces_equals_whole(samples: int) -> None:
    """Opposite phase, then one channel, then two unlike ones: the same for every length of a block."""
    one, two = NOISE[:RATE_HZ, :1], NOISE[:RATE_HZ, 1:2]
    sound = np.concatenate([np.hstack([one, -one]), np.hstack([0 * one, two]), np.hstack([one, two])])
    whole = ChannelMixer(RATE_HZ).mix(sound)
    mixer = ChannelMixer(RATE_HZ)
    pieces = np.concatenate([mixer.mix(sound[at : at + samples]) for at in range(0, len(sound), samples)])
    assert np.allclose(whole, pieces, rtol=0, atol=1e-6)


@pytest.mark.parametrize("channels", [2, 3, 4, 8])
@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_no_arrangement_of_channels_is_lost(channels: int, gain: float) -> None:
    """Signs in any mixture, and sound on one channel alone: at most 7 dB are lost, loud or quiet."""
    for live in range(channels):
        for sign in (1, -1):
            gains = np.zeros(channels, np.float32)
            gains[live] = gain
            gains[(live + 1) % channels] = sign * 0.9 * gain
            for arrangement in (gains, np.where(np.arange(channels) == live, gains, 0)):
                mixed = ChannelMixer(RATE_HZ).mix(NOISE[:RATE_HZ, :1] * arrangement.astype(np.float32))
                assert power_db(NOISE[:RATE_HZ, 0] * gain) - power_db(mixed[2 * FRAME :]) < 7.1


def test_two_voices_on_two_channels_are_both_heard() -> None:
    """Who speaks on either side is heard at half the amplitude, as in the mean, whoever speaks when."""
    left = np.hstack([NOISE[:, :1], 0 * NOISE[:, :1]])
    right = left[:, ::-1]
    turns = np.concatenate([left, right, left + right])
    assert np.allclose(turns.mean(axis=1), ChannelMixer(RATE_HZ).mix(turns), atol=1e-6)


def test_a_change_does_not_click() -> None:
    """From the mean to one channel the output turns over a whole frame."""
    steady = np.full((10 * FRAME, 1), 0.5, np.float32)
    mixed = ChannelMixer(RATE_HZ).mix(np.hstack([steady, -steady]))
    assert np.abs(np.diff(mixed)).max() <= 0.5 / FRAME + 1e-6
    assert 0.5 == mixed[-1]


def test_no_number_reaches_the_mixture() -> None:
    """NaN and infinity on one channel spoil neither the other one nor what comes later."""
    sound = np.repeat(NOISE[:, :1], 2, axis=1)
    sound[100, 1], sound[101, 0], sound[102, 1] = np.nan, np.inf, -np.inf
    mixed = ChannelMixer(RATE_HZ).mix(sound)
    assert np.isfinite(mixed).all()
    assert np.array_equal(NOISE[200:, 0], mixed[200:])
