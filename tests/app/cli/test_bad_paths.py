"""Paths that the system refuses, wherever a command takes one: one line that names the cause, and exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.__main__ import main
from tests.support.processes import CLIP

LINK = "udp://127.0.0.1:9"
LONG = "a" * 5000
PATHS = {
    "long": LONG,
    "long with a suffix": "a" * 300 + ".wav",
    "deep": "/".join(["b" * 200] * 30),
    "loop": "loop",
    "below a loop": "loop/file",
    "below a file": "file/file",
}
COMMANDS: dict[str, list[str]] = {
    "encode from": ["encode", "@", "out.g800"],
    "encode to": ["encode", str(CLIP), "@"],
    "encode into": ["encode", str(CLIP), "--out", "@"],
    "decode from": ["decode", "@", "out.wav"],
    "decode to": ["decode", "clip.g800", "@"],
    "decode with a voice": ["decode", "clip.g800", "out.wav", "--synth", "@.onnx"],
    "inspect": ["inspect", "@"],
    "compare into": ["compare", "--out", "@"],
    "send": ["send", LINK, "--input", "@"],
    "send with a key": ["send", LINK, "--input", str(CLIP), "--passphrase-file", "@"],
    "send with settings": ["send", LINK, "--input", str(CLIP), "--config", "@"],
    "listen": ["listen", LINK, "--output", "@"],
    "a field test": ["field-test", LINK, "--out", "@"],
    "a capture": ["overs", "reproduce", "@"],
    "sound of a capture": ["overs", "reproduce", "clip.g800", "--output", "@"],
    "a port": ["who", "serial:///@?baud=9600"],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_the_system_refuses_is_one_line(
    command: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name too long, a link that leads to itself, a folder that is a file."""
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    Path("file").write_text("x")
    Path("clip.g800").write_bytes(bytes(64))
    assert 2 == main([word.replace("@", PATHS[path]) for word in COMMANDS[command]])
    said = capsys.readouterr().err
    assert said.startswith("gossamer: ") and 1 == said.count("\n"), said


def test_the_line_names_the_cause(capsys: pytest.CaptureFixture[str]) -> None:
    """And the path, as far as there is room."""
    assert 2 == main(["encode", LONG, "out.g800"])
    assert capsys.readouterr().err.startswith(f"gossamer: file name too long: {LONG[:500]}")
