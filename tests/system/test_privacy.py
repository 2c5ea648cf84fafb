"""No command contacts anybody, or leaves a file, that the user did not ask for: seen by the kernel, with strace.

A library that reports its use does so from a thread of its own, some seconds after it is loaded; so the listener runs
for a while.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.signals import EXIT_INTERRUPTED

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "assets" / "clips" / "gossamer.flac"
LONG_ENOUGH_S = 20.0
"""Without the protection, onnxruntime 1.32 looks up its vendor's host within eight seconds of loading a model."""
ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
CREATED = re.compile(r'"([^"]+)", [A-Z_|]*O_CREAT')

pytestmark = [
    pytest.mark.strace,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (Debian: strace)"),
]


class Watched:
    """A program run under strace in an empty home folder, and what the kernel was asked by it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._trace = home.parent / "trace"

    def run(self, *arguments: str | Path, stop_after_s: float | None = None, code: int = 0) -> None:
        """Run `python ARGUMENTS`, which ends with `code`; with `stop_after_s`, interrupt it then, as Ctrl-C would."""
        calls = "trace=connect,sendto,sendmsg,sendmmsg,bind,openat,open,creat"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))}
        environment = kept | {"HOME": str(self.home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        command = ["strace", "-f", "-qq", "-e", calls, "-o", self._trace, sys.executable, *arguments]
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=self.home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if stop_after_s is not None:
            time.sleep(stop_after_s)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            for child in children:  # strace's only child is the program
                os.kill(int(child), signal.SIGINT)
        output, _ = process.communicate(timeout=120)
        assert code == process.returncode, output.decode(errors="replace")

    def foreign(self) -> list[str]:
        """Return the calls that name an address beyond this machine.

        The question which of this machine's addresses leads outwards is none: it connects a datagram socket to the
        discard port of an address that nobody has, and sends nothing.
        """
        lines = [line for line in self._lines() if not ("connect(" in line and "port=htons(9)" in line)]
        return [line for line in lines if any(map(_beyond_this_machine, _addresses(line)))]

    def created(self) -> set[str]:
        """Return the files that were opened for creation outside of the system's own, relative to the home folder."""
        names = [match[1] for line in self._lines() if (match := CREATED.search(line)) and " = -1 " not in line]
        paths = (Path(os.path.normpath(self.home / name)) for name in names)
        return {_relative(path, self.home) for path in paths if not str(path).startswith(("/dev/", "/proc/"))}

    def _lines(self) -> list[str]:
        return self._trace.read_text(errors="replace").splitlines()


def _addresses(line: str) -> Iterator[str]:
    for match in ADDRESS.finditer(line):
        yield match[1] or match[2]


def _beyond_this_machine(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    return not (ip.is_loopback or ip.is_unspecified)


def _relative(path: Path, home: Path) -> str:
    return str(path.relative_to(home)) if path.is_relative_to(home) else str(path)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    home = tmp_path / "home"
    home.mkdir()
    return Watched(home)


def test_a_listener_that_hears_nothing_contacts_nobody_and_writes_nothing(watched):
    """Long enough for a library that reports its use to try."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("", 0))
        link = f"udp://:{free.getsockname()[1]}"
    words = ("-m", "app", "listen", link, "--output", "heard.wav", "--no-record")
    watched.run(*words, stop_after_s=LONG_ENOUGH_S, code=EXIT_INTERRUPTED)
    assert [] == watched.foreign()
    assert [] == [path for path in watched.home.rglob("*") if path.is_file()]


def test_coding_files_contacts_nobody_and_writes_only_the_files_named(watched):
    """Encoder, decoder and vocoder are all loaded."""
    watched.run("-m", "app", "encode", CLIP, "clip.g800")
    assert [] == watched.foreign()
    watched.run("-m", "app", "decode", "clip.g800", "clip.wav")
    assert [] == watched.foreign()
    left = {str(path.relative_to(watched.home)) for path in watched.home.rglob("*") if path.is_file()}
    assert {"clip.g800", "clip.wav"} == left


def test_the_conversation_with_the_parrot_contacts_nobody(watched):
    """Two stations, their link and all models in one process; overs are kept where the manual says."""
    watched.run("-m", "app", "demo", "--out", "demo")
    assert [] == watched.foreign()
    left = {path.relative_to(watched.home).parts[0] for path in watched.home.rglob("*") if path.is_file()}
    assert left <= {"demo", ".local"}


@pytest.mark.parametrize(
    "program",
    [
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 53))",
        "import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).connect(('2001:db8::1', 53))",
    ],
)
def test_a_foreign_address_is_found(watched, program):
    """The check can fail, also where the network cannot be reached. Nothing is sent: a UDP socket only notes it."""
    watched.run("-c", f"try:\n    {program}\nexcept OSError:\n    pass")
    assert 1 == len(watched.foreign())


def test_a_file_that_nobody_asked_for_is_found(watched):
    """The other half of the check can fail."""
    watched.run("-c", "open('left-behind', 'w').close()")
    assert {"left-behind"} == watched.created()


@pytest.mark.parametrize("package", ["codec", "tests", "tests.benchmarks", "tests.support", "tests.tools"])
def test_onnxruntime_is_silent_in_every_process_of_ours(package):
    """Also where a library of a test or a benchmark loads it before the codec does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ORT_")}
    program = f"import {package}, os; print(os.environ.get('ORT_DISABLE_TELEMETRY'))"
    run = subprocess.run(
        [sys.executable, "-c", program], env={**kept, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert "1\n" == run.stdout
