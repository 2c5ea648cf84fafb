"""The folder of past overs, messages and journals: names, marks, and the room that each of them may take.

    20260131T080910Z-missed.over      an over that came while nobody listened
    20260131T080955Z-delivered.text   a message of ours that was confirmed
    20260131T080000Z-4711-0000.capture

What became of an over or a message is in the name of its file and nowhere else. So a mark is changed in one step that a
crash cannot leave half done, is the same for every program that looks, and outlives all of them.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import os
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

SUFFIX = ".over"
"""End of the name of a recorded over."""
TEXT_SUFFIX = ".text"
"""End of the name of a message."""
CAPTURE_SUFFIX = ".capture"
"""End of the name of a journal of frames."""
PART_SUFFIX = ".part"
"""End of the name of an over or a message that is being written."""
KEPT_AFTER_CLEARING = 0.9
"""Fraction of the limit that clearing leaves, so that it is not done for every over."""
STAMP = "%Y%m%dT%H%M%SZ"
"""Time in the names of files, UTC."""
OPEN_SHARE = 0.25
"""Fraction of the limit for overs that is left to those heard on an open channel, which anybody can make. What ours and
those of sealed channels do not take is theirs as well."""
HEADER_BYTES = 4096
"""First bytes of an over or a message in which its direction and its channel stand."""
TEXTS_KEPT = 500
"""Messages that are kept of each kind of `Writer`. They have limits of their own: whoever writes to a station costs it
neither recordings, nor what it has written itself, nor, on an open channel, what those of a sealed one wrote."""


class Mark(enum.StrEnum):
    """The fate of an over or a message; the value is the word in the name of its file."""

    MISSED = "missed"
    """It came while nobody listened, and has not been played or read since."""
    HEARD = "heard"
    """It was played to somebody, or shown."""
    SENT = "sent"
    """It is ours."""
    DELIVERED = "delivered"
    """It is a message of ours, and its receipt came."""


class Writer(enum.Enum):
    """The writer of a message, by the room that it takes."""

    OURS = "ours"
    MEMBER = "member"
    """Another station of a sealed channel, or of one that is signed."""
    ANYBODY = "anybody"
    """Somebody on an open channel."""


OF_OTHERS = (Mark.MISSED, Mark.HEARD)
"""The marks of what others said and wrote."""


def mark_of(path: Path) -> Mark:
    """Return the mark of a file: heard where the name, which somebody else may have given it, has none."""
    word = path.stem.partition("-")[2].partition("-")[0]
    return Mark(word) if word in tuple(Mark) else Mark.HEARD


def write_new(folder: Path, utc_s: float, mark: Mark, suffix: str, content: bytes) -> Path:
    """Write a new file into the folder, whole or not at all, and return its path. Raises OSError.

    utc_s: the time for its name, in seconds since 1970.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    stamp = datetime.fromtimestamp(utc_s, UTC).strftime(STAMP)
    part = folder / f"{stamp}-{os.getpid()}-{threading.get_native_id()}{PART_SUFFIX}"
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)  # whoever finds it unlocked knows that its writer is dead
            stream.write(content)
            stream.flush()
            return named(part, f"{stamp}-{mark}", suffix)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def marked(path: Path, mark: Mark) -> Path:
    """Give a file another mark, and return its new path. Raises OSError, also where it is gone."""
    if mark_of(path) is mark:
        return path
    stamp = path.name.partition("-")[0]
    return named(path, f"{stamp}-{mark}", path.suffix)


def named(old: Path, stem: str, suffix: str) -> Path:
    """Give a complete file the first free name that begins so, and return it. Raises OSError.

    Two stations may keep an over in the same second: a name that is taken is never taken over.
    """
    number = 1
    while True:
        path = old.with_name(f"{stem}{'' if number == 1 else f'-{number}'}{suffix}")
        try:
            os.link(old, path)
        except FileExistsError:
            number += 1
            continue
        except FileNotFoundError:
            raise
        except OSError:  # a file system without links
            if path.exists():
                number += 1
                continue
            old.replace(path)
            return path
        old.unlink()
        return path


def over_files(folder: Path) -> list[Path]:
    """Return the files of recorded overs, the newest first."""
    return _sorted(folder.glob(f"*{SUFFIX}"))


def text_files(folder: Path) -> list[Path]:
    """Return the files of messages, the newest first."""
    return _sorted(folder.glob(f"*{TEXT_SUFFIX}"))


def past_files(folder: Path) -> list[Path]:
    """Return the files of overs and of messages together, the newest first."""
    return _sorted([*folder.glob(f"*{SUFFIX}"), *folder.glob(f"*{TEXT_SUFFIX}")])


def missed_files(folder: Path) -> list[Path]:
    """Return the files of what was missed, overs and messages, the oldest first."""
    of_both = (folder.glob(f"*-{Mark.MISSED}*{suffix}") for suffix in (SUFFIX, TEXT_SUFFIX))
    return _sorted(path for files in of_both for path in files if mark_of(path) is Mark.MISSED)[::-1]


def capture_files(folder: Path) -> list[Path]:
    """Return the journals of frames, one or more for each run of the program, the newest first."""
    return _sorted(folder.glob(f"*{CAPTURE_SUFFIX}"))


def part_files(folder: Path) -> list[Path]:
    """Return the files that are being written, or that a killed program left behind."""
    return sorted(folder.glob(f"*{PART_SUFFIX}"))


def everything_kept(folder: Path) -> list[Path]:
    """Return all files with speech or words in them: overs, messages, journals, and what a killed program left."""
    return [*over_files(folder), *text_files(folder), *capture_files(folder), *part_files(folder)]


def folder_bytes(folder: Path) -> int:
    """Return the bytes that everything kept takes up."""
    return sum(size for _, size in _sizes(everything_kept(folder)))


def clear_oldest_overs(folder: Path, limit_bytes: int) -> tuple[int, int]:
    """Remove the oldest overs until the rest is well below the limit.

    Return the bytes that are left of ours and of those of sealed channels, and of those heard on an open channel. Only
    the former themselves push the former out, beyond 1 - OPEN_SHARE of the limit; the latter get what is left.
    """
    files = [*part_files(folder), *over_files(folder)]
    anybodys = {path for path in files if _is_anybodys(path)}
    ours_bytes = _clear_oldest([path for path in files if path not in anybodys], ours_limit(limit_bytes))
    return ours_bytes, _clear_oldest([path for path in files if path in anybodys], limit_bytes - ours_bytes)


def ours_limit(limit_bytes: int) -> int:
    """Return the bytes that our overs, and those of sealed channels, may take of the limit for all overs."""
    return int(limit_bytes * (1 - OPEN_SHARE))


def _is_anybodys(path: Path) -> bool:
    """Tell whether an over or message was heard on an open channel, by its first line: in texts, quotes are escaped."""
    if mark_of(path) not in OF_OTHERS:
        return False
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            line = stream.read(HEADER_BYTES).partition(b"\n")[0]
    except OSError:
        return False
    return b'"direction": "heard"' in line and b'"channel": "open"' in line


def clear_oldest_journals(folder: Path, limit_bytes: int) -> int:
    """Remove the oldest journals until the rest is well below the limit; return the bytes that are left."""
    return _clear_oldest(capture_files(folder), limit_bytes)


def clear_oldest_texts(folder: Path, writer: Writer) -> int:
    """Remove the oldest messages of one kind of writer, where there are TEXTS_KEPT; return the number left."""
    files = [path for path in text_files(folder) if _writer_of(path) is writer]
    if len(files) < TEXTS_KEPT:
        return len(files)
    left = int(KEPT_AFTER_CLEARING * TEXTS_KEPT)
    for path in files[left:]:
        with contextlib.suppress(OSError):
            path.unlink()
    return left


def _writer_of(path: Path) -> Writer:
    """Return the writer of a message, from its file."""
    if mark_of(path) not in OF_OTHERS:
        return Writer.OURS
    return Writer.ANYBODY if _is_anybodys(path) else Writer.MEMBER


def _sorted(files: Iterable[Path]) -> list[Path]:
    return sorted(files, key=_age, reverse=True)


def _age(path: Path) -> tuple[str, int, int, str]:
    """Return the key to sort by: the second in the name, then the file's own time.

    The number in the name alone would sort 10 before 2.
    """
    stamp, _, rest = path.name.partition("-")
    try:
        return stamp, path.stat().st_mtime_ns, len(rest), rest
    except OSError:
        return stamp, 0, len(rest), rest


def _clear_oldest(files: list[Path], limit_bytes: int) -> int:
    left = _sizes(files)
    total = sum(size for _, size in left)
    if total <= limit_bytes:
        return total
    for path, size in sorted(left, key=lambda entry: _age(entry[0])):
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size
        if total <= KEPT_AFTER_CLEARING * limit_bytes:
            break
    return total


def _sizes(files: list[Path]) -> list[tuple[Path, int]]:
    sizes = []
    for path in files:
        with contextlib.suppress(OSError):
            sizes.append((path, path.stat().st_size))
    return sizes
