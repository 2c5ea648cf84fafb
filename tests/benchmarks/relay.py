"""Processor time and memory of a relay of two links, while nobody talks and while it relays.

    python -m tests.benchmarks.relay [--seconds 60]

The relay is a process between two others: `gossamer send` says one over into one UDP link, and `gossamer listen` writes
what comes out of the other. Processor seconds are the kernel's, of all threads of the relay, so that they hold on a
machine that does other things as well; memory is what is resident, and the most that ever was.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from app.clips import speech_of
from codec.format import SAMPLE_RATE_HZ
from tests.benchmarks.standby import ROOT, Program, processor_s
from tests.support.processes import free_port

SHARE_LIMIT, MEMORY_LIMIT_MB = 0.02, 60.0
"""Share of one core that a relay of two links may take while it relays, and its resident memory in MB."""
SETTLED_S = 5.0
"""Seconds after the start, and after the first packet, that are not measured."""
STARTED_PROCESSOR_S = 0.03
"""Processor time that an idle relay does not take in a few seconds, and the beginning of an over does."""
PASSPHRASE = "anchor lantern cobalt meadow thrift\n"
HERE = Program(ROOT)


@dataclass(frozen=True)
class Cost:
    """The cost of a relay."""

    idle: float
    """Share of a core while nobody talks."""
    relaying: float
    """Share of a core while it relays."""
    resident_mb: float
    """Memory at the end of the over, in MB."""
    peak_mb: float
    """The most memory that it ever had: a passphrase takes 128 MiB for half a second at the start."""
    packets: int
    lost: int


def memory_mb(pid: int, field: str) -> float:
    """Return VmRSS or VmHWM of a process, in MB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024 / 1e6


def measure(seconds: float, *, sealed: bool) -> Cost:
    """Run a relay, and have it relay for so many seconds."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        protection: list[str] = []
        if sealed:
            (home / "passphrase").write_text(PASSPHRASE)
            (home / "passphrase").chmod(0o600)
            protection = ["--passphrase-file", str(home / "passphrase"), "--channel", "bench"]
        near, far = free_port(), free_port()
        links = f"udp://:{near}", f"udp://127.0.0.1:{far}"
        clip = np.resize(speech_of(None), round((seconds + 2 * SETTLED_S) * SAMPLE_RATE_HZ))
        soundfile.write(home / "over.wav", clip, SAMPLE_RATE_HZ, subtype="PCM_16")
        with (
            _process(home, "listen", f"udp://:{far}", "--output", str(home / "heard.wav"), *protection),
            _process(home, "relay", *links, "--name", "Hill", "--json", "--log-level", "error", *protection) as relay,
        ):
            assert relay.stdout is not None
            assert "relay_ready" in relay.stdout.readline()
            time.sleep(SETTLED_S)
            idle = _share(relay.pid, seconds / 2)
            words = f"udp://127.0.0.1:{near}", "--input", str(home / "over.wav"), "--name", "Ada"
            with _process(home, "send", *words, *protection) as talker:
                _until_it_relays(relay.pid)
                relaying = _share(relay.pid, seconds)
                resident_mb = memory_mb(relay.pid, "VmRSS")
                talker.wait()
                time.sleep(1.0)
            peak_mb = memory_mb(relay.pid, "VmHWM")
            relay.send_signal(signal.SIGTERM)
            lines: list[dict[str, Any]] = [json.loads(line) for line in relay.stdout]
    carried = next(line for line in lines if line["event"] == "over_relayed")
    return Cost(idle, relaying, resident_mb, peak_mb, carried["packets"], carried["lost"])


def _until_it_relays(pid: int) -> None:
    """Wait for the over: a talker loads its models and listens first. Raise TimeoutError."""
    deadline_s, before_s = time.monotonic() + 60.0, processor_s(pid)
    while processor_s(pid) < before_s + STARTED_PROCESSOR_S:
        if time.monotonic() > deadline_s:
            raise TimeoutError("the relay has nothing to do")
        time.sleep(0.1)
    time.sleep(SETTLED_S)


def _share(pid: int, seconds: float) -> float:
    before_s, began_s = processor_s(pid), time.monotonic()
    time.sleep(seconds)
    return (processor_s(pid) - before_s) / (time.monotonic() - began_s)


@contextlib.contextmanager
def _process(home: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    places = {f"XDG_{name}_HOME": f"{home}/{name}" for name in ("CONFIG", "DATA", "STATE")}
    process = subprocess.Popen(
        HERE.command(*words),
        env=HERE.environment(places),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the measured part of the over (60)")
    given = parser.parse_args()
    print(f"{'two UDP links':<16}{'idle':>10}{'relaying':>12}{'resident':>12}{'peak':>10}{'lost':>12}")
    for title, sealed in (("open", False), ("sealed", True)):
        cost = measure(given.seconds, sealed=sealed)
        print(
            f"{title:<16}{cost.idle:>10.2%}{cost.relaying:>12.2%}{cost.resident_mb:>9.1f} MB{cost.peak_mb:>7.0f} MB"
            f"{cost.lost:>5} of {cost.packets}",
            flush=True,
        )
    print(f"{'limit':<26}{SHARE_LIMIT:>12.0%}{MEMORY_LIMIT_MB:>9.0f} MB")


if __name__ == "__main__":
    main()
