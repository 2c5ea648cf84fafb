"""What goes wrong with models and their use. Messages are one line: the cause and the cure."""

from __future__ import annotations


class CodecError(Exception):
    """Base of what this package raises on purpose."""


class ModelError(CodecError):
    """A model file is missing, damaged, or not what this version of the program runs."""
