"""Codec2 through its real library (Debian: libcodec2, which the package codec2 brings).

struct CODEC2 *codec2_create(int mode);
int codec2_samples_per_frame(struct CODEC2 *);
int codec2_bits_per_frame(struct CODEC2 *);
void codec2_encode(struct CODEC2 *, unsigned char *bits, short *speech);
void codec2_decode(struct CODEC2 *, short *speech, const unsigned char *bits);
void codec2_destroy(struct CODEC2 *);
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import numpy as np

from app.codecs import CodecMissing, Decode, Encode
from app.codecs.native import find_library, package_version, speech_of

MODES = {"450": 10, "700C": 8, "1200": 5, "1300": 4, "1600": 2, "2400": 1, "3200": 0}
"""codec2.h, CODEC2_MODE_*; their names are their rates."""
MISSING = "libcodec2 is not installed: apt-get install codec2"
CONCEALED_FRAMES = 3
CONCEALED_GAIN = 0.5
"""The library conceals nothing. As receivers commonly do, the last frame is decoded again for a lost one, softer each
time, then there is silence."""


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


class Codec2:
    """One encoder or decoder at work. Raises CodecMissing."""

    def __init__(self, mode: str) -> None:
        library = _library()
        if library is None:
            raise CodecMissing(f"Codec2 {mode}: {MISSING}")
        self._library = library
        self._state = library.codec2_create(MODES[mode])
        if not self._state:
            raise CodecMissing(f"Codec2 {mode}: libcodec2 was built without it", "apt-get install codec2")
        self.frame_samples: int = library.codec2_samples_per_frame(self._state)
        self.frame_bits: int = library.codec2_bits_per_frame(self._state)
        self.frame_bytes = (self.frame_bits + 7) // 8
        self._last: bytes | None = None
        self._lost = 0

    def encode(self, samples: np.ndarray) -> bytes:
        """samples: int16 [frame_samples]; returns frame_bytes."""
        speech = speech_of(samples, self.frame_samples)
        packed = ctypes.create_string_buffer(self.frame_bytes)
        self._library.codec2_encode(self._state, packed, speech.ctypes.data)
        return packed.raw

    def decode(self, packed: bytes | None) -> np.ndarray:
        """frame_bytes, or None for a lost frame; returns int16 [frame_samples]."""
        if packed is not None and len(packed) == self.frame_bytes:
            self._last, self._lost = packed, 0
            return self._decoded(packed)
        self._lost += 1
        if self._last is None or self._lost > CONCEALED_FRAMES:
            return np.zeros(self.frame_samples, np.int16)
        return (self._decoded(self._last) * CONCEALED_GAIN**self._lost).astype(np.int16)

    def _decoded(self, packed: bytes) -> np.ndarray:
        speech = np.empty(self.frame_samples, np.int16)
        self._library.codec2_decode(self._state, speech.ctypes.data, packed)
        return speech

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.codec2_destroy(self._state)


class Codec2Peer:
    """Codec2 at one of its modes."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.key = f"codec2-{mode.lower()}"
        self.title = f"Codec2 {mode}"
        self.rate_bps = float(mode.rstrip("C"))

    def missing(self) -> str | None:
        try:
            Codec2(self.mode)
        except CodecMissing as reason:
            return str(reason)
        return None

    def version(self) -> str:
        library = _library()
        name = Path(library._name).name if library is not None else "missing"
        return f"{name} {package_version('codec2')}".strip()

    @property
    def frame_samples(self) -> int:
        return Codec2(self.mode).frame_samples

    @property
    def frame_bits(self) -> int | None:
        return Codec2(self.mode).frame_bits

    def open_encoder(self) -> Encode:
        return Codec2(self.mode).encode

    def open_decoder(self) -> Decode:
        return Codec2(self.mode).decode
