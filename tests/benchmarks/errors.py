"""What the benchmark says when it cannot go on."""

from __future__ import annotations


class BenchmarkError(Exception):
    """One line that names the cause and the cure."""
