"""What the user can do something about."""

from __future__ import annotations


class GossamerError(Exception):
    """Base of what this package raises on purpose. The message is one line: the cause, then the cure."""


class FileProblem(GossamerError):
    """A file that cannot be read, or written, or is not what it should be."""


class DeviceError(GossamerError):
    """A microphone or loudspeaker that is missing, unknown, busy or cannot do what is needed."""


def first_error(error: BaseException) -> BaseException:
    """The first single error inside the groups that nurseries make, one that says more than "cancelled" if there is."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    inside = [first_error(part) for part in error.exceptions]
    return next((part for part in inside if isinstance(part, Exception)), inside[0])
