"""Files that appear whole or not at all.

A file is written under a temporary name beside its own and takes its own name when it is complete: whoever looks
meanwhile, and whoever comes after a crash, finds the old file or the new one. `-` is standard input or output.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from app.errors import FileProblem, os_reason

STANDARD_STREAM = "-"
"""File name that means standard input or output."""


def check_readable(path: str | Path) -> None:
    """Raise FileProblem for a file that is missing, is a folder, or may not be read."""
    try:
        if Path(path).is_dir():
            raise FileProblem(f"{path} is a folder", "name a file in it")
        with open(path, "rb"):
            pass
    except OSError as error:
        raise FileProblem(f"cannot read {path}: {os_reason(error)}") from error


def bounded_bytes(path: Path, most: int) -> bytes:
    """Return the content of a file that somebody else may have made. Raises OSError, and FileProblem if it is longer.

    Neither a device without an end nor a pipe into which nobody writes holds anybody up.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise FileProblem(f"{path} is no ordinary file", "name one")
        content = stream.read(most + 1)
    if len(content) > most:
        raise FileProblem(f"{path} is longer than {most} bytes, which is more than such a file has", "name another")
    return content


def make_folder(folder: Path) -> None:
    """Create a folder and those above it, unless it is there. Raises FileProblem."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileProblem(f"cannot make the folder {folder}: {os_reason(error)}") from error


@contextlib.contextmanager
def whole_file(path: str | Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its name only if the block ends without an exception.

    Otherwise nothing is left of it, and an old file of that name stays as it was. A pipe or a device is written to
    directly, since it cannot be replaced.

    private: for the user's own eyes (mode 0600); otherwise with the rights that any new file gets.
    Raises FileProblem.
    """
    target = Path(path)
    if target.is_dir():
        raise FileProblem(f"{target} is a folder", "name a file in it, or use --out for several files")
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        with open(target, "wb") as stream:
            yield stream
        return
    if not target.parent.is_dir():
        raise FileProblem(f"cannot write {target}: there is no folder {target.parent}", "make it first")
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise FileProblem(f"cannot write {target}: {os_reason(error)}") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            if not private:
                os.fchmod(stream.fileno(), 0o666 & ~_umask())  # mkstemp makes it 0600
        os.replace(temporary, target)
    except OSError as error:
        raise FileProblem(f"cannot write {target}: {os_reason(error)}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_whole(path: Path, text: str) -> None:
    """Write a small text file of the user's own (UTF-8, mode 0600), and its folder if need be. Raises FileProblem."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileProblem(f"cannot write {path}: {os_reason(error)}") from error
    with whole_file(path, private=True) as stream:
        stream.write(text.encode())


@contextlib.contextmanager
def packet_output(path: str | Path) -> Iterator[BinaryIO]:
    """Open what bytes are written to: a file that appears when complete, or standard output. Raises FileProblem."""
    if str(path) == STANDARD_STREAM:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with whole_file(path) as stream:
            yield stream
