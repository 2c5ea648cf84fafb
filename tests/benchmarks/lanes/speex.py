"""Speex narrowband through the real libspeex, at its lowest qualities; constant rate, 20 ms frames.

    const SpeexMode *speex_lib_get_mode(int mode);
    void *speex_encoder_init(const SpeexMode *);      int speex_encoder_ctl(void *state, int request, void *value);
    int speex_encode_int(void *state, int16 *in, SpeexBits *);
    void *speex_decoder_init(const SpeexMode *);      int speex_decode_int(void *state, SpeexBits *, int16 *out);
    void speex_bits_init(SpeexBits *);                void speex_bits_reset(SpeexBits *);
    int speex_bits_write(SpeexBits *, char *bytes, int max);  void speex_bits_read_from(SpeexBits *, char *bytes, int);
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
FRAME_BITS = {0: 43, 1: 79}
"""Quality -> bits of a frame: 2150 and 3950 bit/s (manual of Speex, table 9.2)."""
LARGEST_PACKET_BYTES = 200
FLUSH_S = 0.1
"""Silence coded after the clip, not counted in its bits: pushes out what the codec still holds."""
INSTALL = "apt-get install libspeex1"

# speex.h
SET_QUALITY, SET_COMPLEXITY = 4, 16
BITS_SIZE = 256
"""Of struct SpeexBits there is less."""


@cache
def _library() -> ctypes.CDLL | None:
    library = find_library("speex")
    if library is not None:
        pointer, integer = ctypes.c_void_p, ctypes.c_int
        library.speex_lib_get_mode.restype = pointer
        library.speex_encoder_init.restype = library.speex_decoder_init.restype = pointer
        library.speex_encoder_init.argtypes = library.speex_decoder_init.argtypes = [pointer]
        library.speex_encoder_ctl.argtypes = [pointer, integer, pointer]
        library.speex_encode_int.argtypes = library.speex_decode_int.argtypes = [pointer, pointer, pointer]
        library.speex_encoder_destroy.argtypes = library.speex_decoder_destroy.argtypes = [pointer]
    return library


class Speex:
    """One encoder and one decoder at work."""

    def __init__(self, quality: int) -> None:
        library = _library()
        if library is None:
            raise BenchmarkError(f"libspeex is not installed: {INSTALL}")
        self._library = library
        mode = library.speex_lib_get_mode(0)  # narrowband
        self._encoder, self._decoder = library.speex_encoder_init(mode), library.speex_decoder_init(mode)
        for request, value in ((SET_QUALITY, quality), (SET_COMPLEXITY, 10)):
            library.speex_encoder_ctl(self._encoder, request, ctypes.byref(ctypes.c_int(value)))
        self._bits, self._heard = ctypes.create_string_buffer(BITS_SIZE), ctypes.create_string_buffer(BITS_SIZE)
        library.speex_bits_init(self._bits)
        library.speex_bits_init(self._heard)
        self._packet = ctypes.create_string_buffer(LARGEST_PACKET_BYTES)

    def encode(self, samples: np.ndarray) -> bytes:
        """samples: int16 [160]; returns one packet."""
        speech = np.array(samples, np.int16)  # a copy: the C function may write to it
        assert speech.shape == (FRAME_SAMPLES,)
        self._library.speex_bits_reset(self._bits)
        self._library.speex_encode_int(self._encoder, speech.ctypes.data, self._bits)
        size = self._library.speex_bits_write(self._bits, self._packet, LARGEST_PACKET_BYTES)
        return self._packet.raw[:size]

    def decode(self, packet: bytes) -> np.ndarray:
        """Returns int16 [160]."""
        speech = np.empty(FRAME_SAMPLES, np.int16)
        self._library.speex_bits_read_from(self._heard, packet, len(packet))
        self._library.speex_decode_int(self._decoder, ctypes.addressof(self._heard), speech.ctypes.data)
        return speech

    def __del__(self) -> None:
        if getattr(self, "_encoder", None):
            self._library.speex_encoder_destroy(self._encoder)
            self._library.speex_decoder_destroy(self._decoder)
            self._library.speex_bits_destroy(self._bits)
            self._library.speex_bits_destroy(self._heard)


class SpeexLane:
    """Speex at one of its qualities."""

    ours = False
    frame_samples = FRAME_SAMPLES

    def __init__(self, quality: int) -> None:
        self.quality = quality
        rate_bps = 50 * FRAME_BITS[quality]
        self.key = f"speex-{rate_bps}"
        self.title = f"Speex {rate_bps}"

    def missing(self) -> str | None:
        return None if _library() is not None else f"{self.title}: libspeex is not installed: {INSTALL}"

    def version(self) -> str:
        return f"libspeex {package_version('libspeex1')}".strip()

    def open_encoder(self) -> Encode:
        return Speex(self.quality).encode

    def open_decoder(self) -> Decode:
        return Speex(self.quality).decode

    def run(self, samples: np.ndarray) -> Coded:
        return run_frames(self, samples, FLUSH_S, FRAME_BITS[self.quality])
