"""The progress bar on a terminal and without one, and what JSON cannot say."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

from app.console import plain

ROOT = Path(__file__).parents[2]
BAR = """
import sys
from app.console import Progress, note
with Progress("[a].wav") as bar:
    for step in range(4):
        bar.at(step / 4)
    bar.at(None)
    note("odd")
    sys.stdout.buffer.write(b"octets")
"""


def test_a_bar_is_drawn_on_a_terminal_and_taken_away() -> None:
    """The label as it is, notes on lines of their own, bytes on standard output untouched, and no bar in the end."""
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
    assert b"[a].wav" in drawn and b"75%" in drawn
    assert b"gossamer: odd\r\n" in drawn
    last_line = drawn.rpartition(b"[a].wav")[2]
    assert b"\x1b[2K" in last_line and b"\x1b[?25h" in last_line  # erased, the cursor shown again


def test_without_a_terminal_there_is_no_bar() -> None:
    """Only the note is on standard error."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", BAR], capture_output=True, env=environment, timeout=60)
    assert (0, b"octets", b"gossamer: odd\n") == (run.returncode, run.stdout, run.stderr)


def test_what_json_has_no_word_for_becomes_null() -> None:
    """However deep it stands."""
    assert {"a": [None, None, 1.5], "2": "x"} == plain({"a": (float("nan"), float("inf"), 1.5), 2: "x"})
