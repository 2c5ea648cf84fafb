"""Nature: how natural the decoded speech sounds, by Distill-MOS, which is shown no original.

Stahl and Gamper, "Distillation and pruning for scalable self-supervised representation-based speech quality
assessment", ICASSP 2025; weights and network are in the packages distillmos and xls-r-sqa. It hears 16 kHz with
nothing above 4 kHz, which costs the original itself some of its five points. Nothing may ever be trained on it.
"""

from __future__ import annotations

import contextlib
import io
import sys
import types
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from ..clips import Clip
from .warp import wideband

UNUSED = "torchaudio"
"""Library that distillmos imports for its own command alone, and of which many versions do not load beside ours of
PyTorch."""


@contextlib.contextmanager
def stand_in(name: str = UNUSED) -> Iterator[None]:
    """Have an empty module of this name while something is imported; one that is loaded already stays."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = types.ModuleType(name)
    try:
        yield
    finally:
        del sys.modules[name]


@cache
def _model() -> Any:
    with stand_in():
        from distillmos import ConvTransformerSQAModel
    with contextlib.redirect_stdout(io.StringIO()):  # it prints where its weights are
        return ConvTransformerSQAModel().eval()


def distill_mos(original: np.ndarray, decoded: np.ndarray, clip: Clip | None = None) -> float:
    """Return a mean opinion score, 1 (bad) to 5 (excellent), of int16 [n] at 8 kHz; NaN for silence."""
    import torch

    if not np.any(decoded):
        return float("nan")
    with torch.no_grad():
        return float(_model()(torch.from_numpy(wideband(decoded))[None]))
