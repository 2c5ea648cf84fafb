"""`gossamer send` and `listen` as processes with `repeat=coarse`: what is lost is rebuilt, by the real models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.processes import CLIP, free_port, likeness, listener, start

DONE_S = 60.0
"""Time in which both commands have ended on a busy machine, in seconds."""


def said_and_heard(folder: Path, options: str, *words: object) -> tuple[dict, np.ndarray]:
    """Send the clip with these options of the link; return what `listen` says of it, and float32 [n] at 8 kHz."""
    port, output = free_port(), folder / f"{options}.wav"
    far = listener(port, "--output", output, "--once", "--json", "--no-record", *words)
    near = start("send", f"udp://127.0.0.1:{port}?{options}", "--input", CLIP, "--no-record", *words)
    _, problems = near.communicate(timeout=DONE_S)
    assert 0 == near.returncode, problems
    told, problems = far.communicate(timeout=DONE_S)
    assert 0 == far.returncode, problems
    (over,) = json.loads(told)["overs"]
    heard, _ = soundfile.read(output, dtype="float32")
    return over, heard


@pytest.mark.parametrize("model", ["standard", "small"])
def test_lost_frames_are_rebuilt(tmp_path: Path, model: str) -> None:
    """Of a fifth of the frames lost, one by one, nearly all; it sounds more like the clip than without copies."""
    original, _ = soundfile.read(CLIP, dtype="float32")
    over, heard = said_and_heard(tmp_path, "loss=0.2&seed=5&repeat=coarse", "--model", model)
    plain, holed = said_and_heard(tmp_path, "loss=0.2&seed=5", "--model", model)
    assert 0 == plain["rebuilt"] and plain["lost"] >= 3
    assert over["rebuilt"] >= 3 and over["lost"] < plain["lost"]
    assert likeness(heard, original) > likeness(holed, original)
