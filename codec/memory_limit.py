"""A limit on what a piece of work may take of the memory, where the system can hold a process to one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

STATM = Path("/proc/self/statm")
"""File in which Linux says what this process takes, in pages."""
DATA_FIELD = 5
"""Place of data and stack in it."""


@contextlib.contextmanager
def memory_limit(more_bytes: int) -> Iterator[None]:
    """Let this process take no more than so many bytes beyond what it has, until the block ends.

    What wants more gets the error of a full memory: MemoryError in Python. It holds for all threads of the process.
    Only Linux keeps to it; elsewhere nothing is limited.
    """
    try:
        import resource

        taken = int(STATM.read_text().split()[DATA_FIELD]) * resource.getpagesize()
    except (ImportError, OSError, ValueError, IndexError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    bounds = [bound for bound in (soft, hard, taken + more_bytes) if bound != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(bounds), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
