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

from app.audio.sound_files import from_int16
from app.codecs.native import find_library, int16_frame, package_version
from app.codecs.reference import CodecMissing, Decode, Encode, Speech
from codec.format import SAMPLE_RATE_HZ

from . import CodecLane

FRAME_SAMPLES = SAMPLE_RATE_HZ // 50
FRAME_BITS = {0: 43, 1: 79}
"""Quality -> bits of a frame: 2150 and 3950 bit/s (manual of Speex, table 9.2)."""
LARGEST_PACKET_BYTES = 200
FLUSH_S = 0.1
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


class SpeexState:
    """A Speex encoder and decoder with their state."""

    def __init__(self, quality: int) -> None:
        self._encoder = self._decoder = None
        library = _library()
        if library is None:
            raise CodecMissing("libspeex is not installed", INSTALL)
        self._library = library
        mode = library.speex_lib_get_mode(0)  # narrowband
        self._encoder, self._decoder = library.speex_encoder_init(mode), library.speex_decoder_init(mode)
        for request, value in ((SET_QUALITY, quality), (SET_COMPLEXITY, 10)):
            library.speex_encoder_ctl(self._encoder, request, ctypes.byref(ctypes.c_int(value)))
        self._bits, self._heard = ctypes.create_string_buffer(BITS_SIZE), ctypes.create_string_buffer(BITS_SIZE)
        library.speex_bits_init(self._bits)
        library.speex_bits_init(self._heard)
        self._packet = ctypes.create_string_buffer(LARGEST_PACKET_BYTES)

    def encode(self, samples: Speech) -> bytes:
        """Return one frame of float32 [160]. Raises ValueError for other samples."""
        speech = int16_frame(samples, FRAME_SAMPLES)
        self._library.speex_bits_reset(self._bits)
        self._library.speex_encode_int(self._encoder, speech.ctypes.data, self._bits)
        size = self._library.speex_bits_write(self._bits, self._packet, LARGEST_PACKET_BYTES)
        return self._packet.raw[:size]

    def decode(self, packet: bytes | None) -> Speech:
        """Return float32 [160] of one frame, or what conceals a lost one."""
        speech = np.empty(FRAME_SAMPLES, np.int16)
        if packet:
            self._library.speex_bits_read_from(self._heard, packet, len(packet))
        heard = ctypes.addressof(self._heard) if packet else None
        self._library.speex_decode_int(self._decoder, heard, speech.ctypes.data)
        return from_int16(speech)

    def __del__(self) -> None:
        if self._encoder:
            self._library.speex_encoder_destroy(self._encoder)
            self._library.speex_decoder_destroy(self._decoder)
            self._library.speex_bits_destroy(self._bits)
            self._library.speex_bits_destroy(self._heard)


class Speex:
    """Speex at one of its qualities."""

    description = "its real library"
    frame_samples = FRAME_SAMPLES
    delay_samples = 0
    """Not known here: the benchmark finds each codec's delay in what it decodes."""

    def __init__(self, quality: int) -> None:
        self._quality = quality
        self.frame_bits: int | None = FRAME_BITS[quality]
        self.rate_bps = 50.0 * FRAME_BITS[quality]
        self.key = f"speex-{self.rate_bps:.0f}"
        self.title = f"Speex {self.rate_bps:.0f}"

    def missing(self) -> CodecMissing | None:
        absent = CodecMissing("libspeex is not installed", INSTALL, title=self.title)
        return None if _library() is not None else absent

    def version(self) -> str:
        return f"libspeex {package_version('libspeex1')}".strip()

    def open_encoder(self) -> Encode:
        return SpeexState(self._quality).encode

    def open_decoder(self) -> Decode:
        return SpeexState(self._quality).decode


class SpeexLane(CodecLane):
    """Speex at one of its qualities."""

    def __init__(self, quality: int) -> None:
        super().__init__(Speex(quality), FLUSH_S)
