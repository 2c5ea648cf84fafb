"""Finding shared libraries of peers, and the versions of their packages."""

from __future__ import annotations

import ctypes
import ctypes.util
import shutil
import subprocess

import numpy as np


def find_library(name: str) -> ctypes.CDLL | None:
    """The library `lib<name>.so...`, or None when it is not installed."""
    path = ctypes.util.find_library(name)
    if path is None:
        return None
    try:
        return ctypes.CDLL(path)
    except OSError:
        return None


def package_version(package: str) -> str:
    """The version of an installed Debian package; empty elsewhere or when it is not installed."""
    if shutil.which("dpkg-query") is None:
        return ""
    query = ["dpkg-query", "--show", "--showformat", "${Version}", package]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()


def speech_of(samples: np.ndarray, frame_samples: int) -> np.ndarray:
    """samples: int16 [frame_samples]; a copy of them, for C functions that take it without const. Raises ValueError."""
    if samples.shape != (frame_samples,) or samples.dtype != np.int16:
        raise ValueError(f"a frame is int16 [{frame_samples}], not {samples.dtype} {list(samples.shape)}")
    return np.array(samples)
