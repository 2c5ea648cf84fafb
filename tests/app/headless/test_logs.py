"""The log of a station without a screen goes where standard error goes, in the form that its reader wants."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.processes import ROOT, free_port

SOON_S = 60.0
"""Time in which a station is ready on a busy machine, in seconds."""


@pytest.mark.parametrize(("journal", "begins"), [(True, "<6>station ready: "), (False, "20")])
def test_a_station_logs_to_its_standard_error(tmp_path: Path, journal: bool, begins: str) -> None:
    """In the journal each line begins with its priority, elsewhere with the time; native libraries are silenced."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    words = ["station", f"udp://:{free_port()}", "--log-level", "info", "--no-record"]
    log = tmp_path / "log"
    with log.open("w") as stream:
        found = os.fstat(stream.fileno())
        if journal:
            environment["JOURNAL_STREAM"] = f"{found.st_dev}:{found.st_ino}"
        station = subprocess.Popen(
            [sys.executable, "-m", "app", *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stream,
        )
        until_s = time.monotonic() + SOON_S
        while "station ready" not in log.read_text() and time.monotonic() < until_s:
            time.sleep(0.05)
        station.send_signal(signal.SIGTERM)
        assert 0 == station.wait(SOON_S)
    [ready] = [line for line in log.read_text().splitlines() if "station ready: " in line]
    assert ready.startswith(begins)
