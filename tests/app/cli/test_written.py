"""What a command has written is said, and what is there already is not written over unasked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from app.__main__ import main
from app.cli import train_voice
from codec.format import SAMPLE_RATE_HZ

ROOT = Path(__file__).parents[3]


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Two seconds of a hum."""
    path = tmp_path / "speech.wav"
    hum = np.sin(np.arange(2 * SAMPLE_RATE_HZ) / 10) / 10
    soundfile.write(path, hum.astype(np.float32), SAMPLE_RATE_HZ)
    return path


def test_every_file_that_is_written_is_named(speech, tmp_path, capsys):
    """With how much is in it; a pipe is given nothing but the packets."""
    packets, sound, picture = tmp_path / "a.g800", tmp_path / "a.wav", tmp_path / "a.png"
    assert 0 == main(["encode", str(speech), str(packets)])
    assert f"written {packets}: 7 packets, 2.2 s\n" == capsys.readouterr().out
    assert 0 == main(["decode", str(packets), str(sound), "--synth", "classic"])
    assert f"written {sound}: 7 packets, 2.2 s\n" == capsys.readouterr().out
    assert 0 == main(["inspect", str(packets), "--png", str(picture)])
    assert capsys.readouterr().out.endswith(f"written {picture}\n")
    assert 0 == main(["encode", str(speech), str(tmp_path / "b.g800"), "--json"])
    assert capsys.readouterr().out.startswith("{")


def test_a_trained_voice_is_not_written_over(tmp_path, monkeypatch, capsys):
    """Making it took a while: said before the time is spent again, and only --force replaces it."""
    monkeypatch.setattr(train_voice, "find_spec", lambda name: object())
    voice = tmp_path / "ada.onnx"
    voice.write_bytes(b"forty minutes of work")
    (tmp_path / "empty").mkdir()
    words = ["train-voice", str(tmp_path / "empty"), "--out", str(voice)]
    assert 2 == main(words)
    assert f"{voice} is there already: name another file with --out, or add --force" in capsys.readouterr().err
    assert 2 == main([*words, "--force"])
    assert "no recordings" in capsys.readouterr().err
    assert b"forty minutes of work" == voice.read_bytes()


@pytest.mark.parametrize(
    "words",
    [["--version"], ["--help"], ["decode", "--help"], ["encode", "IN", "-"], ["decode", "PACKETS", "-"]]
    + [["encode", "IN", "/dev/full"], ["decode", "PACKETS", "/dev/full"], ["completion", "bash"]],
    ids=" ".join,
)
def test_a_place_without_room_is_one_line(speech, tmp_path, words):
    """Whatever was to be written there, and whether it was noticed at writing or at closing."""
    packets = tmp_path / "a.g800"
    packets.write_bytes(bytes(range(32)) * 3)
    places = {"IN": str(speech), "PACKETS": str(packets)}
    command = [sys.executable, "-m", "app", *(places.get(word, word) for word in words)]
    with open("/dev/full", "wb") as full:
        run = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (2, 1) == (run.returncode, run.stderr.count("\n")), run.stderr
    assert "no space left on device" in run.stderr
