"""A tiny corpus made by a speech synthesiser, and the stages of training as a user runs them."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import soundfile

SENTENCES = ["the quick brown fox", "jumps over the lazy dog", "pack my box with five dozen jugs"]
RECIPE = """
[codec]
frame_channels = 16
latent_channels = 24
encoder_frame_blocks = 1
encoder_latent_blocks = 1
decoder_latent_blocks = 1
decoder_frame_blocks = 1
{vocoder}
[schedule]
steps = {steps}
batch_size = 2
packets = 2
warmup_steps = 2
validate_every = 3
validation_segments = 6
seed = 4
"""
"""A recipe of tiny networks, to be formatted; further lines go on with the schedule."""


def spoken(text: str, voice: str, path: Path) -> None:
    """Speak one sentence into a WAV file."""
    subprocess.run(["espeak-ng", "-v", voice, "-w", path, text], check=True)


def write_packed_corpus(folder: Path) -> None:
    """Write a packed corpus of one training and one validation speaker; skip the test without espeak-ng."""
    from codec.training.data import corpus

    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is missing: apt-get install espeak-ng")
    held_out = min(speaker for name, speaker in corpus.validation_speakers() if name == "librispeech")
    rows = []
    with tarfile.open(folder / "librispeech.tar", "w") as tar:
        for speaker, voice in (("somebody", "en-us"), (held_out, "en-gb")):
            for number, text in enumerate(SENTENCES):
                spoken(text, voice, folder / "now.wav")
                samples, rate = soundfile.read(folder / "now.wav")
                content = io.BytesIO()
                soundfile.write(content, samples, rate, format="FLAC")
                name = f"librispeech/{speaker}/{number}.opus"
                info = tarfile.TarInfo(name)
                info.size = len(content.getvalue())
                tar.addfile(info, io.BytesIO(content.getvalue()))
                rows.append({"path": name, "source": "librispeech", "speaker": speaker, "sex": "m", "language": "en"})
                rows[-1]["text"] = text
    (folder / "now.wav").unlink()
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def stage(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a stage as a user does."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def together(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a stage in two processes, as a user does."""
    command = [Path(sys.executable).with_name("torchrun"), "--nproc-per-node", 2, "--rdzv-backend", "c10d"]
    command += ["--rdzv-endpoint", "localhost:0", "-m", module, *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=300)
