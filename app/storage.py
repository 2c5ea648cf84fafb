"""Files that appear whole or not at all.

A file is written under a temporary name beside its own and takes its own name when it is complete: whoever looks
meanwhile, and whoever comes after a crash, finds the old file or the new one. `-` is standard input or output.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import select
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from app.console import answering, note
from app.errors import FileProblem, os_reason

STANDARD_STREAM = "-"
"""File name that means standard input or output."""
PART_SUFFIX = ".part"
"""End of the name of a file that is not complete."""


WRITER_S = 10.0
"""Time that a pipe is waited for into which nobody writes yet, in seconds."""


def open_input(path: str | Path, what: str = "") -> BinaryIO:
    """Open a file, a pipe, or standard input for reading, once: a pipe gives its content only once.

    what: what the file is, for the messages, such as "the passphrase file ".

    Raises FileProblem for what is missing, is a folder, may not be read, or is a pipe into which nobody writes.
    """
    if str(path) == STANDARD_STREAM:
        if sys.stdin is None:
            raise FileProblem("standard input is closed", "name a file, or feed a pipe")
        return sys.stdin.buffer
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would wait for its writer here
    except OSError as error:
        raise FileProblem(f"cannot read {what}{path}: {os_reason(error)}") from error
    mode = os.fstat(handle).st_mode
    if stat.S_ISDIR(mode):
        os.close(handle)
        raise FileProblem(f"{what}{path} is a folder", "name a file in it")
    stream = os.fdopen(handle, "rb")
    if stat.S_ISFIFO(mode):
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        if not waiting.poll(WRITER_S * 1000):
            stream.close()
            raise FileProblem(f"nobody writes into the pipe {path}", "start what fills it, or name a file")
    os.set_blocking(handle, True)
    return stream


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


def is_ordinary(stream: BinaryIO) -> bool:
    """Tell whether a stream is a file that can be read twice."""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:
        return False


def warn_of_readers(path: Path) -> None:
    """Tell the user where a file that holds a secret can be read by others on this machine."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IROTH):
        note(f"others on this machine can read {path}: chmod 600 {path}")


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
    old = _existing(target)
    if old is not None and not stat.S_ISREG(old.st_mode):
        with _opened(target, os.O_WRONLY) as stream:
            yield stream
        return
    if target.is_symlink():
        target = Path(os.path.realpath(target))  # a link stays a link, and what it names is replaced
    if not target.parent.is_dir():
        raise FileProblem(f"cannot write {target}: there is no folder {target.parent}", "make it first")
    try:
        _remove_abandoned(target)
        handle, temporary = tempfile.mkstemp(prefix=_part_prefix(target), suffix=PART_SUFFIX, dir=target.parent)
    except OSError as error:
        raise FileProblem(f"cannot write {target}: {os_reason(error)}") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)  # whoever finds it unlocked knows that its writer is dead
            yield stream
            stream.flush()
            if old is not None:
                os.fchmod(stream.fileno(), stat.S_IMODE(old.st_mode))
            elif not private:
                os.fchmod(stream.fileno(), 0o666 & ~_umask())  # mkstemp makes it 0600
            os.replace(temporary, target)
    except OSError as error:
        raise FileProblem(f"cannot write {target}: {os_reason(error)}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


@contextlib.contextmanager
def recording_file(path: str | Path) -> Iterator[BinaryIO]:
    """Open a new file for what cannot be had twice, unbuffered: whatever ends the block, what was written stays.

    An old file is never replaced, unless it is empty. Raises FileProblem.
    """
    target = Path(path)
    old = _existing(target)
    if old is not None and stat.S_ISREG(old.st_mode) and old.st_size:
        raise FileProblem(f"{target} is there already, and a recording is not replaced", "name another file")
    with _opened(target, os.O_WRONLY | (os.O_CREAT | os.O_EXCL if old is None else 0), buffering=0) as stream:
        try:
            yield stream
        except OSError as error:
            cause = f"cannot write {target}: {os_reason(error)}; what was recorded until then is in it"
            raise FileProblem(cause, "make room") from error


def _existing(target: Path) -> os.stat_result | None:
    """Return the status of what has this name; None for nothing. Raises FileProblem for a folder."""
    try:
        found = target.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise FileProblem(f"cannot write {target}: {os_reason(error)}") from error
    if stat.S_ISDIR(found.st_mode):
        raise FileProblem(f"{target} is a folder", "name a file in it, or use --out for several files")
    return found


@contextlib.contextmanager
def _opened(target: Path, flags: int, buffering: int = -1) -> Iterator[BinaryIO]:
    """Open a file, a pipe or a device and write to it directly. Raises FileProblem."""
    if not target.parent.is_dir():
        raise FileProblem(f"cannot write {target}: there is no folder {target.parent}", "make it first")
    try:
        handle = os.open(target, flags, 0o666)
    except OSError as error:
        raise FileProblem(f"cannot write {target}: {os_reason(error)}") from error
    try:
        with open(handle, "wb", buffering=buffering) as stream:
            yield stream
    except BrokenPipeError:
        raise  # whoever read has had enough
    except OSError as error:
        raise FileProblem(f"cannot write {target}: {os_reason(error)}") from error


def _part_prefix(target: Path) -> str:
    return f".{target.name[:100]}."


def _remove_abandoned(target: Path) -> None:
    """Remove what a killed program had begun to write in place of this file: it is locked while its writer lives."""
    for part in target.parent.glob(f"{glob.escape(_part_prefix(target))}????????{PART_SUFFIX}"):
        with contextlib.suppress(OSError), open(part, "rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


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
        if sys.stdout is None:
            raise FileProblem("standard output is closed", "name a file")
        with answering():
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
    else:
        with whole_file(path) as stream:
            yield stream
