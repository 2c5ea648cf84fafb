"""`gossamer train-voice DIR`: the shipped vocoder, fine-tuned on somebody's own recordings."""

from __future__ import annotations

import argparse
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.audio.sound_files import read_speech
from app.cli.options import add_force, add_json
from app.console import Progress, note, say
from app.errors import FileProblem, GossamerError
from app.storage import packet_output
from app.texts import counted
from codec.format import SAMPLE_RATE_HZ

EXIT_NOT_BETTER = 1
"""Exit code where the result is no better than the shipped vocoder, and nothing is written."""
NEEDED = ("torch", "onnx", "safetensors", "tqdm")
"""Packages of the extra `train` that fine-tuning imports."""
SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus")
"""File names that are taken for recordings."""
ENOUGH_S = 7200.0
"""Length of all recordings together at which the rest is left out, in seconds: an hour takes 700 MB of memory."""
FIGURES = {
    "sound_mel_error_db": "mel distance in dB, low is good",
    "envelope_correlation": "correlation of band envelopes",
    "estoi": "ESTOI",
    "pesq_nb": "PESQ-NB",
}
"""Measures of the speech held back, by their key in the result, in words."""


def add_train_voice(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("folder", metavar="DIR", help="recordings of one voice: WAV, FLAC or Ogg, ten minutes or more")
    parser.add_argument("--out", metavar="FILE.onnx", help="the vocoder, which listeners give to --synth (DIR.onnx)")
    parser.add_argument("--minutes", type=_minutes, default=40.0, metavar="N", help="most minutes of training (40)")
    parser.add_argument("--steps", type=_steps, default=1500, metavar="N", help="most steps of training (1500)")
    add_force(parser)
    add_json(parser)
    parser.set_defaults(run=run_train_voice)


def _minutes(text: str) -> float:
    minutes = float(text)
    if not 0.0 < minutes <= 600.0:
        raise argparse.ArgumentTypeError(f"{text} is no number of minutes up to 600")
    return minutes


def _steps(text: str) -> int:
    steps = int(text)
    if steps < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of steps")
    return steps


def run_train_voice(arguments: argparse.Namespace) -> int:
    """Fine-tune the vocoder. Returns 0, or 1 where the result is no better. Raises GossamerError."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        cure = "run `make train-setup` in the checkout, or pip install '.[train]'"
        raise GossamerError(f"train-voice needs the extra `train` ({', '.join(missing)} not installed)", cure)
    target = output_path(arguments.folder, arguments.out)
    if not arguments.force and target.exists() and target.stat().st_size:
        raise FileProblem(f"{target} is there already", "name another file with --out, or add --force")
    recordings = read_recordings(Path(arguments.folder))
    from codec.training.errors import TrainingError
    from vocoder.training.fine_tune import FineTuneSettings, fine_tune

    settings = FineTuneSettings(steps=arguments.steps, minutes=arguments.minutes)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "vocoder.onnx"
        try:
            with Progress(f"training, {settings.minutes:g} minutes at most") as bar:
                outcome = fine_tune(recordings, made, settings, bar.at)
        except TrainingError as error:
            raise GossamerError(f"{arguments.folder}: {error}") from error
        if outcome.better:
            with packet_output(target) as stream:
                stream.write(made.read_bytes())
    lines = [
        f"{outcome.steps} steps in {outcome.minutes:.1f} min on {outcome.trained_s / 60:.1f} min of speech; "
        f"on {outcome.held_back_s:.0f} s held back, before and after:"
    ]
    for name, words in FIGURES.items():
        if name in outcome.before:
            lines.append(f"  {words:34} {outcome.before[name]:7.3f} {outcome.after[name]:7.3f}")
    if outcome.better:
        lines.append(f"written {target}, for those who listen to this voice: gossamer talk LINK --synth {target}")
    else:
        lines.append("no better than the shipped vocoder, which stays; nothing written. More recordings may help.")
    facts = {"output": str(target) if outcome.better else None, **vars(outcome)}
    say(facts, "\n".join(lines), as_json=arguments.json)
    return 0 if outcome.better else EXIT_NOT_BETTER


def output_path(folder: str, out: str | None) -> Path:
    """Return where the vocoder goes, checked before the time is spent. Raises FileProblem."""
    path = Path(out) if out else Path(Path(folder).resolve().name + ".onnx")
    if path.suffix != ".onnx":
        raise FileProblem(f"{path}: a vocoder is told by its name", f"call it {path.with_suffix('.onnx')}")
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise FileProblem(f"cannot write {path}", "name another file with --out")
    return path


def read_recordings(folder: Path) -> list[NDArray[np.float32]]:
    """Return every sound file in the folder and below it, float32 [n] at 8 kHz each. Pipes and devices are none.

    A file that cannot be read, or is longer than an hour, is reported and left out; so is what comes after ENOUGH_S.
    Raises FileProblem where there is none at all.
    """
    if not folder.is_dir():
        raise FileProblem(f"{folder} is no folder", "put the recordings into one and name it")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    found: list[NDArray[np.float32]] = []
    with Progress(str(folder)) as bar:
        for number, path in enumerate(files):
            try:
                found.append(read_speech(path))
            except FileProblem as problem:
                note(f"{problem}; left out")
            bar.at(number / len(files))
            if sum(map(len, found)) >= ENOUGH_S * SAMPLE_RATE_HZ and files[number + 1 :]:
                note(f"{ENOUGH_S / 3600:.0f} hours are enough: {counted(len(files) - number - 1, 'file')} left out")
                break
    if not found:
        raise FileProblem(f"{folder}: no recordings (WAV, FLAC or Ogg) here")
    return found
