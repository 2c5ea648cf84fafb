"""The command table: every command is there and explains itself, and none is imported before it is given."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest

from app.__main__ import main
from app.cli.commands import COMMANDS
from app.cli.parser import build_parser, build_whole_parser, command_parsers, parse
from app.version import program_version

HEAVY = ("numpy", "trio", "textual", "tomlkit", "onnxruntime", "sounddevice", "soundfile", "rich")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.word)
def test_every_command_explains_itself(command, capsys):
    """Its flags are added when it is given."""
    with pytest.raises(SystemExit) as end:
        build_parser().parse_args([command.word, "--help"])
    assert 0 == end.value.code
    said = capsys.readouterr().out
    assert said.startswith(f"usage: gossamer {command.word} ") and "options:" in said


def every_parser(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Return the parsers of all commands and of all their actions, with what is typed for each."""
    for below in command_parsers(parser).values():
        yield below.prog, below
        yield from every_parser(below)


HELP = [pytest.param(words, parser, id=words) for words, parser in every_parser(build_whole_parser())]


@pytest.mark.parametrize(("words", "parser"), HELP)
def test_every_help_has_a_sentence_and_an_example_that_works(words, parser):
    """The sentence is one, and each example is a command line of that very command."""
    assert parser.description.endswith(".") and parser.description[0].isupper()
    heading, *examples = parser.epilog.splitlines()
    assert ("example:" if len(examples) == 1 else "examples:") == heading and examples
    for example in examples:
        assert example.startswith(f"  {words}")
        given = shlex.split(example.partition(" > ")[0])[1:]
        assert build_parser().parse_args(given).command == words.split()[1]
    assert parser.description in parser.format_help() and parser.epilog in parser.format_help()


def test_the_help_of_the_program_has_examples_too(capsys):
    """The first of which needs nobody else."""
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--help"])
    said = capsys.readouterr().out
    assert "examples:\n  gossamer   " in said and "gossamer talk udp://192.0.2.7:7800" in said


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


ARGUMENTS = {
    "send": ["udp://127.0.0.1:9", "--input", "speech.wav"],
    "listen": ["udp://:9", "--output", "speaker"],
    "who": ["udp://127.0.0.1:9"],
    "relay": ["udp://127.0.0.1:9", "udp://127.0.0.1:10"],
    "encode": ["a.wav", "a.g800"],
    "decode": ["a.g800", "a.wav"],
    "ptt": ["status"],
    "completion": ["bash"],
    "overs": ["list"],
    "compare": ["a.wav", "--out", "page.html"],
    "inspect": ["a.wav"],
    "field-test": ["udp://127.0.0.1:9"],
    "text": ["udp://127.0.0.1:9", "on my way"],
    "train-voice": ["recordings", "--out", "voice.onnx"],
}
"""Arguments without which a command is not understood."""


@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.word)
def test_no_command_ignores_the_settings_file_that_it_is_given(command, behind, capsys, tmp_path, monkeypatch):
    """It reads that file, and says so where it is missing, or the flag is an error."""
    monkeypatch.setattr("app.audio.portaudio.silence_native_libraries", lambda: None)
    monkeypatch.setattr("app.diagnostics.doctor.examine", lambda checks: checks["settings"]())
    missing = tmp_path / "missing.toml"
    config = ["--config", str(missing)]
    words = [command.word, *ARGUMENTS.get(command.word, [])]
    code: str | int | None
    try:
        code = main([*words, *config] if behind else [*config, *words])
    except SystemExit as end:
        code = end.code
    told = "".join(capsys.readouterr())
    assert code in (1, 2)
    refused = "unrecognized arguments: --config" if behind else f"--config means nothing to `gossamer {command.word}`"
    assert f"there is no settings file {missing}" in told or refused in told


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (["--synth", "classic", "decode", "a.g800", "a.wav"], "--synth"),
        (["--volume", "0.5", "send", "udp://127.0.0.1:9", "--input", "a.wav"], "--volume"),
        (["--passphrase", "plan"], "--passphrase"),
        (["--no-record", "overs", "list"], "--record"),
        (["--microphone", "1", "text", "udp://127.0.0.1:9", "hi"], "--microphone"),
        (["--station", "a", "field-test", "udp://127.0.0.1:9"], "--station"),
        (["--no-bell", "station", "udp://127.0.0.1:9"], "--bell"),
    ],
)
def test_a_setting_before_a_command_that_would_ignore_it_is_refused(words, flag, capsys):
    """One line, exit code 2."""
    with pytest.raises(SystemExit) as end:
        build_parser().parse_args(words)
    assert 2 == end.value.code
    [line] = capsys.readouterr().err.splitlines()
    assert f"{flag} means nothing to `gossamer " in line


@pytest.mark.parametrize(
    "words",
    [
        *(["text", "udp://:1", "hi", flag, "1"] for flag in ("--gain", "--pre-roll", "--record-limit")),
        *(["text", "udp://:1", "hi", flag] for flag in ("--record", "--no-record")),
        *(["field-test", "udp://:1", flag, "1"] for flag in ("--gain", "--pre-roll", "--microphone")),
        *(["station", "udp://:1", flag] for flag in ("--no-notify", "--title-flash", "--no-bell")),
    ],
    ids=lambda words: " ".join(words[:1] + words[2:]),
)
def test_a_setting_that_a_command_would_ignore_is_unknown_to_it(words, capsys):
    """A message has no gain, and a station without a screen no title."""
    with pytest.raises(SystemExit) as end:
        build_parser().parse_args(words)
    assert 2 == end.value.code
    assert "unrecognized arguments" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "dest", "values"),
    [
        (["relay", "udp://:", "--name", "Hill", "udp://192.0.2.7"], "links", ["udp://:", "udp://192.0.2.7"]),
        (["encode", "a.wav", "--out", "packets", "b.wav", "c.wav"], "files", ["a.wav", "b.wav", "c.wav"]),
        (["decode", "a.g800", "--drop", "0.1", "a.wav"], "files", ["a.g800", "a.wav"]),
        (["decode", "--drop", "0.1", "a.g800", "a.wav"], "files", ["a.g800", "a.wav"]),
        (["encode", "-", "--model", "small", "-"], "files", ["-", "-"]),
        (["compare", "a.wav", "--out", "page.html", "b.wav"], "clips", ["a.wav", "b.wav"]),
        (["compare", "--out", "page.html"], "clips", []),
    ],
)
@pytest.mark.parametrize("read", [parse, build_parser().parse_args])
def test_a_flag_may_stand_in_the_midst_of_links_or_files(read, words, dest, values):
    """They are one list, also where the command is read by the parser of the whole command line."""
    assert values == getattr(read(words), dest)


@pytest.mark.parametrize("words", [["relay", "udp://:", "--nmae", "Hill", "udp://h"], ["talk", "udp://:", "udp://h"]])
def test_what_means_nothing_is_no_link(words, capsys):
    """An unknown flag, and a word too many, are refused as before."""
    with pytest.raises(SystemExit):
        parse(words)
    assert f"unrecognized arguments: {' '.join(words[2:])}" in capsys.readouterr().err


def test_a_station_takes_the_flag_of_what_it_does_anyhow():
    """Its output is JSON lines: who adds --json, as to other commands, gets no error."""
    assert parse(["station", "udp://:", "--json"]).json


def test_a_setting_before_a_command_that_uses_it_counts():
    """As behind it."""
    for words in (["--name", "Ada", "talk"], ["talk", "--name", "Ada"], ["--name", "Ada"]):
        assert "Ada" == build_parser().parse_args(words).setting_name
