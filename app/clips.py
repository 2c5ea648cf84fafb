"""The bundled clips: a few seconds of speech each, to talk with where nobody speaks."""

from __future__ import annotations

from importlib import resources

import numpy as np
from numpy.typing import NDArray

from app.audio.sound_files import read_speech
from app.errors import FileProblem

LONGEST_S = 600.0
"""Longest file that the link lab takes for its speech: all of it is kept in memory."""


def bundled_clips() -> dict[str, NDArray[np.float32]]:
    """Return all clips by file name, in the order of their names: float32 [samples] each, 8 kHz. Blocking."""
    return {name: _read(name) for name in _names()}


def load_clip(number: int) -> NDArray[np.float32]:
    """Return a clip by its number, counted round and round: float32 [samples], 8 kHz. Blocking."""
    names = _names()
    return _read(names[number % len(names)])


def speech_of(path: str | None) -> NDArray[np.float32]:
    """Return the speech of a file, or of all bundled clips one after another: float32 [samples], 8 kHz. Blocking.

    Raises FileProblem for a file that cannot be read, holds no sound, or is longer than LONGEST_S.
    """
    if path is None:
        return np.concatenate(list(bundled_clips().values()))
    speech = read_speech(path, LONGEST_S)
    if not len(speech):
        raise FileProblem(f"{path} holds no sound", "take another")
    return speech


def _names() -> list[str]:
    return sorted(
        entry.name for entry in (resources.files("assets") / "clips").iterdir() if entry.name.endswith(".flac")
    )


def _read(name: str) -> NDArray[np.float32]:
    with resources.as_file(resources.files("assets") / "clips" / name) as path:
        return read_speech(path)
