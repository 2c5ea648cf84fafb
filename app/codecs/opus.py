"""Opus at 6 kbit/s through the real libopus: VOIP, narrowband, 20 ms frames, variable rate.

The C functions, from opus.h:

OpusEncoder *opus_encoder_create(int32 Fs, int channels, int application, int *error);
int32 opus_encode(OpusEncoder *, const int16 *pcm, int frame_size, unsigned char *data, int32 max_data_bytes);
int opus_decode(OpusDecoder *, const unsigned char *data, int32 len, int16 *pcm, int frame_size, int decode_fec);
int opus_encoder_ctl(OpusEncoder *, int request, ...);
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

from app.audio.sound_files import from_int16
from app.codecs.native import find_library, int16_frame
from app.codecs.reference import CodecMissing, Decode, Encode, Speech
from codec.format import SAMPLE_RATE_HZ

RATE_BPS = 6000
FRAME_SAMPLES = SAMPLE_RATE_HZ // 50
LARGEST_PACKET_BYTES = 1275
"""Longest frame (RFC 6716, section 3.2.1)."""
DELAY_S = 0.0065
"""Delay in seconds as the library states it: the lookahead of its encoder."""
INSTALL = "apt-get install libopus0"
ABSENT = "libopus is not installed"

# opus_defines.h
APPLICATION_VOIP = 2048
SETTINGS = {
    4002: RATE_BPS,  # OPUS_SET_BITRATE
    4006: 1,  # OPUS_SET_VBR
    4008: 1101,  # OPUS_SET_BANDWIDTH: OPUS_BANDWIDTH_NARROWBAND
    4010: 10,  # OPUS_SET_COMPLEXITY: its best
    4024: 3001,  # OPUS_SET_SIGNAL: OPUS_SIGNAL_VOICE
}
"""Encoder settings: request number and value."""


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
    """Return the library. Raises CodecMissing."""
    library = _library()
    if library is None:
        raise CodecMissing(ABSENT, INSTALL)
    return library


class OpusEncoder:
    """One encoder of the library."""

    def __init__(self) -> None:
        """Open it with SETTINGS. Raises CodecMissing."""
        self._state: Any = None
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

    def encode(self, samples: Speech) -> bytes:
        """Return one frame of float32 [160]. Raises ValueError for other samples."""
        speech = int16_frame(samples, FRAME_SAMPLES)
        size = self._library.opus_encode(
            self._state, speech.ctypes.data, FRAME_SAMPLES, self._packet, LARGEST_PACKET_BYTES
        )
        assert size > 0, f"opus_encode: {size}"
        return self._packet.raw[:size]

    def __del__(self) -> None:
        if self._state:
            self._library.opus_encoder_destroy(self._state)


class OpusDecoder:
    """One decoder of the library, with the library's own concealment."""

    def __init__(self) -> None:
        """Open it. Raises CodecMissing."""
        self._state: Any = None
        self._library = library = _present()
        error = ctypes.c_int()
        self._state = library.opus_decoder_create(SAMPLE_RATE_HZ, 1, ctypes.byref(error))
        if not self._state:
            raise CodecMissing(f"libopus gave error {error.value} at 8 kHz", INSTALL)

    def decode(self, packet: bytes | None) -> Speech:
        """Return float32 [160] of one frame, or what conceals a lost one."""
        speech = np.empty(FRAME_SAMPLES, np.int16)
        if packet and self._decode(packet, len(packet), speech) == FRAME_SAMPLES:
            return from_int16(speech)
        # Lost, or so damaged that it announces another length than 20 ms or is refused.
        count = self._decode(None, 0, speech)
        assert count == FRAME_SAMPLES, f"opus_decode of nothing: {count}"
        return from_int16(speech)

    def _decode(self, packet: bytes | None, size: int, speech: np.ndarray) -> int:
        return int(self._library.opus_decode(self._state, packet, size, speech.ctypes.data, FRAME_SAMPLES, 0))

    def __del__(self) -> None:
        if self._state:
            self._library.opus_decoder_destroy(self._state)


class Opus:
    """Opus at 6 kbit/s."""

    key = "opus-6k"
    title = "Opus 6k"
    description = "its real library"
    rate_bps = float(RATE_BPS)
    frame_samples = FRAME_SAMPLES
    frame_bits: int | None = None
    delay_samples = round(DELAY_S * SAMPLE_RATE_HZ)

    def missing(self) -> CodecMissing | None:
        """Return that the library is not installed, with the command that installs it; None when it is."""
        return None if _library() is not None else CodecMissing(ABSENT, INSTALL, title=self.title)

    def version(self) -> str:
        """Return the library's own name and version."""
        library = _library()
        return "missing" if library is None else library.opus_get_version_string().decode()

    def open_encoder(self) -> Encode:
        """Return an encoder at the start of a transmission. Raises CodecMissing."""
        return OpusEncoder().encode

    def open_decoder(self) -> Decode:
        """Return a decoder at the start of a transmission. Raises CodecMissing."""
        return OpusDecoder().decode
