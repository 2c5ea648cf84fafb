"""Errors of the training stages, each with its cause and its cure."""

from __future__ import annotations

from codec.errors import CodecError


class TrainingError(CodecError):
    """A stage cannot start, or its result is not what was exported."""


class CorpusError(TrainingError):
    """A corpus cannot be read."""
