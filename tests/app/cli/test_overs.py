"""Captures from elsewhere given to `gossamer overs reproduce`: what stands in them is not believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.__main__ import main
from app.history.capture import FORMAT


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": {"name": "x" * 30}}, "name = 'xxx"),
        ({"settings": {"name": 7}}, "name = 7: it must be 1 to 24 bytes of printable text"),
        ({"settings": {"channel": "\x1b[2J"}}, "channel = '\\x1b[2J': it must be 1 to 64 letters"),
    ],
)
def test_settings_that_no_station_can_have_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], message: str
) -> None:
    """One line that names the file, exit code 2, no traceback."""
    path = tmp_path / "their.capture"
    header = {"format": FORMAT, "started_utc_s": 0, "link": "udp://:1", "channel": "open", "program": "1", **changes}
    path.write_text(json.dumps(header) + "\n")
    assert 2 == main(["overs", "reproduce", str(path), "--synth", "classic"])
    said = capsys.readouterr().err
    assert str(path) in said and message in said
    assert 1 == len(said.splitlines())


def test_a_capture_without_settings_is_played_with_the_defaults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever stands in their place."""
    path = tmp_path / "their.capture"
    path.write_text(json.dumps({"format": FORMAT, "started_utc_s": 0, "channel": "open", "settings": 5}) + "\n")
    assert 0 == main(["overs", "reproduce", str(path), "--synth", "classic", "--json"])
    assert 0 == json.loads(capsys.readouterr().out)["frames"]
