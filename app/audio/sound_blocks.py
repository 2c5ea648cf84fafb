"""Sound as a library decodes it, block by block, as far as a damaged or truncated file lets it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from app.errors import FileProblem

PIECE_SAMPLES = 256
"""Samples, of each channel, that are read at a time near the place where a file is damaged: a block is lost whole."""
MAX_SPOOLED_BYTES = 1 << 30
"""Longest sound file that is read from a pipe, in bytes: an hour and a half at 48 kHz, stereo, 32 bits."""
LONGEST_PAGE_BYTES = 65307
"""Longest page of an Ogg file (RFC 3533, section 6)."""


def sound_blocks(sound: Any, again: Callable[[], Any], frames: int, *, quiet: bool) -> Iterator[NDArray[np.float32]]:
    """Yield float32 [n, channels], at most `frames` at a time, up to the end or the damage; then an empty block.

    again: opens the same file once more, from its beginning. quiet: keep the library from printing.
    """
    import soundfile  # here: decoding packets must not wait for it

    damage, done = (soundfile.LibsndfileError, RuntimeError), 0
    try:
        while len(block := _read(sound, frames, quiet)):
            done += len(block)
            yield block
    except damage:
        seen = 0
        with contextlib.suppress(*damage), again() as sound:
            while len(block := _read(sound, PIECE_SAMPLES, quiet)):
                seen += len(block)
                if seen > done:
                    yield block[-(seen - done) :]
    yield np.zeros((0, sound.channels), np.float32)


def _read(sound: Any, frames: int, quiet: bool) -> NDArray[np.float32]:
    """Return what comes next, also where the header of a truncated Ogg file leaves the library without a length."""
    out = np.empty((frames, sound.channels), np.float32)
    with silent() if quiet else contextlib.nullcontext():
        block: NDArray[np.float32] = sound.read(frames, out=out)
    return block


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Take file descriptor 2 away for a moment, from a library that prints to it."""
    try:
        saved = os.dup(2)
    except OSError:
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(nowhere)
        os.close(saved)


def spooled(start: bytes, stream: BinaryIO, path: str) -> BinaryIO:
    """Return a file with all that a pipe brings: sound files are not read from front to back. Raises FileProblem."""
    whole = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - the caller has it
    whole.write(start)
    size = len(start)
    while data := stream.read(1 << 20):
        size += len(data)
        if size > MAX_SPOOLED_BYTES:
            raise FileProblem(
                f"{path} brings more than {MAX_SPOOLED_BYTES} bytes of a sound file", "name a file instead"
            )
        whole.write(data)
    whole.flush()
    return whole


def ogg_has_end(whole: BinaryIO) -> bool:
    """Tell whether the last page of an Ogg file says that it is the last (RFC 3533, section 6: header type, bit 4)."""
    whole.seek(0, os.SEEK_END)
    whole.seek(max(0, whole.tell() - 2 * LONGEST_PAGE_BYTES))
    end = whole.read()
    page = end.rfind(b"OggS")
    return page >= 0 and len(end) > page + 5 and bool(end[page + 5] & 4)
