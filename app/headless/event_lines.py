"""Events as lines of JSON: each event of the engine by its name in the table, and a few of the host's own.

app/docs/station.md has the same table in prose; a test compares the two.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import re
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app import events

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class CommandRefused:
    """A line on standard input was no command, or could not be obeyed. Nothing else happens."""

    problem: str
    """One line: what is wrong with it."""


@dataclass(frozen=True, slots=True)
class LinkOpening:
    """Another link is being opened, as a command has asked."""

    link: str


@dataclass(frozen=True, slots=True)
class LinkRefused:
    """The link cannot be opened. After a change of link the one before is opened again."""

    link: str
    cause: str
    cure: str


@dataclass(frozen=True, slots=True)
class ButtonProblem:
    """The button is missing or was lost. The station goes on and looks for it."""

    cause: str
    cure: str


@dataclass(frozen=True, slots=True)
class ButtonReady:
    """The button works, for the first time or again."""

    name: str


@dataclass(frozen=True, slots=True)
class EventsDropped:
    """Standard output was not read in time: so many events before this one are missing."""

    count: int


@dataclass(frozen=True, slots=True)
class StationClosed:
    """The last line: the station has ended in order."""


HostEvent = CommandRefused | LinkOpening | LinkRefused | ButtonProblem | ButtonReady | EventsDropped | StationClosed
AnyEvent = events.Event | HostEvent


def name_of(kind: type) -> str:
    """Return the name of a kind of event in a line: StationReady is "station_ready"."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


KINDS: dict[str, type] = {name_of(kind): kind for union in (events.Event, HostEvent) for kind in typing.get_args(union)}
"""All kinds of events, by the names that they have in lines."""


def fields_of(kind: type) -> tuple[str, ...]:
    """Return the names of what a line of this kind of event holds, besides "event" and "at_s"."""
    return tuple(field.name for field in dataclasses.fields(kind))


def event_line(event: DataclassInstance, at_s: float) -> str:
    """Return an event, which is a dataclass, as one line of JSON, without its line feed.

    at_s: seconds since 1970, UTC.
    """
    facts = {field: _plain(getattr(event, field)) for field in fields_of(type(event))}
    return json.dumps({"event": name_of(type(event)), "at_s": round(at_s, 3), **facts}, allow_nan=False)


def _plain(value: Any) -> Any:
    """Return a value made of what JSON knows: words for enumerations, null for infinity."""
    if isinstance(value, enum.Enum):
        return value.name.lower() if isinstance(value.value, int) else value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
