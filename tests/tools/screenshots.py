"""Takes the README's pictures of the screens: the program on a sound card without hardware, spoken to.

make pictures        (python -m tests.tools.screenshots assets/talk.svg assets/bandwidth.svg assets/lab.svg)
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress

import numpy as np

from app.clips import load_clip
from codec.format import SAMPLE_RATE_HZ
from tests.support.audio_rig import AudioRig, missing

TAKES_S = 120
"""How long somebody speaks into the microphone: longer than the picture takes."""


def speak(rig: AudioRig, speech: np.ndarray) -> None:
    """Speak float32 [n] at 8 kHz into the microphone, until the rig is taken down."""
    with suppress(BrokenPipeError):
        rig.play("picture_microphone", speech)


def main(*paths: str) -> int:
    command = [sys.executable, "-m", "tests.tools.terminal_picture", *paths]
    if reason := missing():
        print(f"picture: without sound devices: {reason}", file=sys.stderr)
        return subprocess.run(command, check=False).returncode
    speech = np.concatenate([load_clip(number) for number in range(3)])
    speech = np.tile(speech, 1 + TAKES_S * SAMPLE_RATE_HZ // len(speech))
    with AudioRig() as rig:
        rig.add_sink("picture_microphone")
        rig.add_sink("picture_loudspeaker")
        threading.Thread(target=speak, args=(rig, speech), daemon=True).start()
        return subprocess.run(command, env={**os.environ, **rig.for_station("picture")}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
