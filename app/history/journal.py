"""The journal of frames that a station keeps as it runs: captures, one after another, within a limit of their own."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.history.capture import MAX_CAPTURE_BYTES, CapturedFrame, LeftOut, header_line
from app.history.folder import CAPTURE_SUFFIX, STAMP, clear_oldest_journals

FILES_IN_THE_LIMIT = 4
"""Number of full journals that fit into the limit; a journal that is full is followed by another."""

_NUMBERS = itertools.count()
"""Numbers that tell the journals of one process apart, also those of one second."""


class Journal:
    """The journals of one run of a station. Blocking; for the thread that writes."""

    def __init__(self, folder: Path, limit_bytes: int, header: dict[str, Any], clock: Callable[[], float]) -> None:
        """Prepare to write into `folder`; nothing is written yet.

        limit_bytes: what the journals of all runs may take together. header: the first line of each. clock: returns UTC
        seconds.
        """
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._full_bytes = min(limit_bytes // FILES_IN_THE_LIMIT, MAX_CAPTURE_BYTES // 2)
        self._header = header
        self._clock = clock
        self._path: Path | None = None
        self._bytes = self._number = 0
        self._taken_bytes: int | None = None
        """Bytes that all journals take together; None before the folder was looked at."""

    def append(self, entries: list[CapturedFrame | LeftOut]) -> None:
        """Append entries, to a new file where there is none or it is full, and clear old journals beyond the limit.

        Take out of `entries` what is written. Raises OSError, after having taken back what was written of the last
        lines.
        """
        while entries:
            taken, lines = 0, b""
            for entry in entries:
                line = entry.line().encode()
                if lines and len(lines) + len(line) > self._full_bytes // 2:
                    break
                taken += 1
                lines += line
            self._append(lines)
            del entries[:taken]

    def _append(self, lines: bytes) -> None:
        if self._taken_bytes is None or self._taken_bytes + len(lines) > self._limit_bytes:
            self._taken_bytes = clear_oldest_journals(self._folder, self._limit_bytes - len(lines))
        if self._path is None or self._bytes + len(lines) > self._full_bytes or not self._path.exists():
            self._number = next(_NUMBERS)
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            stamp = datetime.fromtimestamp(self._clock(), UTC).strftime(STAMP)
            self._path = self._folder / f"{stamp}-{os.getpid()}-{self._number:04}{CAPTURE_SUFFIX}"
            self._bytes = 0
            lines = header_line(self._header).encode() + lines
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with open(handle, "ab", buffering=0) as stream:  # buffered, what did not fit would be tried again on closing
            before = stream.seek(0, os.SEEK_END)
            try:
                rest = memoryview(lines)
                while rest:
                    rest = rest[stream.write(rest) :]
            except OSError:
                with contextlib.suppress(OSError):
                    stream.truncate(before)  # no half lines
                if not before:
                    self._path.unlink(missing_ok=True)
                    self._path = None
                raise
        self._bytes += len(lines)
        self._taken_bytes += len(lines)
