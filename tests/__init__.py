"""Tests, benchmarks and tools."""

import codec as _codec  # noqa: F401 - before any of them, or a library of theirs, loads onnxruntime: it reports its use
