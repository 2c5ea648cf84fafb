"""AMR narrowband at its lowest mode, 4.75 kbit/s, through libopencore-amrnb; 20 ms frames, no silence compression.

    void *Encoder_Interface_init(int dtx);
    int Encoder_Interface_Encode(void *state, enum Mode, const short *speech, unsigned char *out, int forceSpeech);
    void *Decoder_Interface_init(void);
    void Decoder_Interface_Decode(void *state, const unsigned char *in, short *out, int badFrame);
"""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from app.codecs.native import find_library, package_version
from codec.format import SAMPLE_RATE_HZ

from ..errors import BenchmarkError
from . import Coded, Decode, Encode, run_frames

FRAME_SAMPLES = SAMPLE_RATE_HZ // 50
MODE_475 = 0
FRAME_BITS = 95
"""3GPP TS 26.101, table 1; on the wire they are 13 bytes, with the byte that names the mode."""
LARGEST_PACKET_BYTES = 32
FLUSH_S = 0.1
"""Silence coded after the clip, not counted in its bits: pushes out what the codec still holds."""
INSTALL = "apt-get install libopencore-amrnb0"


@cache
def _library() -> ctypes.CDLL | None:
    library = find_library("opencore-amrnb")
    if library is not None:
        pointer, integer = ctypes.c_void_p, ctypes.c_int
        library.Encoder_Interface_init.restype = library.Decoder_Interface_init.restype = pointer
        library.Encoder_Interface_init.argtypes = [integer]
        library.Encoder_Interface_Encode.argtypes = [pointer, integer, pointer, pointer, integer]
        library.Decoder_Interface_Decode.argtypes = [pointer, pointer, pointer, integer]
        library.Decoder_Interface_Decode.restype = None
        library.Encoder_Interface_exit.argtypes = library.Decoder_Interface_exit.argtypes = [pointer]
    return library


class Amr:
    """One encoder and one decoder at work."""

    def __init__(self) -> None:
        library = _library()
        if library is None:
            raise BenchmarkError(f"libopencore-amrnb is not installed: {INSTALL}")
        self._library = library
        self._encoder, self._decoder = library.Encoder_Interface_init(0), library.Decoder_Interface_init()
        self._packet = ctypes.create_string_buffer(LARGEST_PACKET_BYTES)

    def encode(self, samples: np.ndarray) -> bytes:
        """samples: int16 [160]; returns one packet of 13 bytes."""
        speech = np.ascontiguousarray(samples, np.int16)
        assert speech.shape == (FRAME_SAMPLES,)
        size = self._library.Encoder_Interface_Encode(self._encoder, MODE_475, speech.ctypes.data, self._packet, 1)
        return self._packet.raw[:size]

    def decode(self, packet: bytes) -> np.ndarray:
        """Returns int16 [160]."""
        speech = np.empty(FRAME_SAMPLES, np.int16)
        self._library.Decoder_Interface_Decode(self._decoder, packet, speech.ctypes.data, 0)
        return speech

    def __del__(self) -> None:
        if getattr(self, "_encoder", None):
            self._library.Encoder_Interface_exit(self._encoder)
            self._library.Decoder_Interface_exit(self._decoder)


class AmrLane:
    """AMR-NB 4.75."""

    key = "amr-4.75"
    title = "AMR-NB 4.75"
    ours = False
    frame_samples = FRAME_SAMPLES

    def missing(self) -> str | None:
        return None if _library() is not None else f"{self.title}: libopencore-amrnb is not installed: {INSTALL}"

    def version(self) -> str:
        return f"libopencore-amrnb {package_version('libopencore-amrnb0')}".strip()

    def open_encoder(self) -> Encode:
        return Amr().encode

    def open_decoder(self) -> Decode:
        return Amr().decode

    def run(self, samples: np.ndarray) -> Coded:
        return run_frames(self, samples, FLUSH_S, FRAME_BITS)
