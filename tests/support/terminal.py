"""A terminal for tests: the real program on a pseudo-terminal, its screen kept by a terminal emulator (pyte).

Bytes go in as a keyboard would send them; ``screen()`` is what a person would read.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Sequence

import pyte

KITTY_FLAGS = 27
"""What a terminal with the kitty keyboard protocol answers: Textual's flags and the event types that we add."""
ASKS_FLAGS = b"\x1b[?u"
STARTED_S, CHANGED_S = 60.0, 20.0
"""Generous: other work may have the machine."""

_NOT_FOR_PYTE = re.compile(rb"\x1b\[[<=>?][\d;]*u|\x1b\[\?[\d;]*\$p|\x1b\[>[\d;]*[a-z]")
"""Sequences that pyte would print as text."""
_UNFINISHED = re.compile(rb"\x1b(\[[<=>?]?[\d;$]*)?$")


class Terminal:
    """A program in a terminal of its own; a context manager that ends it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        kitty: bool,
        columns: int = 80,
        rows: int = 24,
        env: dict[str, str] | None = None,
    ) -> None:
        self._kitty = kitty
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self.raw = b""
        """Everything that the program wrote."""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(5)
        os.close(self._master)

    def _read(self) -> None:
        rest = b""
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # the program ended and its side is closed
                return
            if not data:
                return
            with self._lock:
                self.raw += data
                if self._kitty and ASKS_FLAGS in rest + data:
                    os.write(self._master, f"\x1b[?{KITTY_FLAGS}u".encode())
                data = rest + data
                cut = _UNFINISHED.search(data)
                data, rest = (data[: cut.start()], data[cut.start() :]) if cut else (data, b"")
                self._stream.feed(_NOT_FOR_PYTE.sub(b"", data))

    def write(self, data: bytes) -> None:
        """Send what the keyboard or the mouse would send."""
        os.write(self._master, data)

    @property
    def pid(self) -> int:
        return self._process.pid

    def hang_up(self) -> None:
        """Do what closing the terminal's window does."""
        os.killpg(self._process.pid, signal.SIGHUP)

    def after_the_screen(self) -> str:
        """Return what was written in the ordinary terminal after the program's screen was left."""
        self._reader.join(5)
        text = self.raw.decode(errors="replace").rpartition("\x1b[?1049l")[2]
        return re.sub(r"\x1b\[[0-9;?<>=]*[a-zA-Z]", "", text)

    def screen(self) -> str:
        """Return the rows of the screen."""
        with self._lock:
            return "\n".join(self._screen.display)

    def until(self, said: str | Callable[[str], bool], within_s: float = CHANGED_S) -> str:
        """Wait until the screen says so; returns it. Fails with the screen as it is."""
        fits = said if callable(said) else lambda screen: said in screen
        deadline_s = time.monotonic() + within_s
        while not fits(screen := self.screen()):
            assert time.monotonic() < deadline_s, f"never said {said!r}:\n{screen}"
            assert self._process.poll() is None or self._reader.is_alive(), f"the program ended:\n{screen}"
            time.sleep(0.02)
        return screen

    def ended(self, within_s: float = CHANGED_S) -> int:
        """Wait for the program's end; returns its exit code."""
        return self._process.wait(within_s)


def gossamer(*arguments: str) -> list[str]:
    """Return the command as a user runs it, with this Python."""
    return [sys.executable, "-m", "app", *arguments]
