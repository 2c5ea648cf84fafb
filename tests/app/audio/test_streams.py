"""PortAudio for real, through a private PulseAudio server with null sinks for microphones and loudspeakers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.audio_rig import AudioRig, missing
from tests.support.processes import free_port

pytestmark = pytest.mark.audio
ROOT = Path(__file__).parents[3]

STATION = """
import json, sys, numpy as np, trio
from app.audio.device_stream import AudioSystem
from app.audio.streams import PortAudioLoudspeaker, PortAudioMicrophone
from app.audio.portaudio import end_at_once_if_it_hangs, silence_native_libraries
from app.errors import DeviceError
from app.events import DeviceReady

silence_native_libraries()
told, causes, blocks = [], [], []
def report(event):
    told.append([type(event).__name__, event.device])
    print(json.dumps(told[-1]), flush=True)
    causes.append(getattr(event, "cause", ""))

async def until(condition, seconds=60):
    with trio.fail_after(seconds):
        while not condition():
            await trio.sleep(0.02)

async def main():
    system = AudioSystem(HANGS_S)
    microphone, loudspeaker = PortAudioMicrophone(system), PortAudioLoudspeaker(system)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(microphone.run, blocks.append, report)
        nursery.start_soon(loudspeaker.run, report)
        await until(lambda: microphone.working and loudspeaker.working)
        await STEPS(microphone, loudspeaker)
        nursery.cancel_scope.cancel()
    sound = np.concatenate(blocks)
    print(json.dumps({"rates": [microphone.rate_hz, loudspeaker.rate_hz]}))
    sys.stdout.flush()
    sound.astype("<f4").tofile(sys.argv[1])
"""


@pytest.fixture
def rig() -> Iterator[AudioRig]:
    """A server with a microphone at 44.1 kHz and a loudspeaker at 48 kHz."""
    if problem := missing():
        pytest.skip(problem)
    with AudioRig() as rig:
        rig.add_sink("a_microphone", 44100)
        rig.add_sink("a_loudspeaker", 48000)
        yield rig


def station(rig: AudioRig, steps: str, out: Path, hangs_s: float = 20.0) -> subprocess.Popen[str]:
    """A process with one microphone and one loudspeaker that takes these steps, then writes what it heard to `out`."""
    code = (
        STATION.replace("STEPS", "steps").replace("HANGS_S", str(hangs_s))
        + steps
        + "\ntrio.run(main)\nend_at_once_if_it_hangs(0)\n"
    )
    environment = {**rig.for_station("a"), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", code, str(out)], env=environment, stdout=subprocess.PIPE, text=True)


def strength(samples: np.ndarray, frequency_hz: float) -> float:
    """Amplitude of a tone in the best second of a recording, 0..1."""
    best = 0.0
    for start in range(0, max(1, len(samples) - 8000), 2000):
        part = samples[start : start + 8000]
        carrier = np.exp(-2j * np.pi * frequency_hz * np.arange(len(part)) / 8000)
        best = max(best, 2 * abs(np.dot(part, carrier)) / max(1, len(part)))
    return best


def tone(frequency_hz: float, duration_s: float) -> np.ndarray:
    """float32 [n], half of full scale, 8 kHz"""
    time_s = np.arange(round(8000 * duration_s)) / 8000
    return (0.5 * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32)


def test_a_tone_passes_both_ways(rig, tmp_path):
    """What is played is heard in the loudspeaker's sink, what is put into the microphone's sink is heard by us, both
    resampled from the device's rate and both at their level."""
    steps = """
async def steps(microphone, loudspeaker):
    time_s = np.arange(24000) / 8000
    loudspeaker.play((0.5 * np.sin(2 * np.pi * 700 * time_s)).astype(np.float32))
    await until(lambda: loudspeaker.queued_s == 0)
    await until(lambda: sum(map(len, blocks)) > 40000)
"""
    recording = rig.record("a_loudspeaker")
    listening = rig.record("a_microphone")  # keeps the sink at a low latency
    process = station(rig, steps, tmp_path / "heard")
    player = rig.play("a_microphone", tone(500, 20))
    said, _ = process.communicate(timeout=120)
    player.terminate()
    player.wait(10)
    listening.finish()
    played = recording.finish()
    assert 0 == process.returncode, said
    assert [44100, 44100] == json.loads(said.splitlines()[-1])["rates"]  # what ALSA's pulse plugin calls its own
    assert strength(played, 700) == pytest.approx(0.5, rel=0.1)
    assert strength(np.fromfile(tmp_path / "heard", "<f4"), 500) == pytest.approx(0.5, rel=0.1)


def test_sound_that_nobody_waits_for_comes_at_each_beat(rig, tmp_path):
    """Some twelve blocks together, none of them lost; and from `hurry` on as soon as the system has them: 66 ms."""
    steps = """
async def steps(microphone, loudspeaker):
    microphone.hurry(False)
    blocks.clear()
    await trio.sleep(4)
    print(json.dumps({"together": [len(block) for block in blocks]}), flush=True)
    microphone.hurry(True)
    blocks.clear()
    await trio.sleep(1)
    print(json.dumps({"at_once": [len(block) for block in blocks]}), flush=True)
"""
    process = station(rig, steps, tmp_path / "heard")
    player = rig.play("a_microphone", tone(500, 20))
    said, _ = process.communicate(timeout=120)
    player.terminate()
    player.wait(10)
    found = {key: value for line in said.splitlines() if line[0] == "{" for key, value in json.loads(line).items()}
    together, at_once = found["together"], found["at_once"]
    assert len(together) <= 20 and sum(together) >= 3 * 8000, found
    assert len(at_once) >= 8, found


def test_devices_that_disappear_are_reported_and_come_back(rig, tmp_path):
    """The sound server dies in mid-run: both devices are said to be gone, the program lives on, and when the server is
    back it works again by itself."""
    steps = """
async def steps(microphone, loudspeaker):
    print("working", flush=True)
    gone = lambda: [event for event in told if event[0] == "DeviceProblem"]
    await until(lambda: {"microphone", "loudspeaker"} <= {event[1] for event in gone()})
    print("gone", flush=True)
    seen = len(told)
    await until(lambda: microphone.working and loudspeaker.working)
    count = len(blocks)
    await until(lambda: len(blocks) > count + 10)
"""
    process = station(rig, steps, tmp_path / "heard")
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line.strip())
        if line == "working\n":
            rig.stop()
        elif line == "gone\n":
            rig.start()
    assert 0 == process.wait(60), said
    before, after = said[: said.index("gone")], said[said.index("gone") :]
    assert {'["DeviceReady", "microphone"]', '["DeviceReady", "loudspeaker"]'} <= set(before)
    assert {'["DeviceReady", "microphone"]', '["DeviceReady", "loudspeaker"]'} <= set(after)


def test_a_sound_server_that_hangs_holds_nothing_up(rig, tmp_path):
    """It is said, whatever PortAudio waits for, and the program ends when it is to end."""
    steps = """
async def steps(microphone, loudspeaker):
    print("working", flush=True)
    hangs = lambda: [told[at][1] for at, cause in enumerate(causes) if "hangs" in cause]
    await until(lambda: {"microphone", "loudspeaker"} <= set(hangs()))
    blocks.append(np.zeros(1))
"""
    process = station(rig, steps, tmp_path / "heard", hangs_s=2.0)
    assert process.stdout is not None
    for line in process.stdout:
        if line == "working\n":
            rig.hang()
    assert 0 == process.wait(10)


@pytest.mark.parametrize("aloud", [False, True])
def test_a_command_that_begins_while_the_sound_server_hangs_can_be_ended(rig, aloud):
    """By one signal, as systemd sends it."""
    words = ("listen", f"udp://:{free_port()}", "--output", "speaker") if aloud else ("devices",)
    rig.hang()
    environment = {**rig.for_station("a"), "PYTHONPATH": str(ROOT)}
    command = subprocess.Popen([sys.executable, "-m", "app", *words], env=environment, stdout=subprocess.DEVNULL)
    with pytest.raises(subprocess.TimeoutExpired):
        command.wait(3)
    command.terminate()
    assert command.wait(6) in (0, 130)


def test_a_device_that_is_not_there_is_replaced_by_the_default(rig, tmp_path):
    """Choosing an unknown one in mid-run is reported, and the default goes on working."""
    steps = """
async def steps(microphone, loudspeaker):
    microphone.choose("no such thing")
    await until(lambda: ["DeviceProblem", "microphone"] in told)
    await until(lambda: told[-1] == ["DeviceReady", "microphone"])
    count = len(blocks)
    await until(lambda: len(blocks) > count + 10)
"""
    process = station(rig, steps, tmp_path / "heard")
    said, _ = process.communicate(timeout=120)
    assert 0 == process.returncode, said


def gossamer(rig: AudioRig, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**rig.for_station("a"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "app", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_the_devices_are_listed(rig):
    """Microphones and loudspeakers with the rates that work, the default marked."""
    listed = gossamer(rig, "devices")
    assert (0, "") == (listed.returncode, listed.stderr)
    microphones, loudspeakers = listed.stdout.split("Loudspeakers:\n")
    for part in (microphones, loudspeakers):
        default = next(line for line in part.splitlines() if line.startswith(" * "))
        assert "8 16 32 44.1 48 kHz" in default


def test_an_unknown_device_is_a_mistake_that_is_named(rig):
    """One line, exit code 2."""
    sent = gossamer(rig, "send", "udp://127.0.0.1:9", "--input", "mic", "--microphone", "banjo")
    assert 2 == sent.returncode
    assert "gossamer: there is no microphone called 'banjo': `gossamer devices` lists what there is\n" == sent.stderr


def test_without_a_sound_server_there_are_no_devices():
    """Nothing there is no error: the lists say what to do."""
    if problem := missing():
        pytest.skip(problem)
    environment = {**os.environ, "XDG_RUNTIME_DIR": "/nonexistent", "HOME": "/nonexistent", "PYTHONPATH": str(ROOT)}
    environment = {name: value for name, value in environment.items() if not name.startswith("PULSE_")}
    listed = subprocess.run(
        [sys.executable, "-m", "app", "devices"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert 0 == listed.returncode
    if Path("/proc/asound/cards").exists() and "no soundcards" not in Path("/proc/asound/cards").read_text():
        pytest.skip("this machine has a sound card")
    assert 2 == listed.stdout.count("none: plug one in")
