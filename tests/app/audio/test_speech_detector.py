"""The speech detector on noises, which are no speech, and on the bundled clips, which are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from app.audio.speech_detector import SpeechDetector
from app.clips import load_clip
from codec.format import SAMPLE_RATE_HZ
from tests.support.signals import noise


def tone(*parts: tuple[float, float]) -> np.ndarray:
    time_s = np.arange(8 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    return np.sum([level * np.sin(2 * np.pi * hz * time_s) for hz, level in parts], axis=0).astype(np.float32)


def clicks() -> np.ndarray:
    sound = np.zeros(8 * SAMPLE_RATE_HZ, np.float32)
    sound[4000::6000] = 0.9
    return sound


NO_SPEECH: dict[str, Callable[[], np.ndarray]] = {
    "silence": lambda: np.zeros(64000, np.float32),
    "white noise": lambda: noise(1, 0.05, 0.0),
    "loud white noise": lambda: noise(2, 0.2, 0.0),
    "pink noise": lambda: noise(3, 0.05, 0.5),
    "hum": lambda: tone((50, 0.05), (150, 0.02), (250, 0.01)),
    "a whistle": lambda: tone((1000, 0.2)),
    "clicks": clicks,
}


def probabilities(sound: np.ndarray) -> np.ndarray:
    detector = SpeechDetector()
    return np.array([p for at in range(0, len(sound), 160) for p in detector.push(sound[at : at + 160])])


@pytest.mark.parametrize("name", NO_SPEECH)
def test_noise_is_no_speech(name: str) -> None:
    """Not one piece of it."""
    assert probabilities(NO_SPEECH[name]()).max() < 0.5


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize(("level", "snr_db"), [(1.0, None), (0.1, None), (1.0, 10.0)])
def test_speech_is_speech(number: int, level: float, snr_db: float | None) -> None:
    """All bundled voices, at their level, 20 dB lower, and 10 dB above noise."""
    spoken = load_clip(number)[: 6 * SAMPLE_RATE_HZ]
    if snr_db is not None:
        spoken = spoken + noise(4, float(spoken.std()) / 10 ** (snr_db / 20), 0.5, len(spoken) / SAMPLE_RATE_HZ)
    assert (probabilities(level * spoken) > 0.5).mean() > 0.75
