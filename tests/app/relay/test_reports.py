"""Reports of a relay: each is a line, the document lists exactly what the lines hold, and each can be logged."""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from pathlib import Path

import pytest

from app.headless.event_lines import event_line, fields_of, name_of
from app.relay.reports import LinkFigures, RelayedLink, RelayReport, report_words
from transport.protocol.floor_states import State
from transport.protocol.frames import Mode

DOCUMENT = Path(__file__).parents[3] / "app" / "docs" / "relay.md"
KINDS = {name_of(kind): kind for kind in typing.get_args(RelayReport)}
FIGURES = LinkFigures("udp://:7800", True, State.RECEIVING, 3, 2, 1, 0, 1000, 2000, 5, 7, None)


def example(kind: type) -> typing.Any:
    """A report of this kind, with values of the right types."""
    values: dict[str, typing.Any] = {
        "str": "Bob\x1b[2J\n\u202e", "int": 3, "float": 1.5, "bool": False, "Mode": Mode.HAM,
        "tuple[str, ...]": ("udp://h", "udp://i"), "tuple[LinkFigures, ...]": (FIGURES,),
        "tuple[RelayedLink, ...]": (RelayedLink("udp://:7800", 4), RelayedLink("mqtt://h/c", 1, "one two three")),
    }  # fmt: skip
    return kind(**{field.name: values[str(field.type)] for field in dataclasses.fields(kind)})


def test_the_document_has_every_report_with_its_fields() -> None:
    """In the order in which a line has them; and no other. The parts of lists are named below the table."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \| (.*) \|$", DOCUMENT.read_text(), re.MULTILINE)
    written = {name: (tuple(re.findall(r"`(\w+)`", fields)), means) for name, fields, means in rows}
    assert {name: fields_of(kind) for name, kind in KINDS.items()} == {name: row[0] for name, row in written.items()}
    assert {name: kind.__doc__ for name, kind in KINDS.items()} == {name: row[1] for name, row in written.items()}
    below = DOCUMENT.read_text().partition("`links` of `relay_ready` have")[2].partition("## ")[0]
    named = set(re.findall(r"`(\w+)`", below))
    assert {*fields_of(RelayedLink), *fields_of(LinkFigures)} <= named


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_report_is_a_line(kind: type) -> None:
    """Of plain JSON, and of the log."""
    line = event_line(example(kind), 1.23456)
    assert line.isascii() and line.isprintable()
    assert ["event", "at_s", *fields_of(kind)] == list(json.loads(line))
    level, words = report_words(example(kind))
    assert level > 0 and words


def test_words_of_an_over() -> None:
    """How long it was, from where to where, and what was wrong with it."""
    _, words = report_words(KINDS["over_relayed"]("Ada", "udp://a", "udp://b", 10, 1, 4.2, False))
    assert "Ada: 3.2 s from udp://a to udp://b, 1 packet missing, 4.2 s late, cut off" == words
    _, words = report_words(KINDS["over_relayed"]("", "udp://a", "udp://b", 10, 0, 0.3, True))
    assert "somebody: 3.2 s from udp://a to udp://b" == words
