"""The log of a station without a screen: to standard error, in the journal's form where that is what reads it."""

from __future__ import annotations

import logging
import os
import sys

from app import events
from app.headless import event_lines
from app.headless.event_lines import AnyEvent, name_of
from transport.texts import plain_text

LEVELS = ("debug", "info", "warning", "error")
"""Words for --log-level."""
PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}
"""Priorities of the journal (sd-daemon(3)), which a line begins with."""
FREQUENT = (
    events.Level,
    events.WireRate,
    events.PacketCounts,
    events.PlayoutState,
    events.FloorChanged,
    events.TalkDraining,
    events.ChannelCounts,
)
"""Events that only a log of everything names."""


class _PlainFormatter(logging.Formatter):
    """A formatter that lets no word of a stranger steer a terminal."""

    def __init__(self, *, journal: bool) -> None:
        super().__init__("%(message)s" if journal else "%(asctime)s %(levelname)s %(message)s")
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line = plain_text(super().format(record))
        return f"<{PRIORITIES.get(record.levelno, 6)}>{line}" if self._journal else line


def set_up_log(level: str) -> None:
    """Write the program's log to standard error from now on. level: one of LEVELS."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_PlainFormatter(journal=reads_journal()))
    logger = logging.getLogger("gossamer")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False
    logging.raiseExceptions = False  # a terminal that is gone stops nothing


def reads_journal() -> bool:
    """Tell whether the journal reads standard error: systemd names its device and inode in JOURNAL_STREAM.

    Python's own, for descriptor 2 is taken away from the native libraries.
    """
    try:
        found = os.fstat(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):  # closed, or none at all
        return False
    return os.environ.get("JOURNAL_STREAM", "") == f"{found.st_dev}:{found.st_ino}"


def log_words(event: AnyEvent) -> tuple[int, str]:
    """Return the level at which an event is logged, and its line: its name, and what is said of it."""
    name = name_of(type(event)).replace("_", " ")
    if isinstance(event, events.Problem | event_lines.ButtonProblem | event_lines.LinkRefused):
        return logging.WARNING, f"{name}: {event.cause}" + (f": {event.cure}" if event.cure else "")
    match event:
        case events.TalkDenied(why) | events.Collision(why) | event_lines.CommandRefused(why):
            return logging.WARNING, f"{name}: {why}"
    facts = ", ".join(f"{field} {getattr(event, field)}" for field in event_lines.fields_of(type(event)))
    return (logging.DEBUG if isinstance(event, FREQUENT) else logging.INFO), f"{name}: {facts}" if facts else name
