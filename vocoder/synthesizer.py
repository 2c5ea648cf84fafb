"""The synthesiser with the network, and the choice between the two synthesisers."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from codec import format
from codec.errors import ModelError
from codec.isolated_model import IsolatedModel
from codec.models import VOCODER, load_model

Array = NDArray[np.float32]
SYNTHESISERS = ("neural", "classic")
OWN_SUFFIX = ".onnx"
"""End of a name that is the file of another vocoder, as `python -m vocoder.training export` writes it."""


class Synthesizer(Protocol):
    """Anything that makes speech of features, a packet at a time, 240 samples late."""

    def synthesize(self, features: Array) -> Array:
        """Return float32 [2560] in [-1, 1] of features float32 [32, 42] in 0..1."""

    def flush(self) -> Array:
        """Return the last 240 samples, float32; `reset` has to follow."""

    def reset(self) -> None:
        """Go back to the start of a transmission."""


class Vocoder:
    """The synthesiser with the network."""

    def __init__(self, path: Path | None = None, *, foreign: bool = False) -> None:
        """Load the shipped graph, or that of a file. Raises ModelError.

        foreign: the file may come from anybody, so that its graph is computed in a process of its own.
        """
        self._model = IsolatedModel(VOCODER, path) if path and foreign else load_model(VOCODER, path)
        self._last = np.zeros((format.PACKET_FRAMES, format.FEATURES), np.float32)

    def synthesize(self, features: Array) -> Array:
        """Return float32 [2560] in [-1, 1], 240 samples late, of features float32 [32, 42] in 0..1.

        Raises ValueError for another shape.
        """
        if features.shape != (format.PACKET_FRAMES, format.FEATURES):
            raise ValueError(f"features are {(format.PACKET_FRAMES, format.FEATURES)}, not {features.shape}")
        table = np.ascontiguousarray(features, np.float32)
        samples: Array = self._model.step(features=table[None])[0]
        self._last = table
        return samples.clip(-1.0, 1.0)

    def flush(self) -> Array:
        """Return the last 240 samples, float32: the last frame, held for another packet."""
        held = np.repeat(self._last[-1:], format.PACKET_FRAMES, axis=0)
        return self.synthesize(held)[: format.DELAY_SAMPLES]

    def reset(self) -> None:
        """Go back to the start of a transmission."""
        self._model.reset()
        self._last = np.zeros_like(self._last)


def open_synthesizer(name: str = "neural", path: Path | None = None) -> Synthesizer:
    """Return the synthesiser of a name: "neural", "classic", or the file of another vocoder, FILE.onnx.

    path: the neural one's graph, if not the shipped one. Raises ModelError for a file that is no vocoder, ValueError
    for a name that is none of them.
    """
    if name.endswith(OWN_SUFFIX):
        own = Path(name).expanduser()
        if not own.is_file():
            raise ModelError(f"{name}: no such vocoder", "name the vocoder.onnx of an export, neural or classic")
        return Vocoder(own, foreign=True)
    if name == "neural":
        return Vocoder(path)
    if name == "classic":
        from vocoder.classic import ClassicSynthesizer

        return ClassicSynthesizer()
    raise ValueError(f"no synthesiser '{name}'; there are: {', '.join(SYNTHESISERS)}, FILE{OWN_SUFFIX}")
