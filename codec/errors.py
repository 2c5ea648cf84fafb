"""Errors of the models and of their use, each with its cause and its cure."""

from __future__ import annotations


class CodecError(Exception):
    """Base class of the errors that this package raises on purpose.

    `str(error)` is one line for the user: the cause, then the cure if there is one.
    """

    def __init__(self, cause: str, cure: str = "") -> None:
        """Take what went wrong, and what the user can do about it ("" where that is plain from the cause)."""
        super().__init__(cause, cure)
        self.cause = cause
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.cause}: {self.cure}" if self.cure else self.cause


class ModelError(CodecError):
    """A model file is missing, damaged, or not what this version of the program runs."""
