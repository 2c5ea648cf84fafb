"""One channel out of several: their mean or, where that would lose the sound, the strongest of them. No I/O, no clock.

The mean is right for two voices on two channels. It is silence for channels in opposite phase, and faint where one of
many has all the sound, as on microphones with four or eight.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FRAME_S = 0.02
"""Seconds of sound between two decisions; a decision holds from the next frame on."""
MEMORY_S = 0.5
"""Time constant of the powers that are compared, in seconds: a syllable, so that channels do not change within one."""
LOST_DB = 7.0
"""Loss of the mean against the strongest channel above which it is given up: one of two channels alone costs 6 dB."""
KEPT_DB = 4.0
"""Loss of the mean below which it is taken again: two unlike channels of the same level cost 3 dB."""
CHANGE_DB = 3.0
"""Lead at which another channel becomes the strongest one."""
LOUDEST = 4.0
"""Amplitude, full scale 1, at which a sample is cut off: 12 dB more than can be played, so that two hot channels still
have their mean. Files in floating point may hold anything, up to numbers whose sums and squares are none any more."""
SILENCE_DB = -70.0
"""Power of a frame's strongest channel, to full scale, below which nothing is decided."""


class ChannelMixer:
    """Mixer that makes one channel of a stream with several, block by block; how the stream is cut does not show."""

    def __init__(self, rate_hz: int) -> None:
        """Take the sampling rate."""
        self._frame_samples = max(1, round(FRAME_S * rate_hz))
        self._forget = float(np.exp(-FRAME_S / MEMORY_S))
        self._done = 0
        """Samples of the present frame that were mixed."""
        self._sums: NDArray[np.float64] = np.zeros(0)
        """Energies in the present frame: float64 [channels + 1], the mean's last."""
        self._powers: NDArray[np.float64] = np.zeros(0)
        """Powers up to the last frame that was not silent, as `_sums`."""
        self._weights: NDArray[np.float32] = np.zeros(0, np.float32)
        """Share of each channel in this frame: float32 [channels]."""
        self._before = self._weights
        """Shares in the frame before; over one frame they turn into `_weights`."""

    def mix(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 [n] for float32 [n, channels]; NaN becomes silence, and LOUDEST is the loudest."""
        samples, channels = block.shape
        if not np.abs(block).max(initial=0.0) <= LOUDEST:  # NaN is not, either
            block = np.clip(np.nan_to_num(block, nan=0.0), -LOUDEST, LOUDEST)
        if channels == 1:
            return block[:, 0]
        if len(self._weights) != channels:
            self._begin(channels)
        mixed = np.empty(samples, np.float32)
        at = 0
        while at < samples:
            part = block[at : at + self._frame_samples - self._done]
            mixed[at : at + len(part)] = self._mixed(part)
            at += len(part)
            if self._done == self._frame_samples:
                self._decide()
        return mixed

    def _begin(self, channels: int) -> None:
        self._sums = np.zeros(channels + 1)
        self._powers = np.zeros(channels + 1)
        self._weights = self._before = self._mean(channels)
        self._done = 0

    @staticmethod
    def _mean(channels: int) -> NDArray[np.float32]:
        return np.full(channels, 1 / channels, np.float32)

    def _mixed(self, part: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a piece of one frame as one channel, and add up its energies."""
        exact = part.astype(np.float64)
        self._sums[:-1] += np.square(exact).sum(axis=0)
        self._sums[-1] += np.square(exact.mean(axis=1)).sum()
        mixed: NDArray[np.float32] = part @ self._weights
        if self._before is not self._weights:
            now = ((self._done + 1 + np.arange(len(part))) / self._frame_samples).astype(np.float32)
            mixed = now * mixed + (1 - now) * (part @ self._before)
        self._done += len(part)
        return mixed

    def _decide(self) -> None:
        """Choose the shares of the next frame."""
        powers = self._sums / self._frame_samples
        self._sums, self._done = np.zeros_like(self._sums), 0
        self._before = self._weights
        if powers[:-1].max() < 10 ** (SILENCE_DB / 10):
            return
        first = not self._powers.any()
        self._powers = powers if first else self._forget * self._powers + (1 - self._forget) * powers
        channels = len(self._weights)
        by_mean = self._weights.min() > 0
        strongest = int(self._powers[:-1].argmax())
        lost = self._powers[strongest] / max(self._powers[-1], 1e-30)
        if lost < 10 ** ((LOST_DB if by_mean else KEPT_DB) / 10):
            if not by_mean:
                self._weights = self._mean(channels)
        elif by_mean or self._powers[strongest] > 10 ** (CHANGE_DB / 10) * self._powers[self._weights.argmax()]:
            self._weights = np.zeros(channels, np.float32)
            self._weights[strongest] = 1
