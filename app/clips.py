"""What is said in the lab: a file, or the bundled clips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.audio.sound_files import read_speech
from app.errors import FileProblem
from app.station.parts import load_clip
from codec.format import SAMPLE_RATE_HZ

CLIPS = 3
LONGEST_S = 600.0


def speech_of(path: str | None) -> NDArray[np.float32]:
    """float32 [n]: the file, or the bundled clips one after another. Blocking. Raises FileProblem."""
    speech = read_speech(path) if path else np.concatenate([load_clip(number) for number in range(CLIPS)])
    if not len(speech):
        raise FileProblem(f"{path} holds no sound", "take another")
    if len(speech) > LONGEST_S * SAMPLE_RATE_HZ:
        raise FileProblem(f"{path} is longer than {LONGEST_S / 60:.0f} minutes", "cut out what is to be heard")
    return speech
