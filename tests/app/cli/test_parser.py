"""The command table: every command is there and explains itself, and none is imported before it is given."""

from __future__ import annotations

import subprocess
import sys

import pytest

from app.cli.parser import COMMANDS, build_parser
from app.history.capture import program_version

HEAVY = ("numpy", "trio", "textual", "tomlkit", "onnxruntime", "sounddevice", "soundfile", "rich")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.word)
def test_every_command_explains_itself(command, capsys):
    """Its flags are added when it is given."""
    with pytest.raises(SystemExit) as end:
        build_parser().parse_args([command.word, "--help"])
    assert 0 == end.value.code
    said = capsys.readouterr().out
    assert said.startswith(f"usage: gossamer {command.word} ") and "options:" in said


def test_no_two_commands_have_one_word():
    """Nor one line in the help."""
    assert len(COMMANDS) == len({command.word for command in COMMANDS}) == len({command.help for command in COMMANDS})


def test_the_help_loads_nothing_heavy():
    """What makes it quick, whatever machine this runs on."""
    code = (
        "import sys\n"
        "from app.__main__ import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit:\n"
        f"    print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (0, "[]\n") == (run.returncode, run.stderr)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["no-such-command"], "gossamer: argument COMMAND: invalid choice: 'no-such-command'"),
        (["send", "udp://:1"], "gossamer: the following arguments are required: --input: see `gossamer send --help`"),
        (["overs", "replay", "x"], "gossamer: argument N: invalid int value: 'x': see `gossamer overs replay --help`"),
        (["decode", "a", "b", "--drop", "2"], "2 is no share between 0 and 1: see `gossamer decode --help`"),
        (["decode", "a", "b", "--synth", "7"], "7 is not neural, classic, or the path of a vocoder, FILE.onnx"),
    ],
)
def test_a_wrong_command_line_is_one_line(words, message, capsys):
    """Exit code 2, and where to read on."""
    with pytest.raises(SystemExit) as end:
        build_parser().parse_args(words)
    assert 2 == end.value.code
    said = capsys.readouterr().err
    assert message in said
    assert 1 == len(said.splitlines())


@pytest.mark.parametrize(("typed", "meant"), [("lisen", "listen"), ("tlak", "talk"), ("feild-test", "field-test")])
def test_the_command_that_was_probably_meant_is_named(typed, meant, capsys):
    """One line, exit code 2."""
    with pytest.raises(SystemExit) as end:
        build_parser().parse_args([typed])
    said = capsys.readouterr().err
    assert (2, 1) == (end.value.code, said.count("\n"))
    assert f"did you mean `gossamer {meant}`?" in said


def test_the_version_is_told(capsys):
    """That of the installed package, or of the checkout."""
    with pytest.raises(SystemExit) as end:
        build_parser().parse_args(["--version"])
    assert 0 == end.value.code
    assert f"gossamer {program_version()}\n" == capsys.readouterr().out
