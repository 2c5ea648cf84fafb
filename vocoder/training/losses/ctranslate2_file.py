"""Reading of CTranslate2's model files (`model.bin`): a kind, and named arrays."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec.training.errors import TrainingError

TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
"""Types of values by their number in a file."""


class _Cursor:
    """Little-endian values that are read one after the other."""

    def __init__(self, content: bytes) -> None:
        self.content, self.place = content, 0

    def number(self, code: str) -> int:
        """Return a whole number of a type as `struct` names it."""
        (value,) = struct.unpack_from(f"<{code}", self.content, self.place)
        self.place += struct.calcsize(code)
        return int(value)

    def text(self) -> str:
        """Return a text: its length in 16 bits, then its bytes and a zero."""
        length = self.number("H")
        self.place += length
        return self.content[self.place - length : self.place].rstrip(b"\0").decode()

    def values(self) -> NDArray[Any]:
        """Return an array: its shape, type, size in bytes, and values."""
        shape = [self.number("I") for _ in range(self.number("B"))]
        kind, size = np.dtype(TYPES[self.number("B")]), self.number("I")
        self.place += size
        return np.frombuffer(self.content, kind, size // kind.itemsize, self.place - size).reshape(shape)


def read_variables(path: Path, kind: str) -> dict[str, NDArray[Any]]:
    """Return the variables of a CTranslate2 model file by name.

    kind: the specification that the file has to name. Raises TrainingError for another file.
    """
    cure = "name the model.bin of a Whisper with --recogniser"
    try:
        cursor = _Cursor(path.read_bytes())
        cursor.number("I")  # version
        found = cursor.text()
        if found != kind:
            raise TrainingError(f"{path}: its kind is {found[:40]!r} and not {kind}", cure)
        cursor.number("I")  # revision
        return {cursor.text(): cursor.values() for _ in range(cursor.number("I"))}
    except (struct.error, UnicodeDecodeError, IndexError, ValueError) as error:
        raise TrainingError(f"{path}: no model file of CTranslate2 ({error})", cure) from error
    except OSError as error:
        raise TrainingError(f"{path}: {error.strerror}", cure) from error
