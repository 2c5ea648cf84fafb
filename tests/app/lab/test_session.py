"""The link lab as a user has it: a terminal, a microphone and a loudspeaker of a real sound server."""

from __future__ import annotations

import time

import numpy as np
import pytest

from app.audio.sound_files import read_speech
from tests.support.audio_rig import AudioRig, missing
from tests.support.processes import CLIP, likeness
from tests.support.terminal import Terminal, gossamer

SAID_S = 4.0
TRIES = 4
"""Times that it is spoken into the microphone: five codecs at once, in real time, need a machine that has time."""


def level(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples**2)))


@pytest.mark.audio
def test_lanes_are_heard_and_the_microphone_speaks() -> None:
    """On 1200 bit/s Gossamer comes through to the loudspeaker, PCM does not; what is said into the microphone is what
    comes out."""
    if problem := missing():
        pytest.skip(problem)
    speech = read_speech(CLIP)[: int(SAID_S * 8000)]
    with AudioRig() as rig:
        rig.add_sink("lab_microphone")
        rig.add_sink("lab_loudspeaker")
        with Terminal(
            gossamer("lab", "mic", "--link", "afsk1200"), kitty=False, columns=120, rows=40, env=rig.for_station("lab")
        ) as terminal:
            terminal.until("Gossamer")
            steady = rig.record("lab_microphone")  # keeps its sink at a low latency
            for _ in range(TRIES):
                recording = rig.record("lab_loudspeaker")
                rig.play("lab_microphone", np.pad(speech, (0, 24000))).wait(60)
                ours = recording.finish()
                if likeness(ours, speech) > 0.5:
                    break
            terminal.write(b"5")
            time.sleep(1.0)  # what of the lane before was under way
            recording = rig.record("lab_loudspeaker")
            rig.play("lab_microphone", speech).wait(60)
            choked = recording.finish()
            steady.finish()
            terminal.write(b"q")
            assert 0 == terminal.ended()
    assert likeness(ours, speech) > 0.5
    assert level(ours) > 3.0 * level(choked)
