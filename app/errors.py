"""Errors that a user can do something about, each with its cause and its cure."""

from __future__ import annotations

from transport.texts import plain_text


class GossamerError(Exception):
    """Base class of the errors that this package raises on purpose.

    `str(error)` is one line for the user: the cause, then the cure if there is one. Whatever of a file's or a
    stranger's words stands in it is made plain here.
    """

    def __init__(self, cause: str, cure: str = "") -> None:
        """Take what went wrong, and what the user can do about it ("" where that is plain from the cause)."""
        self.cause = plain_text(cause)
        self.cure = plain_text(cure)
        super().__init__(self.cause, self.cure)

    def __str__(self) -> str:
        return one_line(self.cause, self.cure)


class FileProblem(GossamerError):
    """A file that cannot be read or written, or does not hold what it should."""


class DeviceError(GossamerError):
    """A microphone or loudspeaker that is missing, unknown, busy or cannot do what is needed."""


class NoDescriptors(DeviceError):
    """A sound system that is not asked, since the files that it needs cannot be opened now."""


def one_line(cause: str, cure: str) -> str:
    """Return cause and cure as one line for the user."""
    return f"{cause}: {cure}" if cure else cause


def os_reason(error: OSError) -> str:
    """Return why the operating system refused, in lower case, such as "permission denied"."""
    return (error.strerror or str(error)).lower()


def first_error(error: BaseException) -> BaseException:
    """Return the first single error inside the exception groups that nurseries raise.

    A real error goes before one that only says "cancelled".
    """
    if not isinstance(error, BaseExceptionGroup):
        return error
    inside = [first_error(part) for part in error.exceptions]
    return next((part for part in inside if isinstance(part, Exception)), inside[0])
