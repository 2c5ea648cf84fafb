"""Codec2 through its real library (Debian: libcodec2, which the package codec2 installs).

The C functions, from codec2.h:

struct CODEC2 *codec2_create(int mode);
int codec2_samples_per_frame(struct CODEC2 *);
int codec2_bits_per_frame(struct CODEC2 *);
void codec2_encode(struct CODEC2 *, unsigned char *bits, short *speech);
void codec2_decode(struct CODEC2 *, short *speech, const unsigned char *bits);
void codec2_destroy(struct CODEC2 *);
"""

from __future__ import annotations

import ctypes
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from app.audio.sound_files import from_int16
from app.codecs.native import find_library, int16_frame, package_version
from app.codecs.reference import CodecMissing, Decode, Encode, Speech
from codec.format import SAMPLE_RATE_HZ

MODES = {"450": 10, "700C": 8, "1200": 5, "1300": 4, "1600": 2, "2400": 1, "3200": 0}
"""Modes by name, which is the rate in bit/s, with their numbers in codec2.h (CODEC2_MODE_*)."""
DELAYS_S = {"450": 0.027, "700C": 0.031, "1200": 0.020, "1300": 0.020, "1600": 0.019, "2400": 0.019, "3200": 0.019}
"""Delay of each mode in seconds, measured: the lag at which decoded speech is most like the original."""
INSTALL = "apt-get install codec2"
CONCEALED_FRAMES = 3
"""Lost frames in a row that are concealed; the library conceals nothing itself.

As receivers commonly do, the last frame is decoded again for a lost one, softer each time; then there is silence."""
CONCEALED_GAIN = 0.5
"""Gain from each concealed frame to the next."""


@cache
def _library() -> ctypes.CDLL | None:
    library = find_library("codec2")
    if library is not None:
        library.codec2_create.restype = ctypes.c_void_p
        library.codec2_create.argtypes = [ctypes.c_int]
        library.codec2_destroy.restype = None
        for name in ("codec2_destroy", "codec2_samples_per_frame", "codec2_bits_per_frame"):
            getattr(library, name).argtypes = [ctypes.c_void_p]
        for name in ("codec2_encode", "codec2_decode"):
            getattr(library, name).argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
            getattr(library, name).restype = None
    return library


class Codec2State:
    """One encoder or one decoder of the library."""

    def __init__(self, mode: str) -> None:
        """Open the mode, a key of MODES. Raises CodecMissing."""
        self._state: Any = None
        library = _library()
        if library is None:
            raise CodecMissing("libcodec2 is not installed", INSTALL, title=f"Codec2 {mode}")
        self._library = library
        self._state = library.codec2_create(MODES[mode])
        if not self._state:
            raise CodecMissing("libcodec2 was built without it", INSTALL, title=f"Codec2 {mode}")
        self.frame_samples: int = library.codec2_samples_per_frame(self._state)
        self.frame_bits: int = library.codec2_bits_per_frame(self._state)
        self.frame_bytes = (self.frame_bits + 7) // 8
        self._last: bytes | None = None
        self._lost = 0

    def encode(self, samples: Speech) -> bytes:
        """Return one frame, frame_bytes long, of float32 [frame_samples]. Raises ValueError for other samples."""
        speech = int16_frame(samples, self.frame_samples)
        packed = ctypes.create_string_buffer(self.frame_bytes)
        self._library.codec2_encode(self._state, packed, speech.ctypes.data)
        return packed.raw

    def decode(self, packed: bytes | None) -> Speech:
        """Return float32 [frame_samples] of one frame, or what conceals a lost one."""
        if packed is not None and len(packed) == self.frame_bytes:
            self._last, self._lost = packed, 0
            return from_int16(self._decoded(packed))
        self._lost += 1
        if self._last is None or self._lost > CONCEALED_FRAMES:
            return np.zeros(self.frame_samples, np.float32)
        return from_int16((self._decoded(self._last) * CONCEALED_GAIN**self._lost).astype(np.int16))

    def _decoded(self, packed: bytes) -> np.ndarray:
        speech = np.empty(self.frame_samples, np.int16)
        self._library.codec2_decode(self._state, speech.ctypes.data, packed)
        return speech

    def __del__(self) -> None:
        if self._state:
            self._library.codec2_destroy(self._state)


class Codec2:
    """Codec2 at one of its modes."""

    description = "its real library"

    def __init__(self, mode: str) -> None:
        """Take the mode, a key of MODES; nothing is opened yet."""
        self.mode = mode
        self.key = f"codec2-{mode.lower()}"
        self.title = f"Codec2 {mode}"
        self.rate_bps = float(mode.rstrip("C"))
        self.delay_samples = round(DELAYS_S[mode] * SAMPLE_RATE_HZ)

    def missing(self) -> CodecMissing | None:
        """Return why the mode cannot run, with the command that installs it; None when it can."""
        try:
            Codec2State(self.mode)
        except CodecMissing as reason:
            return reason
        return None

    def version(self) -> str:
        """Return the name of the library file and the version of its package."""
        library = _library()
        name = Path(library._name).name if library is not None else "missing"
        return f"{name} {package_version('codec2')}".strip()

    @cached_property
    def frame_samples(self) -> int:
        """Samples of one frame. Raises CodecMissing."""
        return Codec2State(self.mode).frame_samples

    @cached_property
    def frame_bits(self) -> int | None:
        """Bits of one frame. Raises CodecMissing."""
        return Codec2State(self.mode).frame_bits

    def open_encoder(self) -> Encode:
        """Return an encoder at the start of a transmission. Raises CodecMissing."""
        return Codec2State(self.mode).encode

    def open_decoder(self) -> Decode:
        """Return a decoder at the start of a transmission. Raises CodecMissing."""
        return Codec2State(self.mode).decode
