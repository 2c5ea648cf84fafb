"""Plain samples as a codec: 16 bit, little-endian; a lost frame is silence."""

from __future__ import annotations

import numpy as np

from app.audio.sound_files import to_float, to_int16
from app.codecs.reference import CodecMissing, Decode, Encode
from codec.format import SAMPLE_RATE_HZ

SAMPLE_BITS = 16


class Pcm:
    """Uncompressed speech."""

    frame_samples = 120
    """Samples of one frame: 15 ms in 240 bytes, which fit into one frame of any link."""
    frame_bits: int | None = SAMPLE_BITS * frame_samples
    rate_bps = float(SAMPLE_BITS * SAMPLE_RATE_HZ)
    delay_samples = 0
    description = "8 kHz, 16 bit, uncompressed"

    def __init__(self, key: str = "pcm", title: str = "PCM") -> None:
        self.key, self.title = key, title

    def missing(self) -> CodecMissing | None:
        """Return None: nothing needs to be installed."""
        return None

    def version(self) -> str:
        """Return "uncoded": there is no library."""
        return "uncoded"

    def open_encoder(self) -> Encode:
        """Return an encoder; it has no state."""
        return lambda samples: to_int16(samples).astype("<i2").tobytes()

    def open_decoder(self) -> Decode:
        """Return a decoder; it has no state."""
        silence = np.zeros(self.frame_samples, np.float32)
        return lambda frame: silence if frame is None else to_float(frame)
