"""What is measured of a decoded clip; a file per metric.

To add one: write a function `(original, decoded) -> float` over int16 [n] at 8 kHz, aligned and of one length, and
name it in `METRICS` with the package that it needs. NaN means that it says nothing about this clip.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .intelligibility import estoi
from .perceptual import pesq_nb

__all__ = ["METRICS", "Metric", "estoi", "pesq_nb"]


@dataclass(frozen=True)
class Metric:
    """One column of the table."""

    key: str
    title: str
    package: str
    """The Python package that computes it."""
    score: Callable[[np.ndarray, np.ndarray], float]
    decimals: int = 3
    higher_is_better: bool = True

    def missing(self) -> str | None:
        """What is not installed and the command that installs it, in one line; None when it can run."""
        if importlib.util.find_spec(self.package) is not None:
            return None
        return f"{self.title}: the package {self.package} is not installed: pip install '.[bench]'"

    def version(self) -> str:
        """Package and version."""
        return f"{self.package} {importlib.metadata.version(self.package)}"


METRICS = (
    Metric("estoi", "ESTOI", "pystoi", estoi),
    Metric("pesq", "PESQ-NB", "pesq", pesq_nb, decimals=2),
)
