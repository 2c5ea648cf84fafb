"""Opus at 6 kbit/s, through the program's own binding; its bytes counted."""

from __future__ import annotations

import numpy as np

from app.audio.sound_files import from_int16, to_int16
from app.codecs.opus import FRAME_SAMPLES, RATE_BPS, Opus

from . import Coded, Decode, Encode, run_frames

FLUSH_S = 0.1
"""Silence coded after the clip, not counted in its bits: pushes out what the codec still holds."""


class OpusLane:
    """Opus at 6 kbit/s."""

    key = Opus.key
    title = "Opus 6k VBR"
    ours = False
    rate_bps = float(RATE_BPS)
    frame_samples = FRAME_SAMPLES

    def missing(self) -> str | None:
        return Opus().missing()

    def version(self) -> str:
        return Opus().version()

    def open_encoder(self) -> Encode:
        encode = Opus().open_encoder()
        return lambda samples: encode(from_int16(samples))

    def open_decoder(self) -> Decode:
        decode = Opus().open_decoder()
        return lambda packet: to_int16(decode(packet))

    def run(self, samples: np.ndarray) -> Coded:
        return run_frames(self, samples, FLUSH_S)
