"""Key release on the byte level: what terminals send, and the events that Textual then sees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.message import Message

from app.tui.host.key_release import KeyReleaseParser, KeyReporting, KeyUp


def parse(text: str, *, in_pieces: bool = False) -> list[Message]:
    parser = KeyReleaseParser()
    pieces = list(text) if in_pieces else [text]
    return [message for piece in pieces for message in parser.feed(piece)]


def told(message: Message) -> str:
    match message:
        case events.Key():
            return message.key
        case KeyUp():
            return "UP"
        case KeyReporting():
            return f"reporting {message.release_is_told}"
        case _:
            return type(message).__name__


VECTORS = {
    "space, pressed, repeated, released": ("\x1b[32;1:1;32u\x1b[32;1:2;32u\x1b[32;1:3u", ["space", "space", "UP"]),
    "without its event type, as before": ("\x1b[32;;32u", ["space"]),
    "plain, from other terminals": (" ", ["space"]),
    "with num lock on": ("\x1b[32;129:1;32u\x1b[32;129:3u", ["space", "UP"]),
    "a letter's release is nobody's business": ("\x1b[109;1:1;109u\x1b[109;1:3u", ["m"]),
    "an arrow and its release": ("\x1b[1;1:1A\x1b[1;1:3A", ["up"]),
    "enter and its release": ("\x1b[13;1:1u\x1b[13;1:3u", ["enter"]),
    "a shift key alone": ("\x1b[57441;2:1u\x1b[57441;1:3u", ["left_shift"]),
    "no such character": ("\x1b[99999999999;1:1u ", ["space"]),
    "control-c": ("\x1b[99;5:1u\x1b[99;5:3u", ["ctrl+c"]),
    "releases are on": ("\x1b[?27u", ["reporting True"]),
    "the protocol without releases": ("\x1b[?25u", ["reporting False"]),
    "focus and mouse are Textual's as ever": ("\x1b[O\x1b[<0;5;5M\x1b[<0;5;5m", ["AppBlur", "MouseDown", "MouseUp"]),
}


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("in_pieces", [False, True])
def test_sequences(name: str, in_pieces: bool) -> None:
    """Every sequence gives its event, read whole or byte by byte."""
    text, expected = VECTORS[name]
    assert expected == [told(message) for message in parse(text, in_pieces=in_pieces)]


def test_a_repeated_space_still_types() -> None:
    """In a text field a held space has to type spaces."""
    (message,) = parse("\x1b[32;1:2;32u")
    assert isinstance(message, events.Key)
    assert " " == message.character


@given(st.text("\x1b[?;:0123456789uABIM<~ m", min_size=1, max_size=80))
def test_rubbish_is_survived(text: str) -> None:
    """No order of bytes stops the parser: after it a space is still understood."""
    parser = KeyReleaseParser()
    list(parser.feed(text))
    list(parser.feed("\x1b[201~" + "x" * 40))  # a paste is ended, an unfinished sequence is given up
    assert "space" in [told(message) for message in parser.feed("\x1b[32;1:1;32u")]
