"""The progress bar on a terminal and without one, and what JSON cannot say."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.console import plain

ROOT = Path(__file__).parents[2]
BAR = r"""
import sys
from app.console import Progress, note
with Progress("[a]\x1b]0;PWN\x07.wav") as bar:
    for step in range(4):
        bar.at(step / 4)
    bar.at(None)
    note("odd")
    sys.stdout.buffer.write(b"octets")
"""


def test_a_bar_is_drawn_on_a_terminal_and_taken_away() -> None:
    """The label made plain, notes on lines of their own, bytes on standard output untouched, and no bar in the end."""
    master, slave = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
    with subprocess.Popen(
        [sys.executable, "-c", BAR], stdin=slave, stdout=subprocess.PIPE, stderr=slave, env=environment
    ) as process:
        os.close(slave)
        drawn = b""
        try:
            while piece := os.read(master, 4096):
                drawn += piece
        except OSError:
            pass  # the other side is closed
        assert process.stdout is not None
        assert b"octets" == process.stdout.read()
    os.close(master)
    assert 0 == process.returncode, drawn
    assert b"[a]?]0;PWN?.wav" in drawn and b"75%" in drawn and b"\x1b]0" not in drawn
    assert b"gossamer: odd\r\n" in drawn
    last_line = drawn.rpartition(b"PWN?.wav")[2]
    assert b"\x1b[2K" in last_line and b"\x1b[?25h" in last_line  # erased, the cursor shown again


def test_without_a_terminal_there_is_no_bar() -> None:
    """Only the note is on standard error."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", BAR], capture_output=True, env=environment, timeout=60)
    assert (0, b"octets", b"gossamer: odd\n") == (run.returncode, run.stdout, run.stderr)


def test_what_json_has_no_word_for_becomes_null() -> None:
    """However deep it stands."""
    assert {"a": [None, None, 1.5], "2": "x"} == plain({"a": (float("nan"), float("inf"), 1.5), 2: "x"})


def printed(program: str, encoding: str = "utf-8", **streams: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a few lines that print, in a terminal of that encoding."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    words = [sys.executable, "-c", f"from app.console import *\ncomplete_standard_streams()\n{program}"]
    options: dict[str, Any] = {"capture_output": True} | streams
    return subprocess.run(words, env=environment, timeout=60, text=False, **options)


HOSTILE = r"'Ева\x1b[2J\x9b2J\u202e\udcff'"


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (f"tell('a\\n' + {HOSTILE})", "a\nЕва?[2J?2J??\n"),
        (f"say({{}}, {HOSTILE}, as_json=False)", "Ева?[2J?2J??\n"),
        (f"print_json({{'a': {HOSTILE}}})", '{"a": "Ева\\u001b[2J\\u009b2J\\u202e\\udcff"}\n'),
    ],
)
def test_what_is_printed_cannot_steer_a_terminal(program: str, expected: str) -> None:
    """Of a text it is replaced, in JSON it is escaped, so that nothing is lost."""
    run = printed(program)
    assert (0, expected, b"") == (run.returncode, run.stdout.decode(), run.stderr)


def test_a_note_is_one_line_of_bounded_length() -> None:
    """Whatever stood in a file's name, and however long it was."""
    run = printed(f"note('a\\nb' + {HOSTILE}); note('x' * 10**6)")
    first, second, rest = run.stderr.decode().split("\n")
    assert ("gossamer: a?bЕва?[2J?2J??", "") == (first, rest)
    assert len(second) < 1010


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_letters_that_the_terminal_lacks_end_nothing(encoding: str) -> None:
    """They are escaped, in lines, notes and what libraries print; JSON stays JSON."""
    run = printed("tell('Ева'); note('Ева'); print('Ева'); print_json({'a': 'Ева'})", encoding)
    escaped = "Ева" if encoding == "utf-8" else "\\u0415\\u0432\\u0430"
    assert (0, f"gossamer: {escaped}\n") == (run.returncode, run.stderr.decode())
    first, second, last = run.stdout.decode().splitlines()
    assert (escaped, escaped, {"a": "Ева"}) == (first, second, json.loads(last))


def test_closed_standard_streams_end_nothing_and_are_not_given_away() -> None:
    """The numbers 0 to 2 are taken, so that no socket gets one of them and no library writes into it."""
    program = "tell('a'); note('b'); import os, socket; s = socket.socket(); os._exit(0 if s.fileno() > 2 else 9)"

    def close() -> None:
        os.closerange(0, 3)

    run = printed(program, capture_output=False, preexec_fn=close)
    assert 0 == run.returncode


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_behind_standard_output_is_one_line() -> None:
    """Neither a traceback nor a complaint at the end; a full disk behind standard error is nobody's problem."""
    with open("/dev/full", "wb") as full:
        run = subprocess.run(
            [sys.executable, "-m", "app", "overs", "list"],
            cwd=ROOT, stdout=full, stderr=subprocess.PIPE, timeout=60,
        )  # fmt: skip
        assert (2, 1) == (run.returncode, run.stderr.count(b"\n")), run.stderr
        assert b"cannot write to standard output: no space left" in run.stderr
        run = printed("note('a'); tell('b')", capture_output=False, stdout=subprocess.PIPE, stderr=full)
    assert (0, b"b\n") == (run.returncode, run.stdout)
