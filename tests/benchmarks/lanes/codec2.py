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

from ..errors import BenchmarkError
from . import Coded, Decode, Encode, run_frames
from .library import find_library, package_version

MODES = {"3200": 0, "2400": 1, "1600": 2, "1400": 3, "1300": 4, "1200": 5, "700C": 8, "450": 10}
"""codec2.h, CODEC2_MODE_*."""
FLUSH_S = 0.2
"""Silence coded after the clip, not counted in its bits: pushes out what the codec still holds."""
INSTALL = "apt-get install codec2"


@cache
def _library() -> ctypes.CDLL | None:
    library = find_library("codec2")
    if library is not None:
        library.codec2_create.restype = ctypes.c_void_p
        library.codec2_create.argtypes = [ctypes.c_int]
        for name in ("codec2_destroy", "codec2_samples_per_frame", "codec2_bits_per_frame"):
            getattr(library, name).argtypes = [ctypes.c_void_p]
        for name in ("codec2_encode", "codec2_decode"):
            getattr(library, name).argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    return library


class Codec2:
    """One encoder or decoder at work."""

    def __init__(self, mode: str) -> None:
        library = _library()
        if library is None:
            raise BenchmarkError(f"libcodec2 is not installed: {INSTALL}")
        self._library = library
        self._state = library.codec2_create(MODES[mode])
        if not self._state:
            raise BenchmarkError(f"libcodec2 was built without mode {mode}: {INSTALL}")
        self.frame_samples: int = library.codec2_samples_per_frame(self._state)
        self.frame_bits: int = library.codec2_bits_per_frame(self._state)
        self.frame_bytes = (self.frame_bits + 7) // 8

    def encode(self, samples: np.ndarray) -> bytes:
        """samples: int16 [frame_samples]; returns frame_bytes."""
        speech = np.array(samples, np.int16)  # a copy: the C function takes it without const
        assert speech.shape == (self.frame_samples,)
        packed = ctypes.create_string_buffer(self.frame_bytes)
        self._library.codec2_encode(self._state, packed, speech.ctypes.data)
        return packed.raw

    def decode(self, packed: bytes) -> np.ndarray:
        """Returns int16 [frame_samples]."""
        assert len(packed) == self.frame_bytes
        speech = np.empty(self.frame_samples, np.int16)
        self._library.codec2_decode(self._state, speech.ctypes.data, packed)
        return speech

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.codec2_destroy(self._state)


class Codec2Lane:
    """Codec2 at one of its modes."""

    ours = False

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.key = f"codec2-{mode.lower()}"
        self.title = f"Codec2 {mode}"

    def missing(self) -> str | None:
        return None if _library() is not None else f"{self.title}: libcodec2 is not installed: {INSTALL}"

    def version(self) -> str:
        library = _library()
        name = Path(library._name).name if library is not None else "missing"
        return f"{name} {package_version('codec2')}".strip()

    @property
    def frame_samples(self) -> int:
        return Codec2(self.mode).frame_samples

    def open_encoder(self) -> Encode:
        return Codec2(self.mode).encode

    def open_decoder(self) -> Decode:
        return Codec2(self.mode).decode

    def run(self, samples: np.ndarray) -> Coded:
        return run_frames(self, samples, FLUSH_S, Codec2(self.mode).frame_bits)
