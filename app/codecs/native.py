"""Common parts of the bindings to shared libraries: finding a library, its version, and its samples."""

from __future__ import annotations

import ctypes
import ctypes.util
import shutil
import subprocess

import numpy as np
from numpy.typing import NDArray

from app.audio.sound_files import to_int16
from app.codecs.reference import Speech


def find_library(name: str) -> ctypes.CDLL | None:
    """Return the library `lib<name>.so...`, or None when it is not installed."""
    path = ctypes.util.find_library(name)
    if path is None:
        return None
    try:
        return ctypes.CDLL(path)
    except OSError:
        return None


def package_version(package: str) -> str:
    """Return the version of an installed Debian package; "" on other systems, or when it is not installed."""
    if shutil.which("dpkg-query") is None:
        return ""
    query = ["dpkg-query", "--show", "--showformat", "${Version}", package]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()


def int16_frame(samples: Speech, frame_samples: int) -> NDArray[np.int16]:
    """Return one frame, float32 [frame_samples], as the int16 samples that C libraries take.

    The result is a copy: C functions may take it without `const`. Raises ValueError for another shape or dtype, because
    C code would read past the end.
    """
    if samples.shape != (frame_samples,) or samples.dtype != np.float32:
        raise ValueError(f"a frame is float32 [{frame_samples}], not {samples.dtype} {list(samples.shape)}")
    return np.ascontiguousarray(to_int16(samples), np.int16)
