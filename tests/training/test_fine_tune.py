"""`gossamer train-voice` on a synthesised voice. Needs the extra `train`: make test-train."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

import soundfile  # noqa: E402

from app.cli import train_voice  # noqa: E402
from codec.models import VOCODER, load_model, model_path  # noqa: E402
from codec.training.errors import TrainingError  # noqa: E402
from vocoder.training.fine_tune import FineTuneSettings, fine_tune, is_better, parted, pieces, scores  # noqa: E402

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Just over a minute of one voice in one file."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is missing: apt-get install espeak-ng")
    folder = tmp_path_factory.mktemp("voice")
    text = " ".join(f"sentence {number} of the harbour office, over to boat {number * 7}" for number in range(30))
    subprocess.run(["espeak-ng", "-w", folder / "long.wav", text], check=True)
    (folder / "broken.wav").write_bytes(b"RIFF no sound")
    return folder


def gossamer(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command, as a user runs it."""
    command = [sys.executable, "-m", "app", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_a_voice_is_trained_and_spoken_with(recordings, tmp_path):
    """Better on the part held back, or nothing is written; what is written is a vocoder for --synth."""
    out = tmp_path / "mine.onnx"
    result = gossamer("train-voice", recordings, "--out", out, "--steps", 12, "--json")
    assert "broken.wav" in result.stderr and "left out" in result.stderr
    facts = json.loads(result.stdout)
    assert 12 == facts["steps"]
    assert (0 if facts["better"] else 1) == result.returncode and facts["better"] == out.exists()
    assert facts["before"].keys() == facts["after"].keys() and facts["before"] != facts["after"]
    if out.exists():
        assert load_model(VOCODER, out).state.shape == load_model(VOCODER).state.shape
        packets = tmp_path / "x.g800"
        packets.write_bytes(bytes(64))
        assert 0 == gossamer("decode", packets, tmp_path / "x.wav", "--synth", out).returncode


def test_what_is_no_better_is_not_kept(recordings, tmp_path):
    """Without a step to speak of the figures stay, and that is not better."""
    sound = train_voice.read_recordings(recordings)
    outcome = fine_tune(sound, tmp_path / "same.onnx", FineTuneSettings(steps=1, learning_rate=0.0))
    assert not outcome.better
    assert outcome.before == pytest.approx(outcome.after, rel=1e-4)
    assert not is_better({"sound_mel_error_db": 3.0, "estoi": 0.8}, {"sound_mel_error_db": 2.0, "estoi": 0.7})
    assert is_better({"sound_mel_error_db": 3.0, "estoi": 0.8}, {"sound_mel_error_db": 2.0, "estoi": 0.8})


def test_another_vocoder_scores_otherwise(recordings):
    """The figures are of the file that is named."""
    (sound, *_) = train_voice.read_recordings(recordings)
    part = pieces([sound[:24000]])
    one, two = (scores(model_path(VOCODER, model), part) for model in ("standard", "small"))
    assert one.keys() == two.keys() and one != two
    assert 0.3 < one["envelope_correlation"] < 1 and 0 < one["sound_mel_error_db"] < 10


def test_a_part_is_held_back():
    """Whole recordings where there are many, the ends of all where there are few; nothing is in both."""
    many = [np.full(8000, number, np.float32) for number in range(70)]
    trained, held_back = parted(many)
    assert (60, 10) == (len(trained), len(held_back))
    assert not {x[0] for x in trained} & {x[0] for x in held_back}
    few = [np.arange(700_000, dtype=np.float32)]
    (trained_one,), (held_one,) = parted(few)
    assert 600_000 == len(trained_one) and np.array_equal(few[0], np.concatenate([trained_one, held_one]))
    with pytest.raises(TrainingError, match="50 s of sound are too few"):
        parted(many[:50])
    assert [] == pieces([np.zeros(80000, np.float32)])


def test_mistakes_are_one_line(tmp_path):
    """Too little sound, no sound, no folder, a wrong name."""
    soundfile.write(tmp_path / "short.wav", np.zeros(8000), 8000)
    for words, cause in (
        ((tmp_path, "--out", tmp_path / "a.onnx"), "1 s of sound are too few"),
        ((tmp_path / "no", "--out", tmp_path / "a.onnx"), "is no folder"),
        ((tmp_path, "--out", tmp_path / "a.wav"), "call it"),
    ):
        result = gossamer("train-voice", *words)
        assert 2 == result.returncode and cause in result.stderr, result.stderr
        assert 1 == result.stderr.count("\n")


def test_without_torch_the_cure_is_said(tmp_path, monkeypatch, capsys):
    """One line, exit code 2."""
    from app.__main__ import main

    monkeypatch.setattr(train_voice, "find_spec", lambda name: None if name == "torch" else object())
    assert 2 == main(["train-voice", str(tmp_path)])
    assert "needs the extra `train` (torch not installed): run `make train-setup`" in capsys.readouterr().err
