"""Commands as lines of JSON: {"command": "key", "down": true}. No I/O: bytes in, commands out.

app/docs/station.md has the same table in prose; a test compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.settings.model import OPTIONS

LONGEST_LINE = 4096
"""Largest number of bytes in a command, its line feed included."""


class CommandError(Exception):
    """A line that is no command; `str` says in one line why."""


@dataclass(frozen=True, slots=True)
class LineCommand:
    """A command as it was given: its word, and its arguments by name."""

    word: str
    arguments: dict[str, Any] = field(default_factory=dict)


class Argument(NamedTuple):
    """An argument of a command."""

    fits: Callable[[Any], bool]
    allowed: str
    """The allowed values, in words that follow "must be"."""
    default: Any = ...
    """The value where it is left out; ... where it may not be."""


def _is_text(value: Any) -> bool:
    """Tell whether a value is a text that can be sent: JSON can name half a character, UTF-8 cannot."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _number_for(setting: str) -> Argument:
    """Return an argument that a setting bounds."""
    option = OPTIONS[setting]

    def fits(value: Any) -> bool:
        try:
            option.read(value)
        except (TypeError, ValueError, OverflowError):
            return False
        return not isinstance(value, str)

    return Argument(fits, option.allowed)


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


SWITCH, TEXT = Argument(_is_switch, "true or false"), Argument(_is_text, "a text in whole characters")
COMMANDS: dict[str, dict[str, Argument]] = {
    "key": {"down": SWITCH},
    "text": {
        "text": TEXT,
        "to": Argument(lambda value: value is None or _is_text(value), "a name or null", None),
        "confirm": Argument(_is_switch, "true or false", False),
    },
    "addressee": {"name": TEXT},
    "mute": {"on": SWITCH},
    "volume": {"volume": _number_for("volume")},
    "gain": {"gain_db": _number_for("gain_db")},
    "vox": {"on": SWITCH},
    "replay": {},
    "missed": {},
    "away": {"on": SWITCH},
    "link": {"link": TEXT},
    "figures": {"on": SWITCH},
    "quit": {},
}
"""All commands with their arguments."""


def read_command(line: bytes) -> LineCommand:
    """Return the command in a line. Raises CommandError."""
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        raise CommandError("this line is no JSON") from None
    if not isinstance(given, dict) or not isinstance(given.get("command"), str):
        raise CommandError('a command is an object with "command": one of ' + ", ".join(COMMANDS))
    word = given.pop("command")
    if word not in COMMANDS:
        raise CommandError(f"there is no command {word[:32]!r}: it must be one of " + ", ".join(COMMANDS))
    wanted = COMMANDS[word]
    if unknown := next((name for name in given if name not in wanted), None):
        raise CommandError(f"{word} has no argument {unknown[:32]!r}")
    for name, argument in wanted.items():
        if name not in given and argument.default is ...:
            raise CommandError(f"{word} needs {name!r}: it must be {argument.allowed}")
        if name in given and not argument.fits(given[name]):
            raise CommandError(f"{name!r} of {word} must be {argument.allowed}")
    return LineCommand(word, {name: given.get(name, argument.default) for name, argument in wanted.items()})


class LineReader:
    """Pieces of a stream put together to lines. A line that is too long is dropped as it comes."""

    def __init__(self) -> None:
        self._rest = b""
        self._dropping = False

    def push(self, octets: bytes) -> list[bytes | None]:
        """Return the lines that these bytes complete, without line feeds; None for one that was too long."""
        lines: list[bytes | None] = []
        *whole, self._rest = (self._rest + octets).split(b"\n")
        for line in whole:
            lines.append(None if self._dropping or len(line) >= LONGEST_LINE else line)
            self._dropping = False
        if len(self._rest) >= LONGEST_LINE:
            self._rest, self._dropping = b"", True
        return lines
