"""Codec2 at its modes, through the program's own binding."""

from __future__ import annotations

import numpy as np

from app.audio.sound_files import from_int16, to_int16
from app.codecs.codec2 import Codec2
from app.codecs.reference import CodecMissing

from ..errors import BenchmarkError
from . import Coded, Decode, Encode, run_frames

FLUSH_S = 0.2
"""Silence coded after the clip, not counted in its bits: pushes out what the codec still holds."""


class Codec2Lane:
    """Codec2 at one of its modes."""

    ours = False

    def __init__(self, mode: str) -> None:
        self._codec = Codec2(mode)
        self.key, self.title = self._codec.key, self._codec.title

    @property
    def frame_samples(self) -> int:
        return self._codec.frame_samples

    def missing(self) -> str | None:
        return self._codec.missing()

    def version(self) -> str:
        return self._codec.version()

    def open_encoder(self) -> Encode:
        try:
            encode = self._codec.open_encoder()
        except CodecMissing as reason:
            raise BenchmarkError(str(reason)) from None
        return lambda samples: encode(from_int16(samples))

    def open_decoder(self) -> Decode:
        try:
            decode = self._codec.open_decoder()
        except CodecMissing as reason:
            raise BenchmarkError(str(reason)) from None
        return lambda packet: to_int16(decode(packet))

    def run(self, samples: np.ndarray) -> Coded:
        return run_frames(self, samples, FLUSH_S, self._codec.frame_bits)
