"""Opus at 6 kbit/s through the real libopus: VOIP, narrowband, 20 ms frames, variable rate, its bytes counted.

    OpusEncoder *opus_encoder_create(int32 Fs, int channels, int application, int *error);
    int32 opus_encode(OpusEncoder *, const int16 *pcm, int frame_size, unsigned char *data, int32 max_data_bytes);
    int opus_decode(OpusDecoder *, const unsigned char *data, int32 len, int16 *pcm, int frame_size, int decode_fec);
    int opus_encoder_ctl(OpusEncoder *, int request, ...);
"""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from codec.format import SAMPLE_RATE_HZ

from ..errors import BenchmarkError
from . import Coded, Decode, Encode, run_frames
from .library import find_library

RATE_BPS = 6000
FRAME_SAMPLES = SAMPLE_RATE_HZ // 50
LARGEST_PACKET_BYTES = 1275
"""RFC 6716, 3.2.1: the longest frame."""
FLUSH_S = 0.1
"""Silence coded after the clip, not counted in its bits: pushes out what the codec still holds."""
INSTALL = "apt-get install libopus0"

# opus_defines.h
APPLICATION_VOIP = 2048
SETTINGS = {
    4002: RATE_BPS,  # OPUS_SET_BITRATE
    4006: 1,  # OPUS_SET_VBR
    4008: 1101,  # OPUS_SET_BANDWIDTH: OPUS_BANDWIDTH_NARROWBAND
    4010: 10,  # OPUS_SET_COMPLEXITY: its best
    4024: 3001,  # OPUS_SET_SIGNAL: OPUS_SIGNAL_VOICE
}


@cache
def _library() -> ctypes.CDLL | None:
    library = find_library("opus")
    if library is not None:
        pointer, integer = ctypes.c_void_p, ctypes.c_int
        library.opus_encoder_create.restype = library.opus_decoder_create.restype = pointer
        library.opus_encoder_create.argtypes = [integer, integer, integer, pointer]
        library.opus_decoder_create.argtypes = [integer, integer, pointer]
        library.opus_encode.argtypes = [pointer, pointer, integer, pointer, integer]
        library.opus_decode.argtypes = [pointer, pointer, integer, pointer, integer, integer]
        library.opus_encoder_destroy.argtypes = library.opus_decoder_destroy.argtypes = [pointer]
        library.opus_get_version_string.restype = ctypes.c_char_p
    return library


class Opus:
    """One encoder and one decoder at work; 20 ms a frame."""

    def __init__(self) -> None:
        library = _library()
        if library is None:
            raise BenchmarkError(f"libopus is not installed: {INSTALL}")
        self._library = library
        error = ctypes.c_int()
        self._encoder = library.opus_encoder_create(SAMPLE_RATE_HZ, 1, APPLICATION_VOIP, ctypes.byref(error))
        self._decoder = library.opus_decoder_create(SAMPLE_RATE_HZ, 1, ctypes.byref(error))
        if not self._encoder or not self._decoder:
            raise BenchmarkError(f"libopus gave error {error.value} at 8 kHz: {INSTALL}")
        for request, value in SETTINGS.items():
            # Variadic in C, so no argtypes: the pointer is wrapped by hand.
            if library.opus_encoder_ctl(ctypes.c_void_p(self._encoder), ctypes.c_int(request), ctypes.c_int(value)):
                raise BenchmarkError(f"libopus refused setting {request} = {value}: {INSTALL}")
        self._packet = ctypes.create_string_buffer(LARGEST_PACKET_BYTES)

    def encode(self, samples: np.ndarray) -> bytes:
        """samples: int16 [160]; returns one packet."""
        speech = np.ascontiguousarray(samples, np.int16)
        assert speech.shape == (FRAME_SAMPLES,)
        size = self._library.opus_encode(
            self._encoder, speech.ctypes.data, FRAME_SAMPLES, self._packet, LARGEST_PACKET_BYTES
        )
        assert size > 0, f"opus_encode: {size}"
        return self._packet.raw[:size]

    def decode(self, packet: bytes) -> np.ndarray:
        """Returns int16 [160]."""
        speech = np.empty(FRAME_SAMPLES, np.int16)
        count = self._library.opus_decode(self._decoder, packet, len(packet), speech.ctypes.data, FRAME_SAMPLES, 0)
        assert count == FRAME_SAMPLES, f"opus_decode: {count}"
        return speech

    def __del__(self) -> None:
        if getattr(self, "_encoder", None):
            self._library.opus_encoder_destroy(self._encoder)
        if getattr(self, "_decoder", None):
            self._library.opus_decoder_destroy(self._decoder)


class OpusLane:
    """Opus at 6 kbit/s."""

    key = "opus-6k"
    title = "Opus 6k VBR"
    ours = False
    frame_samples = FRAME_SAMPLES

    def missing(self) -> str | None:
        return None if _library() is not None else f"{self.title}: libopus is not installed: {INSTALL}"

    def version(self) -> str:
        library = _library()
        return "missing" if library is None else library.opus_get_version_string().decode()

    def open_encoder(self) -> Encode:
        return Opus().encode

    def open_decoder(self) -> Decode:
        return Opus().decode

    def run(self, samples: np.ndarray) -> Coded:
        return run_frames(self, samples, FLUSH_S)
