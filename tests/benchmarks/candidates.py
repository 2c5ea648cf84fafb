"""Models beside the shipped ones: a folder of graphs, or of a checkpoint that is exported first."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from .errors import BenchmarkError
from .lanes import Candidate

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINTS = ("checkpoint.safetensors", "voice.safetensors")
"""Names of what a training run and an export leave; the first one that is there is taken."""


def candidate_of(folder: Path, label: str, work: Path) -> Candidate:
    """Return the models in a folder, exported into `work` where the folder holds a checkpoint and no graphs.

    Raises BenchmarkError where there is neither, or where the export fails.
    """
    if any(folder.glob("*.onnx")):
        return Candidate(folder.resolve(), label)
    checkpoint = next((folder / name for name in CHECKPOINTS if (folder / name).is_file()), None)
    if checkpoint is None:
        raise BenchmarkError(
            f"--models {folder}: no .onnx files there and no {' or '.join(CHECKPOINTS)}; give the folder of a training "
            "run, or one that an export wrote"
        )
    return Candidate(export(checkpoint, work), label)


def export(checkpoint: Path, work: Path) -> Path:
    """Export a checkpoint, or find that it was exported before; return the folder of graphs. Raises BenchmarkError."""
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()[:12]
    out = work.resolve() / "exported" / digest
    if (out / "vocoder.onnx").is_file():
        return out
    command = [sys.executable, "-m", "vocoder.training", "export", "--from", str(checkpoint.resolve())]
    command += ["--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or "it says nothing").splitlines()[-1]
        cure = "`make train-setup` brings what an export needs"
        raise BenchmarkError(f"--models {checkpoint.parent}: its checkpoint cannot be exported: {said}; {cure}")
    return out
