"""Spectrograms of original and decoded sound, for the eye."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codec import format

WINDOW, HOP = 256, 32
QUIETEST_DB, LOUDEST_DB = -50, 30


def draw_comparison(true: NDArray[np.float32], made: NDArray[np.float32], path: Path) -> None:
    """Write a PNG with the original above the reconstruction, float32 [S] each at 8 kHz."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 1, figsize=(10, 6), sharex=True)
    for axis, samples, title in zip(axes, (true, made), ("original", "reconstruction"), strict=True):
        frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP] * np.hanning(WINDOW)
        decibels = 20 * np.log10(np.abs(np.fft.rfft(frames)) + 1e-4)
        extent = (0, len(samples) / format.SAMPLE_RATE_HZ, 0, format.SAMPLE_RATE_HZ / 2000)
        scale = {"cmap": "magma", "vmin": QUIETEST_DB, "vmax": LOUDEST_DB}
        axis.imshow(decibels.T, origin="lower", aspect="auto", extent=extent, **scale)
        axis.set_title(title, fontsize=9)
        axis.set_ylabel("kHz")
    figure.tight_layout()
    figure.savefig(path, dpi=60)
    plt.close(figure)
