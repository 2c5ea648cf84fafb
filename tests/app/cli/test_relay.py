"""`gossamer relay` as a user runs it: processes beside it, its lines, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from app.__main__ import main
from app.cli.relay import holds_callsign
from tests.support.processes import CLIP, free_port, likeness, listener, read_line, start

SETTLED_S = 30


def relay_lines(process: subprocess.Popen[str]) -> list[dict]:
    """Return what a relay has told until its end, a dictionary a line."""
    out, _ = process.communicate(timeout=SETTLED_S)
    return [json.loads(line) for line in out.splitlines()]


def started(*words: object) -> tuple[subprocess.Popen[str], dict]:
    """Start a relay; return it with its first line, once its links are open."""
    process = start("relay", *words, "--json")
    return process, json.loads(read_line(process.stdout))


def test_a_recording_goes_through_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file is sent at one end and written at the other, confirmed from there; SIGTERM ends the relay in order."""
    here, there = free_port(), free_port()
    far = listener(there, "--output", tmp_path / "heard.wav", "--name", "Bob", "--no-record", "--once")
    relay, ready = started(f"udp://:{here}", f"udp://127.0.0.1:{there}", "--name", "Hill")
    try:
        assert ("relay_ready", "Hill", "open") == (ready["event"], ready["name"], ready["mode"])
        assert [f"udp://:{here}", f"udp://127.0.0.1:{there}"] == [link["link"] for link in ready["links"]]
        sent = ["send", f"udp://127.0.0.1:{here}", "--input", str(CLIP), "--name", "Ada", "--no-record", "--json"]
        assert 0 == main([*sent, "--confirm", "--to", "Bob via Hill"])
        said = json.loads(capsys.readouterr().out)
        assert (said["packets"], "Bob via Hill") == (said["receipt"]["heard"], said["receipt"]["station"])
        far.communicate(timeout=SETTLED_S)
    finally:
        relay.send_signal(signal.SIGTERM)
    lines = relay_lines(relay)
    assert 0 == relay.returncode
    assert "relay_closed" == lines[-1]["event"]
    (carried,) = [line for line in lines if line["event"] == "over_relayed"]
    expected = {"sender": "Ada", "packets": said["packets"], "lost": 0, "complete": True}
    assert expected == {name: carried[name] for name in expected}
    heard, _ = soundfile.read(tmp_path / "heard.wav", dtype="float32")
    original, _ = soundfile.read(CLIP, dtype="float32")
    assert likeness(heard, original) > 0.85


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_ending_signal_ends_it_in_order(number: signal.Signals) -> None:
    """With its last line and exit code 0."""
    relay, _ = started(f"udp://:{free_port()}", f"udp://:{free_port()}")
    relay.send_signal(number)
    assert "relay_closed" == relay_lines(relay)[-1]["event"]
    assert 0 == relay.returncode


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["udp://:7800"], "a relay joins two links or more: name another one"),
        (["udp://:7800", "parrot://"], "a parrot is on this machine alone: name a link to other stations"),
        (["udp://:7800", "udp://:7800?k=2"], "udp://:7800?k=2 is named twice: name another link"),
        (["udp://:7800", "udp://:7801?repeat=coarse"], "makes no coarse copies: write repeat=1, which repeats packets"),
        (["udp://:7800", "nowhere"], "'nowhere' is no link and no contact"),
        (["udp://:7800", "serial:///dev/ttyUSB0"], "does not say how fast the port is"),
        ([f"udp://:{port}" for port in range(7800, 7809)], "a relay joins 8 links at the most: leave 1 out"),
        (["udp://:7800", "serial:///dev/nowhere?baud=9600"], "/dev/nowhere"),
        (["udp://:7800", "udp://h", "--mode", "ham"], "mode ham needs a passphrase"),
        (["udp://:7800", "udp://h", "--name", "Hill, Bay"], "--name Hill, Bay: it must be 1 to 24 bytes"),
        (["udp://:7800", "udp://h", "--name", "A via B"], "--name A via B: it must be 1 to 24 bytes"),
    ],
)
def test_wrong_words(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line with the cause and the cure, exit code 2."""
    assert 2 == main(["relay", *words])
    problem = capsys.readouterr().err
    assert said in problem and 1 == problem.count("\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *((name, "holds no callsign: ") for name in ("not a call", "Hill", "2026", "call sign-1")),
        ("AB1CDE on the hill", "leaves no room for a talker's name: give --name at most 17 bytes"),
        ("AB1CDE auf Höhe 7", "leaves no room for a talker's name: give --name at most 17 bytes"),
    ],
)
def test_in_ham_mode_its_name_is_a_callsign(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    """By it the relay is named on the air, behind the talker: without a licence or room for both it does not start."""
    key = tmp_path / "key"
    key.write_text("nutmeg tractor ruby walnut harbour")
    key.chmod(0o600)
    links = [f"udp://:{free_port()}", f"udp://:{free_port()}", "--channel", "hill", "--passphrase-file", str(key)]
    assert 2 == main(["relay", *links, "--mode", "ham", "--name", name])
    problem = capsys.readouterr().err
    assert f"gossamer: '{name}' {said}" in problem and 1 == problem.count("\n")


@pytest.mark.parametrize("name", ["AB1CDE", "ab1cde-7", "DL/AB1CDE/P", "Hill AB1CDE"])
def test_names_that_hold_a_callsign(name: str) -> None:
    """With what else stands around it."""
    assert holds_callsign(name)


def test_it_loads_no_models_and_no_sound() -> None:
    """A relay is small: nothing that codes voice, plays it or computes with arrays is imported."""
    asked = "import sys, app.cli.relay; print([name for name in sys.argv[1:] if name in sys.modules])"
    heavy = ["onnxruntime", "numpy", "sounddevice", "textual", "scipy", "soundfile"]
    done = subprocess.run([sys.executable, "-c", asked, *heavy], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout
