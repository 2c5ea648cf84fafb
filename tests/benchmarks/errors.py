"""What the benchmark says when it cannot go on."""

from __future__ import annotations


class BenchmarkError(Exception):
    """An error of a benchmark: one line that names the cause and the cure."""
