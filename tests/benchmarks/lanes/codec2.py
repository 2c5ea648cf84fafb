"""Codec2 at its modes, through the program's own binding."""

from __future__ import annotations

import numpy as np

from app.codecs import CodecMissing, Decode, Encode
from app.codecs.codec2 import Codec2Peer

from ..errors import BenchmarkError
from . import Coded, run_frames

FLUSH_S = 0.2
"""Silence coded after the clip, not counted in its bits: pushes out what the codec still holds."""


class Codec2Lane(Codec2Peer):
    """Codec2 at one of its modes."""

    ours = False

    def open_encoder(self) -> Encode:
        try:
            return super().open_encoder()
        except CodecMissing as reason:
            raise BenchmarkError(str(reason)) from None

    def open_decoder(self) -> Decode:
        try:
            return super().open_decoder()
        except CodecMissing as reason:
            raise BenchmarkError(str(reason)) from None

    def run(self, samples: np.ndarray) -> Coded:
        return run_frames(self, samples, FLUSH_S, self.frame_bits)
