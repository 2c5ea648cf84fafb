"""`--log-level`: events of a station as lines on standard error, where that is asked for."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator

import pytest

from app import events
from app.__main__ import main
from app.cli.event_log import begin_log, logged
from tests.support.processes import free_port


@pytest.fixture(autouse=True)
def no_log() -> Iterator[None]:
    """Take the log away again."""
    yield
    logging.getLogger("gossamer").handlers.clear()


def test_what_is_logged_is_taken_all_the_same(capfd: pytest.CaptureFixture[str]) -> None:
    """In plain words; without the flag nothing is logged."""
    taken: list[events.Event] = []
    event = events.TextHeard("Eve\x1b[2J", "hello")
    logged(taken.append)(event)
    assert "" == capfd.readouterr().err
    begin_log(argparse.Namespace(log_level="info"))
    logged(taken.append)(event)
    told = capfd.readouterr().err
    assert [event, event] == taken
    assert "text heard: sender Eve?[2J, text hello" in told and "\x1b" not in told


def test_a_command_logs_its_station(capfd: pytest.CaptureFixture[str]) -> None:
    """What it says itself, and its exit code, stay as they are."""
    words = ["text", f"udp://127.0.0.1:{free_port()}", "hello", "--name", "Ada"]
    codes = [main([*words, *level]) for level in ([], ["--log-level", "info"])]
    said = capfd.readouterr()
    assert codes[0] == codes[1]
    assert 1 == said.err.count("station ready: ")
