"""What the doctor finds of sound: a stream that moves, and a machine without PortAudio."""

from __future__ import annotations

import builtins
import json
from typing import Any

import pytest

from app.diagnostics.sound_checks import check_sound
from tests.support.audio_rig import AudioRig, missing
from tests.support.processes import start


@pytest.mark.audio
def test_sound_that_works_is_seen_to_move():
    """A stream is opened on the default microphone and loudspeaker of a real sound server."""
    if problem := missing():
        pytest.skip(problem)
    with AudioRig() as rig:
        for name in ("a_microphone", "a_loudspeaker"):
            rig.add_sink(name)
        said, _ = start("doctor", "--json", environment=rig.for_station("a")).communicate(timeout=90)
    found = {finding["what"]: finding for finding in json.loads(said)["findings"]}
    for kind in ("microphone", "loudspeaker"):
        assert ("ok", True) == (found[kind]["status"], found[kind]["found"].endswith("a stream runs")), found[kind]


def test_without_portaudio_the_package_is_named(monkeypatch):
    """A warning: files and links work without sound."""
    real = builtins.__import__

    def without_portaudio(name: str, *rest: Any) -> Any:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_portaudio)
    [finding] = check_sound()
    assert "warn" == finding.status and "libportaudio2" in finding.cure
