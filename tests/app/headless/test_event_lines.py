"""Events as lines: every kind can be written, and the document lists exactly what the lines hold."""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from pathlib import Path

import pytest

from app import events
from app.headless.commands import COMMANDS
from app.headless.event_lines import KINDS, HostEvent, LinkRefused, event_line, fields_of, name_of
from app.headless.logs import log_words
from transport.protocol.floor_states import State
from transport.protocol.frames import Mode

DOCUMENT = Path(__file__).parents[3] / "app" / "docs" / "station.md"


def section(title: str) -> dict[str, tuple[str, ...]]:
    """The rows of the table under a heading of the document: name, and the fields in its second column."""
    text = DOCUMENT.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", text, re.MULTILINE)
    return {name: tuple(re.findall(r"`(\w+)`", fields)) for name, fields in rows}


def test_the_document_has_every_event_with_its_fields() -> None:
    """In the order in which a line has them; and no other."""
    assert {name: fields_of(kind) for name, kind in KINDS.items()} == section("Events")


def test_the_document_has_every_command_with_its_arguments() -> None:
    """And no other."""
    assert {word: tuple(arguments) for word, arguments in COMMANDS.items()} == section("Commands")


def test_all_events_have_names_of_their_own() -> None:
    """Those of the engine and those of the host."""
    assert len(KINDS) == len(typing.get_args(events.Event)) + len(typing.get_args(HostEvent))


def example(kind: type) -> typing.Any:
    """An event of this kind, with values of the right types."""
    values: dict[str, typing.Any] = {
        "str": "Bob\x1b[2J\n\u202e", "int": 3, "float": 0.5, "bool": True, "State": State.ON_AIR, "Mode": Mode.HAM,
        "EndReason": events.EndReason.TIME_OUT, "Device": "microphone", "int | None": None,
        "float | None": None, "KeptKind": "message", "Direction": "heard",
        "tuple[str, ...]": ("udp",), "tuple[StationPresent, ...]": (events.StationPresent("Bob", 1.0),),
        "tuple[LayerRate, ...]": (events.LayerRate("voice", 800.0, float("nan")),),
    }  # fmt: skip
    return kind(**{field.name: values[str(field.type)] for field in dataclasses.fields(kind)})


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_event_is_a_line_of_plain_json(kind: type) -> None:
    """One line, with nothing that steers a terminal; and it can be logged."""
    line = event_line(example(kind), 1.23456)
    assert line.isascii() and line.isprintable()
    facts = json.loads(line)
    assert ("event", "at_s", *fields_of(kind)) == tuple(facts)
    assert (name_of(kind), 1.235) == (facts["event"], facts["at_s"])
    level, words = log_words(example(kind))
    assert level in (10, 20, 30) and words.startswith(name_of(kind).replace("_", " "))


def test_enumerations_are_words() -> None:
    """As a reader knows them from the screen."""
    assert "on air" == json.loads(event_line(events.FloorChanged(State.ON_AIR), 0))["state"]
    assert "ham" == json.loads(event_line(events.StationReady("udp://", "", 1, 2, Mode.HAM), 0))["mode"]


def test_a_problem_is_logged_with_its_cure() -> None:
    """As a warning."""
    assert (30, "link refused: no: try") == log_words(LinkRefused("udp://x:1", "no", "try"))
