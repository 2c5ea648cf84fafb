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

from app.audio.sound_files import from_int16
from app.codecs.native import find_library, int16_frame, package_version
from app.codecs.reference import CodecMissing, Decode, Encode, Speech
from codec.format import SAMPLE_RATE_HZ

from . import CodecLane

FRAME_SAMPLES = SAMPLE_RATE_HZ // 50
MODE_475 = 0
FRAME_BITS = 95
"""3GPP TS 26.101, table 1; on the wire they are 13 bytes, with the byte that names the mode."""
LARGEST_PACKET_BYTES = 32
NO_DATA = bytes([15 << 3])
"""Frame of the type that stands for one that never came (3GPP TS 26.101, table 1a)."""
FLUSH_S = 0.1
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


class AmrState:
    """An AMR encoder and decoder with their state."""

    def __init__(self) -> None:
        self._encoder = self._decoder = None
        library = _library()
        if library is None:
            raise CodecMissing("libopencore-amrnb is not installed", INSTALL)
        self._library = library
        self._encoder, self._decoder = library.Encoder_Interface_init(0), library.Decoder_Interface_init()
        self._packet = ctypes.create_string_buffer(LARGEST_PACKET_BYTES)

    def encode(self, samples: Speech) -> bytes:
        """Return one frame, 13 bytes, of float32 [160]. Raises ValueError for other samples."""
        speech = int16_frame(samples, FRAME_SAMPLES)
        size = self._library.Encoder_Interface_Encode(self._encoder, MODE_475, speech.ctypes.data, self._packet, 1)
        return self._packet.raw[:size]

    def decode(self, packet: bytes | None) -> Speech:
        """Return float32 [160] of one frame, or what conceals a lost one."""
        speech = np.empty(FRAME_SAMPLES, np.int16)
        self._library.Decoder_Interface_Decode(self._decoder, packet or NO_DATA, speech.ctypes.data, 0)
        return from_int16(speech)

    def __del__(self) -> None:
        if self._encoder:
            self._library.Encoder_Interface_exit(self._encoder)
            self._library.Decoder_Interface_exit(self._decoder)


class Amr:
    """AMR-NB 4.75."""

    key = "amr-4.75"
    title = "AMR-NB 4.75"
    description = "its real library"
    rate_bps = 50.0 * FRAME_BITS
    frame_samples = FRAME_SAMPLES
    frame_bits: int | None = FRAME_BITS
    delay_samples = 0
    """Not known here: the benchmark finds each codec's delay in what it decodes."""

    def missing(self) -> CodecMissing | None:
        absent = CodecMissing("libopencore-amrnb is not installed", INSTALL, title=self.title)
        return None if _library() is not None else absent

    def version(self) -> str:
        return f"libopencore-amrnb {package_version('libopencore-amrnb0')}".strip()

    def open_encoder(self) -> Encode:
        return AmrState().encode

    def open_decoder(self) -> Decode:
        return AmrState().decode


class AmrLane(CodecLane):
    """AMR-NB 4.75."""

    def __init__(self) -> None:
        super().__init__(Amr(), FLUSH_S)
