"""What `gossamer doctor` finds on this machine, on broken ones, and in a real pseudo-terminal."""

from __future__ import annotations

import builtins
import json
import os
import pty
import threading
from typing import Any

import pytest

from app.__main__ import main
from app.diagnostics import doctor
from app.diagnostics.doctor import (
    Finding,
    examine,
    look_at_packages,
    look_at_settings,
    serial_finding,
    terminal_tells_release,
)
from codec import models
from codec.decoder import Decoder
from tests.support.audio_rig import AudioRig, missing
from tests.system.test_two_processes import start


def by_what(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings}


def test_this_machine(capsys):
    """Every part is looked at, the models are there and their speed is a figure; nothing else on standard output."""
    code = main(["doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == (0 if told["ok"] else 1)
    found = {finding["what"]: finding for finding in told["findings"]}
    assert {"system", "models", "encoding", "decoding", "talk key", "settings", "network", "recordings"} <= set(found)
    assert "ok" == found["models"]["status"] and "sha256 codec_encoder " in found["models"]["found"]
    assert found["encoding"]["found"].endswith(" of real time")
    assert "warn" == found["talk key"]["status"]  # there is no terminal here
    assert all(finding["cure"] for finding in told["findings"] if finding["status"] != "ok")


def test_small_models_that_are_missing_or_of_another_codec_are_a_warning(tmp_path, monkeypatch):
    """The standard ones do without them."""
    monkeypatch.setattr(models, "asset_path", lambda name: tmp_path / name)
    (found,) = doctor.look_at_small()
    assert ("small models", "warn") == (found.what, found.status) and "no such model" in found.found
    monkeypatch.undo()
    monkeypatch.setattr(models, "model_path", lambda kind, model="standard": models.asset_path(f"{kind}.onnx"))
    (found,) = doctor.look_at_small()
    assert "ok" == found.status and f"codec {Decoder().codec_id}, " in found.found
    ids = iter([1, 2])
    monkeypatch.setattr(Decoder, "codec_id", property(lambda decoder: next(ids)))
    (found,) = doctor.look_at_small()
    assert ("warn", "of codec 1, the standard ones of codec 2") == (found.status, found.found)


def test_words_and_exit_code(monkeypatch, capsys):
    """A line each, the cure below; 1 when something fails, 0 when it only warns."""
    monkeypatch.setattr(doctor, "all_checks", lambda: {"a": lambda: [Finding("a", "warn", "so so", "do this")]})
    assert 0 == main(["doctor"])
    assert ["warn  a             so so", "                    do this"] == capsys.readouterr().out.splitlines()[1:]
    monkeypatch.setattr(doctor, "all_checks", lambda: {"b": lambda: [Finding("b", "fail", "bad", "do that")]})
    assert 1 == main(["doctor"])


def test_a_look_that_fails_is_a_finding():
    """The others go on."""

    def broken() -> list[Finding]:
        raise RuntimeError("driver fell over\nat length")

    found = examine({"one": broken, "two": lambda: [Finding("two", "ok", "fine")]})
    assert [("one", "fail", "could not be looked at: driver fell over"), ("two", "ok", "fine")] == [
        (finding.what, finding.status, finding.found) for finding in found
    ]


@pytest.mark.parametrize(
    ("answer", "tells"),
    [(b"\x1b[?1u\x1b[?62;4c", True), (b"\x1b[?62;4c", False), (b"", False), (b"\x1b[?0u\x1b[?1;2c", True)],
)
def test_a_terminal_is_asked(answer, tells):
    """One with the kitty protocol says so; others, and silent ones, are known as such, and left as they were."""
    import termios

    ours, theirs = pty.openpty()
    asked = []

    def terminal() -> None:
        asked.append(os.read(ours, 100))
        if answer:
            os.write(ours, answer)

    beside = threading.Thread(target=terminal, daemon=True)
    before = termios.tcgetattr(theirs)
    beside.start()
    assert tells == terminal_tells_release(theirs, theirs)
    beside.join(5)
    assert [b"\x1b[?u\x1b[c"] == asked
    assert before == termios.tcgetattr(theirs)
    os.close(ours)
    os.close(theirs)


def test_a_serial_port_that_may_not_be_opened(tmp_path, monkeypatch):
    """The group that would help is named."""
    port = tmp_path / "ttyUSB0"
    port.write_text("")
    assert "ok" == serial_finding(str(port), "CP2102").status
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    refused = serial_finding(str(port), "CP2102")
    assert "fail" == refused.status and "usermod -a -G" in refused.cure
    assert "dialout" in serial_finding(str(tmp_path / "gone"), "CP2102").cure


def test_settings_that_are_wrong(tmp_path, monkeypatch):
    """The file, the key and what to do."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert "ok" == look_at_settings()[0].status
    (tmp_path / "gossamer").mkdir()
    (tmp_path / "gossamer" / "settings.toml").write_text("volume = 7\n")
    [finding] = look_at_settings()
    assert "fail" == finding.status and "settings.toml" in finding.found + finding.cure
    (tmp_path / "gossamer" / "settings.toml").write_text('link = "udp://nowhere"\n')
    assert "fail" == look_at_settings()[0].status


def test_missing_models_and_packages(tmp_path, monkeypatch):
    """What is missing, and the command that brings it."""
    from codec import models

    assert "no Debian" in look_at_packages(str(tmp_path / "no-dpkg"))[0].found
    fake = tmp_path / "dpkg-query"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    assert "sudo apt-get install libportaudio2 libasound2-plugins" == look_at_packages(str(fake))[0].cure
    monkeypatch.setattr(models, "asset_path", lambda name: tmp_path / name)
    [finding] = doctor.look_at_models()
    assert "fail" == finding.status and "reinstall gossamer" in finding.cure


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
    [finding] = doctor.look_at_sound()
    assert "warn" == finding.status and "libportaudio2" in finding.cure
