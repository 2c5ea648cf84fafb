"""What real shells complete with the script of `gossamer completion`, with nothing of ours started."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.__main__ import main
from app.cli.commands import COMMANDS
from app.cli.completion import SHELLS
from tests.support.processes import ROOT

CASES = [
    ("gossamer pas", {"passphrase"}),
    ("gossamer overs re", {"replay", "reproduce"}),
    ("gossamer listen --out", {"--output"}),
    ("gossamer talk --mode ", {"open", "sealed", "ham"}),
    ("gossamer --mode s", {"sealed"}),
    ("gossamer send --model ", {"standard", "small"}),
    ("gossamer talk --presence o", {"on", "off"}),
    ("gossamer decode --synth ", {"neural", "classic", "speech.wav"}),
    ("gossamer plan --radio s", {"sik", "satellite-2400"}),
    ("gossamer compare --link lo", {"lora-sf7", "lora-sf9"}),
    ("gossamer lab --scene ", {"link", "signal", "conversations"}),
    ("gossamer station --log-level w", {"warning"}),
    ("gossamer talk ", {"bert", "Ada L."}),
    ("gossamer send b", {"bert"}),
    ("gossamer overs replay ", {"1", "2", "3"}),
    ("gossamer overs delete ", {"all", "1", "2", "3"}),
    ("gossamer send bert --input m", {"mic"}),
    ("gossamer encode sp", {"speech.wav"}),
]
"""What is typed before the tab key, and what is offered."""
PROMPT = "ready> "
"""What zsh says when it waits for a line."""
LONGEST_S = 20.0
"""Longest time for an answer of a shell on a busy machine, in seconds."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two contacts and three overs, and a folder with one file to be in."""
    settings, overs = tmp_path / ".config/gossamer/settings.toml", tmp_path / ".local/share/gossamer/overs"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        'name = "Me"\n[contacts]\nbert = "udp://192.0.2.7"\n"Ada L." = "udp://192.0.2.8"\n# x = 1\n[broker]\ny = "z"\n'
    )
    overs.mkdir(parents=True)
    for number in range(3):
        (overs / f"{number}.over").touch()
    (tmp_path / "work").mkdir()
    (tmp_path / "work/speech.wav").touch()
    return tmp_path


def script_for(shell: str, home: Path) -> str:
    """Return the script, made in that home."""
    made = subprocess.run(
        [sys.executable, "-m", "app", "completion", shell],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (0, "") == (made.returncode, made.stderr)
    return made.stdout


def need(shell: str) -> str:
    """Return the path of a shell, or skip the test."""
    if (path := shutil.which(shell)) is None:
        pytest.skip(f"{shell} not found (Debian: {shell})")
    return path


def test_bash_completes_commands_flags_and_values(home: Path) -> None:
    """Names with blanks are quoted, as they have to stand on the line."""
    asked = """
        source /dev/stdin
        complete_words() {
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
            _shtab_gossamer
            local IFS=$'\\t'; echo "${COMPREPLY[*]}"
        }
    """
    for typed, _ in CASES:
        asked += f"complete_words {typed}{chr(39) * 2 if typed.endswith(' ') else ''}\n"
    said = subprocess.run(
        [need("bash"), "-c", asked],
        input=script_for("bash", home),
        capture_output=True,
        text=True,
        cwd=home / "work",
        timeout=60,
    )
    offered = [set(line.replace("\\", "").split("\t")) for line in said.stdout.splitlines()]
    assert [words for _, words in CASES] == offered, said.stderr


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, words: list[str], home: Path) -> None:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "TERM": "xterm", "COLUMNS": "200"}
        self.pid, self._end = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(home / "work")
                os.execve(words[0], words, environment)
            finally:
                os._exit(127)  # it is a copy of the process that tests

    def ask(self, typed: str, *awaited: str) -> str:
        """Type something, and return what the shell says up to all the awaited words, at once where there are none.

        Without the codes of the terminal and the signs with which words are quoted.
        """
        os.write(self._end, typed.encode())
        said, deadline_s = "", time.monotonic() + LONGEST_S
        while not all(word in said for word in awaited) and time.monotonic() < deadline_s:
            if select.select([self._end], [], [], 0.1)[0]:
                said += os.read(self._end, 65536).decode(errors="replace")
                said = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|[\\\x07\x08]", "", said)
        return said

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.close(self._end)
        os.waitpid(self.pid, 0)


def test_zsh_completes_commands_flags_and_values(home: Path) -> None:
    """The script lies among the shell's functions as _gossamer, as the help says."""
    zsh = need("zsh")
    (home / "functions").mkdir()
    (home / "functions/_gossamer").write_text(script_for("zsh", home))
    terminal = Terminal([zsh, "-f"], home)
    try:
        terminal.ask(f"fpath=({home}/functions $fpath); autoload -U compinit; compinit -u -D\n")
        terminal.ask("PS1='rea''dy> '\n", PROMPT)
        for typed, words in CASES:
            begun = typed.split(" ")[-1]
            awaited = words if len(words) > 1 else {next(iter(words)).removeprefix(begun)}  # one is completed at once
            said = terminal.ask(f"{typed}\t\t", *awaited)
            assert [] == [word for word in awaited if word not in said], (typed, said)
            terminal.ask("\x15")  # which empties the line
    finally:
        terminal.close()


def test_fish_completes_commands_flags_and_values(home: Path) -> None:
    """Asked as fish itself asks, for a whole line."""
    fish = need("fish")
    (home / "gossamer.fish").write_text(script_for("fish", home))
    asked = f"source {home}/gossamer.fish\n" + "".join(f"echo =; complete -C '{typed}'\n" for typed, _ in CASES)
    said = subprocess.run(
        [fish, "--no-config", "-c", asked],
        env={"PATH": "/usr/bin:/bin", "HOME": str(home)},
        capture_output=True,
        text=True,
        cwd=home / "work",
        timeout=60,
    )
    offered = [
        {line.split("\t")[0].replace("\\", "") for line in answer.splitlines() if line}
        for answer in said.stdout.split("=\n")[1:]
    ]
    for (typed, words), found in zip(CASES, offered, strict=True):
        assert words <= found, (typed, said.stderr)


@pytest.mark.parametrize("shell", SHELLS)
def test_there_is_a_script_for_every_shell_that_is_named(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With every command in it."""
    assert 0 == main(["completion", shell])
    script = capsys.readouterr().out
    assert all(command.word in script for command in COMMANDS)


@pytest.mark.parametrize("shell", SHELLS)
def test_without_a_home_a_script_is_made_all_the_same(shell: str) -> None:
    """There are no contacts then, and no overs."""
    made = subprocess.run(
        [sys.executable, "-m", "app", "completion", shell],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": "nowhere"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (0, "") == (made.returncode, made.stderr)
    assert "satellite-2400" in made.stdout
