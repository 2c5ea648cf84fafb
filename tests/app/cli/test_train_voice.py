"""The recordings of `gossamer train-voice`; the training itself is in tests/training/test_fine_tune.py."""

from __future__ import annotations

import os

import numpy as np
import soundfile

from app.audio import sound_files
from app.cli import train_voice


def test_what_is_too_long_or_too_much_is_left_out(tmp_path, monkeypatch, capfd):
    """With a line for each; the memory for it is never taken."""
    monkeypatch.setattr(train_voice, "ENOUGH_S", 2.0)
    assert 3600 == sound_files.LONGEST_S
    for name in "bcde":
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(8000), 8000)
    with soundfile.SoundFile(tmp_path / "a.flac", "w", 8000, 1) as file:
        for _ in range(61):
            file.write(np.zeros(60 * 8000, np.int16))
    assert [8000, 8000] == [len(sound) for sound in train_voice.read_recordings(tmp_path)]
    said = capfd.readouterr().err
    assert "a.flac is longer than 60 minutes: cut out the part that matters; left out" in said
    assert "2 files left out" in said


def test_a_pipe_among_the_recordings_is_none(tmp_path, monkeypatch):
    """Nobody writes into it: waiting for each took ten seconds. The same goes for devices and folders of such names."""
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 8000)
    os.mkfifo(tmp_path / "b.wav")
    (tmp_path / "c.wav").mkdir()
    (tmp_path / "d.wav").symlink_to("/dev/null")
    opened = []

    def read(path):
        opened.append(path.name)
        return np.zeros(8000)

    monkeypatch.setattr(train_voice, "read_speech", read)
    train_voice.read_recordings(tmp_path)
    assert ["a.wav"] == opened
