"""Spectrograms, to be looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def draw_comparison(true: NDArray[np.float32], made: NDArray[np.float32], path: Path) -> None:
    """Original above, reconstruction below: float32 [S] each at 8 kHz, written as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 1, figsize=(10, 6), sharex=True)
    for axis, samples, title in zip(axes, (true, made), ("original", "reconstruction"), strict=True):
        frames = np.lib.stride_tricks.sliding_window_view(samples, 256)[::32] * np.hanning(256)
        decibels = 20 * np.log10(np.abs(np.fft.rfft(frames)) + 1e-4)
        axis.imshow(
            decibels.T, origin="lower", aspect="auto", cmap="magma", vmin=-50, vmax=30,
            extent=(0, len(samples) / 8000, 0, 4),
        )  # fmt: skip
        axis.set_title(title, fontsize=9)
        axis.set_ylabel("kHz")
    figure.tight_layout()
    figure.savefig(path, dpi=60)
    pyplot.close(figure)
