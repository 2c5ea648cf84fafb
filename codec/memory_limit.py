"""A limit on what a piece of work may take of the memory, and the return of memory to the system."""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Iterator
from pathlib import Path

STATM = Path("/proc/self/statm")
"""File in which Linux says what this process takes, in pages."""
DATA_FIELD = 5
"""Place of data and stack in it."""


class MemoryLimit:
    """The limit of this process, for as many pieces of work at a time as there are.

    Each reading and restoring what the process was held to would leave the last one's limit behind for good.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at_work = 0
        self._before = (-1, -1)
        """The soft and the hard limit from before the first piece of work, in bytes; -1: none."""

    @contextlib.contextmanager
    def of(self, more_bytes: int) -> Iterator[None]:
        """Let this process take no more than so many bytes beyond what it has, until the last such block ends.

        What wants more gets the error of a full memory: MemoryError in Python. It holds for all threads of the
        process. Only Linux keeps to it; elsewhere nothing is limited.
        """
        try:
            import resource

            taken = int(STATM.read_text().split()[DATA_FIELD]) * resource.getpagesize()
        except (ImportError, OSError, ValueError, IndexError):
            yield
            return
        with self._lock:
            if not self._at_work:
                self._before = resource.getrlimit(resource.RLIMIT_DATA)
            self._at_work += 1
            bounds = [bound for bound in (*self._before, taken + more_bytes) if bound != resource.RLIM_INFINITY]
            resource.setrlimit(resource.RLIMIT_DATA, (min(bounds), self._before[1]))
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1
                if not self._at_work:
                    resource.setrlimit(resource.RLIMIT_DATA, self._before)


memory_limit = MemoryLimit().of
"""The limit of this process: `with memory_limit(more_bytes):`."""


def give_back_memory() -> None:
    """Give the system what loading a graph took for a moment, 12 MB of a listener's: glibc keeps it otherwise."""
    with contextlib.suppress(AttributeError):  # no glibc
        ctypes.CDLL(None).malloc_trim(0)
