"""Commands that call a station which serves as many others as it can, as processes of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.support.processes import free_port, start

SOON_S = 60.0
"""Time in which a command has ended on a busy machine, in seconds."""


@pytest.fixture
def full() -> Iterator[str]:
    """Give the address of a station with a slow uplink, whose one place somebody has."""
    port = free_port()
    address = f"udp://127.0.0.1:{port}"
    ends = [start("station", f"udp://:{port}?rate=2400", "--name", "Ada", "--json")]
    ends.append(start("station", address, "--name", "Bob", "--json"))
    try:
        assert ends[0].stdout is not None
        while '"presence_changed"' not in (line := ends[0].stdout.readline()) or "Bob" not in line:
            assert line, "the station has ended"
        yield address
    finally:
        for end in ends:
            end.terminate()
            end.communicate(timeout=SOON_S)


def ended(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """Return the exit code of a command, and its lines to standard error."""
    _, problems = process.communicate(timeout=SOON_S)
    return process.returncode, problems.splitlines()


def test_whoever_finds_no_place_is_told_and_has_no_success(full: str) -> None:
    """`text` does not say that it sent what nobody got; `who` does not say that nobody is there."""
    where = full.removeprefix("udp://").replace(":", " port ")
    refused = f"gossamer: {where} has no place free, it serves 1"
    cure = "call again later, or meet on a broker"
    running = [start("text", full, "hi", "--name", "Cid"), start("who", full, "--name", "Dan", "--seconds", "3")]
    code, lines = ended(running[1])
    assert (2, f"{refused}: {cure}") == (code, lines[-1])
    assert (2, [refused, f"{refused}: {cure}"]) == ended(running[0])
