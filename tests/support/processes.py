"""Real `gossamer` processes beside a test: a free port, a way to start one, and how alike two sounds are."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "assets" / "clips" / "harbour.flac"


PORTS = range(20_000, 32_000)
"""Ports that systems give to nobody of their own accord, so that a free one stays free; Direwolf takes them all."""


def free_port(*, tcp: bool = False) -> int:
    """Return a free UDP port of this machine, or TCP port."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET, kind) as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return port


def start(*words: object, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a `gossamer` of this checkout beside the test."""
    command = [sys.executable, "-m", "app", *map(str, words)]
    environment = {**(environment or {"PATH": "/usr/bin:/bin"}), "PYTHONPATH": str(ROOT)}
    environment["XDG_DATA_HOME"] = os.environ["XDG_DATA_HOME"]  # the overs of the user stay as they are
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def listener(
    port: int, *words: object, protection: str = "open channel", environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a `gossamer listen` on this port, and wait until it can be called."""
    process = start("listen", f"udp://:{port}", *words, environment=environment)
    assert f"listening on udp://:{port}, {protection}\n" == read_line(process.stderr)
    return process


def read_line(pipe: IO[Any] | None) -> str:
    """Return the next line that a process says, with its end, and leave all that follows to `communicate`.

    `pipe.readline()` takes more into a buffer, which `communicate` does not return.
    """
    assert pipe is not None, "start the process with a pipe there"
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(pipe.fileno(), 1)):
        line += byte
    return line.decode()


INVITATION = "to call this station: gossamer talk "
"""Beginning of the lines in which a station that waits tells how to call it, one for each address of this machine."""


def read_past_invitations(pipe: IO[Any] | None) -> str:
    """Return the next line that does not tell how to call the process."""
    while (line := read_line(pipe)).startswith(INVITATION):
        pass
    return line


def without_invitations(said: str) -> str:
    """Return what a process said on standard error, without the lines that tell how to call it."""
    return "".join(line for line in said.splitlines(keepends=True) if not line.startswith(INVITATION))


def envelope(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the root-mean-square level in steps of 20 ms, its mean removed."""
    steps = np.sqrt((samples[: len(samples) // 160 * 160].reshape(-1, 160) ** 2).mean(axis=1))
    return np.asarray(steps - steps.mean())


def likeness(heard: NDArray[np.float32], original: NDArray[np.float32]) -> float:
    """Return the best correlation of the envelopes at any delay, up to 1."""
    one, other = envelope(heard), envelope(original)
    norm = np.linalg.norm(one) * np.linalg.norm(other)
    return float(np.correlate(one, other, "full").max() / norm) if norm else 0.0
