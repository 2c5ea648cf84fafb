"""Features to samples, with the network; and the choice between the two synthesisers."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from codec import format
from codec.models import VOCODER, ModelError, load_model

Array = NDArray[np.float32]
SYNTHESISERS = ("neural", "classic")
OWN_SUFFIX = ".onnx"
"""A name that ends so is the file of another vocoder, as `python -m vocoder.training export` writes it."""


class Synthesizer(Protocol):
    """Makes speech of features, a packet at a time, 240 samples late."""

    def synthesize(self, features: Array) -> Array:
        """float32 [32, 42] in 0..1 -> float32 [2560] in [-1, 1]."""

    def flush(self) -> Array:
        """The last 240 samples, float32; afterwards `reset`."""

    def reset(self) -> None:
        """Back to the start of a transmission."""


class Vocoder:
    """The neural vocoder."""

    def __init__(self, path: Path | None = None) -> None:
        """Raises ModelError."""
        self._model = load_model(VOCODER, path)
        self._last = np.zeros((format.PACKET_FRAMES, format.FEATURES), np.float32)

    def synthesize(self, features: Array) -> Array:
        """float32 [32, 42] in 0..1 -> float32 [2560] in [-1, 1], 240 samples late. Raises ValueError."""
        if features.shape != (format.PACKET_FRAMES, format.FEATURES):
            raise ValueError(f"features are {(format.PACKET_FRAMES, format.FEATURES)}, not {features.shape}")
        table = np.ascontiguousarray(features, np.float32)
        samples: Array = self._model.step(features=table[None])[0]
        self._last = table
        return samples

    def flush(self) -> Array:
        """The tail, float32 [240]: what the last frame leaves, repeated once more."""
        held = np.repeat(self._last[-1:], format.PACKET_FRAMES, axis=0)
        return self.synthesize(held)[: format.DELAY_SAMPLES]

    def reset(self) -> None:
        """Back to the start of a transmission."""
        self._model.reset()
        self._last = np.zeros_like(self._last)


def open_synthesizer(name: str = "neural", path: Path | None = None) -> Synthesizer:
    """ "neural", "classic", or the file of another vocoder, FILE.onnx. Raises ModelError, ValueError for what is none
    of them."""
    if name.endswith(OWN_SUFFIX):
        own = Path(name).expanduser()
        if not own.is_file():
            raise ModelError(f"{name}: no such vocoder", "name the vocoder.onnx of an export, neural or classic")
        return Vocoder(own)
    if name == "neural":
        return Vocoder(path)
    if name == "classic":
        from vocoder.classic import ClassicSynthesizer

        return ClassicSynthesizer()
    raise ValueError(f"no synthesiser '{name}'; there are: {', '.join(SYNTHESISERS)}, FILE{OWN_SUFFIX}")
