"""Commands from standard input: good ones, wrong ones, and rubbish in pieces of any length."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.headless.commands import COMMANDS, LONGEST_LINE, CommandError, LineCommand, LineReader, read_command


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ('{"command": "key", "down": true}', LineCommand("key", {"down": True})),
        ('{"command": "text", "text": "hi"}', LineCommand("text", {"text": "hi", "to": None, "confirm": False})),
        (
            '{"command": "text", "text": "hi", "to": "Bob", "confirm": true}',
            LineCommand("text", {"text": "hi", "to": "Bob", "confirm": True}),
        ),
        ('{"command": "volume", "volume": 0.5}', LineCommand("volume", {"volume": 0.5})),
        ('  {"command":"quit"}\r', LineCommand("quit")),
    ],
)
def test_a_command_is_read(line: str, command: LineCommand) -> None:
    """With its arguments; those that may be left out have their value."""
    assert command == read_command(line.encode())


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("key down", "this line is no JSON"),
        ("\xff\xfe", "this line is no JSON"),
        ("[" * 4000, "this line is no JSON"),
        ("[]", 'a command is an object with "command": one of key, text'),
        ('{"command": 7}', 'a command is an object with "command"'),
        ('{"command": "launch"}', "there is no command 'launch': it must be one of key, text"),
        ('{"command": "key"}', "key needs 'down': it must be true or false"),
        ('{"command": "key", "down": 1}', "'down' of key must be true or false"),
        ('{"command": "key", "down": true, "up": 1}', "key has no argument 'up'"),
        ('{"command": "volume", "volume": 2}', "'volume' of volume must be a number from 0 to 1"),
        ('{"command": "volume", "volume": true}', "'volume' of volume must be a number from 0 to 1"),
        ('{"command": "gain", "gain_db": NaN}', "'gain_db' of gain must be a number of dB"),
        ('{"command": "gain", "gain_db": 99}', "'gain_db' of gain must be a number of dB from -20 to 30"),
        ('{"command": "gain", "gain_db": 1' + 400 * "0" + "}", "'gain_db' of gain must be a number of dB"),
        ('{"command": "volume", "volume": -1' + 400 * "0" + "}", "'volume' of volume must be a number from 0 to 1"),
        ('{"command": "text", "text": null}', "'text' of text must be a text"),
        ('{"command": "text", "text": "\\ud800"}', "'text' of text must be a text in whole characters"),
    ],
)
def test_a_wrong_command_is_refused_in_one_line(line: str, problem: str) -> None:
    """Which says what would be right."""
    with pytest.raises(CommandError) as error:
        read_command(line.encode("latin-1"))
    assert str(error.value).startswith(problem)
    assert "\n" not in str(error.value)


@given(st.binary(max_size=200))
def test_no_line_raises_anything_else(line: bytes) -> None:
    """Whatever it holds."""
    try:
        command = read_command(line)
    except CommandError:
        return
    assert command.word in COMMANDS


VALUES: st.SearchStrategy[object] = st.sampled_from(
    [None, True, 0, -1, 1e308, 10**400, "", "\ud800", "Bob", "x" * 3000, [], {}, [[]]]
)


@given(st.dictionaries(st.sampled_from(["down", "text", "to", "on", "volume", "link"]), VALUES))
def test_no_object_raises_anything_else(facts: dict[str, object]) -> None:
    """Whatever its fields are."""
    for word, arguments in COMMANDS.items():
        try:
            command = read_command(json.dumps({**facts, "command": word}).encode())
        except CommandError:
            continue
        assert set(arguments) == set(command.arguments)


@given(st.lists(st.binary(max_size=50).filter(lambda line: b"\n" not in line)), st.integers(1, 7))
def test_lines_come_out_whole_in_pieces_of_any_length(lines: list[bytes], length: int) -> None:
    """And in their order."""
    octets = b"".join(line + b"\n" for line in lines)
    reader = LineReader()
    assert lines == [line for at in range(0, len(octets), length) for line in reader.push(octets[at : at + length])]


def test_a_line_without_an_end_takes_no_memory() -> None:
    """It is dropped as it comes, told once, and the next line is read."""
    reader = LineReader()
    for _ in range(1000):
        assert [] == reader.push(b"x" * 5000)
        assert len(reader._rest) < LONGEST_LINE
    assert [None, b"next"] == reader.push(b"x\nnext\n")
    assert [b"y" * (LONGEST_LINE - 1), None] == reader.push(
        b"y" * (LONGEST_LINE - 1) + b"\n" + b"z" * LONGEST_LINE + b"\n"
    )
