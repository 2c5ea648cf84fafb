"""What is measured of a decoded clip; a file per metric.

To add one: write a function `(original, decoded, clip) -> float` over int16 [n] at 8 kHz, aligned and of one length,
and name it in `METRICS` with the packages that it needs. NaN means that it says nothing about this clip.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..clips import Clip
from .intelligibility import estoi
from .nature import distill_mos
from .perceptual import pesq_nb
from .pitch import pitch_cents, pitch_off, voicing_error
from .speaker import speaker_similarity
from .warp import warp_q

__all__ = ["METRICS", "Metric", "estoi", "pesq_nb"]

INSTALL = "make bench sets up what it needs"


@dataclass(frozen=True)
class Metric:
    """A measure of quality, one column of the table."""

    key: str
    title: str
    packages: Mapping[str, str] = field(hash=False)
    """What computes it: {name to install: module}."""
    score: Callable[[np.ndarray, np.ndarray, Clip], float]
    decimals: int = 3
    higher_is_better: bool = True
    settings: str = ""
    """What else decides the score: scores made with others are not used again."""
    weight: Callable[[Clip], float] | None = None
    """How much a clip counts in the mean; all alike without."""
    judge: str = ""
    """Name of the network that judges, as a training that learnt from it records it; empty where none does."""

    def missing(self) -> str | None:
        """Return what is not installed and the command that installs it, in one line; None when it can run."""
        absent = [name for name, module in self.packages.items() if importlib.util.find_spec(module) is None]
        if not absent:
            return None
        return f"{self.title}: the package {' and '.join(absent)} is not installed: {INSTALL}"

    def version(self) -> str:
        """Return the packages with their versions, and the settings."""
        versions = [f"{name} {importlib.metadata.version(name)}" for name in self.packages]
        return ", ".join([*versions, self.settings] if self.settings else versions)


PRAAT = {"praat-parselmouth": "parselmouth"}
METRICS = (
    Metric(
        "nature",
        "nature (Distill-MOS)",
        {"distillmos": "distillmos", "xls-r-sqa": "xls_r_sqa", "torch": "torch"},
        distill_mos,
        decimals=2,
        judge="distill-mos",
    ),
    Metric("estoi", "ESTOI", {"pystoi": "pystoi"}, estoi),
    Metric(
        "warpq",
        "WARP-Q",
        {"warpq": "warpq", "pyvad": "pyvad", "librosa": "librosa"},
        warp_q,
        decimals=2,
        higher_is_better=False,
    ),
    Metric(
        "speaker",
        "speaker",
        {"resemblyzer": "resemblyzer", "librosa": "librosa", "webrtcvad-wheels": "webrtcvad"},
        speaker_similarity,
    ),
    Metric("pesq", "PESQ-NB", {"pesq": "pesq"}, pesq_nb, decimals=2),
    Metric("f0", "F0 off, cents", PRAAT, pitch_cents, decimals=1, higher_is_better=False),
    Metric("f0_off", "F0 > 50 cents off, %", PRAAT, pitch_off, decimals=1, higher_is_better=False),
    Metric("voicing", "voicing wrong, %", PRAAT, voicing_error, decimals=1, higher_is_better=False),
)
