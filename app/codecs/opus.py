"""Opus at 6 kbit/s through the real libopus: VOIP, narrowband, 20 ms frames, variable rate.

OpusEncoder *opus_encoder_create(int32 Fs, int channels, int application, int *error);
int32 opus_encode(OpusEncoder *, const int16 *pcm, int frame_size, unsigned char *data, int32 max_data_bytes);
int opus_decode(OpusDecoder *, const unsigned char *data, int32 len, int16 *pcm, int frame_size, int decode_fec);
int opus_encoder_ctl(OpusEncoder *, int request, ...);
"""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from app.codecs import CodecMissing, Decode, Encode
from app.codecs.native import find_library, speech_of
from codec.format import SAMPLE_RATE_HZ

RATE_BPS = 6000
FRAME_SAMPLES = SAMPLE_RATE_HZ // 50
LARGEST_PACKET_BYTES = 1275
"""RFC 6716, 3.2.1: the longest frame."""
INSTALL = "apt-get install libopus0"
MISSING = f"libopus is not installed: {INSTALL}"

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
        library.opus_encoder_destroy.restype = library.opus_decoder_destroy.restype = None
        library.opus_get_version_string.restype = ctypes.c_char_p
    return library


def _present() -> ctypes.CDLL:
    """Raises CodecMissing."""
    library = _library()
    if library is None:
        raise CodecMissing(MISSING)
    return library


class OpusEncoder:
    """One encoder at work; 20 ms a frame. Raises CodecMissing."""

    def __init__(self) -> None:
        self._library = library = _present()
        error = ctypes.c_int()
        self._state = library.opus_encoder_create(SAMPLE_RATE_HZ, 1, APPLICATION_VOIP, ctypes.byref(error))
        if not self._state:
            raise CodecMissing(f"libopus gave error {error.value} at 8 kHz", INSTALL)
        for request, value in SETTINGS.items():
            # Variadic in C, so no argtypes: the pointer is wrapped by hand.
            if library.opus_encoder_ctl(ctypes.c_void_p(self._state), ctypes.c_int(request), ctypes.c_int(value)):
                raise CodecMissing(f"libopus refused setting {request} = {value}", INSTALL)
        self._packet = ctypes.create_string_buffer(LARGEST_PACKET_BYTES)

    def encode(self, samples: np.ndarray) -> bytes:
        """samples: int16 [160]; returns one packet."""
        speech = speech_of(samples, FRAME_SAMPLES)
        size = self._library.opus_encode(
            self._state, speech.ctypes.data, FRAME_SAMPLES, self._packet, LARGEST_PACKET_BYTES
        )
        assert size > 0, f"opus_encode: {size}"
        return self._packet.raw[:size]

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_encoder_destroy(self._state)


class OpusDecoder:
    """One decoder at work, with the library's own concealment. Raises CodecMissing."""

    def __init__(self) -> None:
        self._library = library = _present()
        error = ctypes.c_int()
        self._state = library.opus_decoder_create(SAMPLE_RATE_HZ, 1, ctypes.byref(error))
        if not self._state:
            raise CodecMissing(f"libopus gave error {error.value} at 8 kHz", INSTALL)

    def decode(self, packet: bytes | None) -> np.ndarray:
        """One packet of 20 ms, or None for a lost one; returns int16 [160]."""
        speech = np.empty(FRAME_SAMPLES, np.int16)
        if packet and self._decode(packet, len(packet), speech) == FRAME_SAMPLES:
            return speech
        # Lost, or so damaged that it says another length than 20 ms or is refused.
        count = self._decode(None, 0, speech)
        assert count == FRAME_SAMPLES, f"opus_decode of nothing: {count}"
        return speech

    def _decode(self, packet: bytes | None, size: int, speech: np.ndarray) -> int:
        return int(self._library.opus_decode(self._state, packet, size, speech.ctypes.data, FRAME_SAMPLES, 0))

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_decoder_destroy(self._state)


class OpusPeer:
    """Opus at 6 kbit/s."""

    key = "opus-6k"
    title = "Opus 6k"
    rate_bps = float(RATE_BPS)
    frame_samples = FRAME_SAMPLES
    frame_bits: int | None = None

    def missing(self) -> str | None:
        return None if _library() is not None else f"{self.title}: {MISSING}"

    def version(self) -> str:
        library = _library()
        return "missing" if library is None else library.opus_get_version_string().decode()

    def open_encoder(self) -> Encode:
        return OpusEncoder().encode

    def open_decoder(self) -> Decode:
        return OpusDecoder().decode
