"""The past of a channel as the folder has it: overs and messages together, and what of them was missed."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.errors import FileProblem
from app.history.folder import (
    SUFFIX,
    TEXT_SUFFIX,
    Mark,
    mark_of,
    missed_files,
    named,
    part_files,
    past_files,
)
from app.history.overs import RecordedOver, read_over
from app.history.texts import RecordedText, read_text

RecordedEntry = RecordedOver | RecordedText
"""An over or a message from the disk."""


@dataclass(frozen=True, slots=True)
class PastEntry:
    """An over or a message in the folder."""

    path: Path
    recorded: RecordedEntry

    @property
    def mark(self) -> Mark:
        """The fate of the over or the message."""
        return mark_of(self.path)


@dataclass(frozen=True, slots=True)
class History:
    """The newest of what is in the folder, and the names of everything in it that was missed."""

    entries: tuple[PastEntry, ...] = ()
    """The oldest first."""
    missed: frozenset[str] = frozenset()


def read_entry(path: Path) -> RecordedEntry:
    """Read the file of an over or a message. Raises FileProblem."""
    return read_text(path) if path.suffix == TEXT_SUFFIX else read_over(path)


def read_past(folder: Path, most: int) -> History:
    """Read the newest overs and messages, at most so many; what is neither is left out. Blocking."""
    entries: list[PastEntry] = []
    for path in past_files(folder)[:most]:
        with contextlib.suppress(FileProblem):
            entries.append(PastEntry(path, read_entry(path)))
    return History(tuple(reversed(entries)), frozenset(path.name for path in missed_files(folder)))


def recover_parts(folder: Path) -> None:
    """Bring back what a killed program was about to keep, and remove what it had not written out.

    Nobody can say any more that an over of others was heard, so it counts as missed.
    """
    for part in part_files(folder):
        with contextlib.suppress(OSError), part.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises BlockingIOError while its writer lives
            for recorded, suffix in _readings(part):
                mark = Mark.SENT if recorded.direction == "sent" else Mark.MISSED
                named(part, f"{part.name.partition('-')[0]}-{mark}", suffix)
                break
            else:
                part.unlink()


def _readings(part: Path) -> Iterator[tuple[RecordedEntry, str]]:
    """Yield what a file is, read as an over and as a message, each with the end of its name."""
    for read, suffix in ((read_over, SUFFIX), (read_text, TEXT_SUFFIX)):
        with contextlib.suppress(FileProblem):
            yield read(part), suffix
