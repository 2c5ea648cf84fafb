"""What is said of a device that does not open, with PortAudio and its devices replaced."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app.audio import device_stream
from app.audio.device_stream import SETTLED_S, AudioSystem
from app.audio.devices import Block
from app.audio.portaudio import plain_words
from app.audio.streams import PortAudioMicrophone
from app.events import DeviceProblem, DeviceReady
from tests.support.audio_rig import missing
from tests.support.portaudio import FakePortAudio, PortAudioError
from tests.support.processes import ROOT

WITHOUT_FILES = """
import os, resource, trio
from app.audio.device_stream import SETTLED_S, AudioSystem
from app.audio.portaudio import load_portaudio
from app.errors import DeviceError

async def main():
    await trio.to_thread.run_sync(load_portaudio)
    resource.setrlimit(resource.RLIMIT_NOFILE, (os.dup(0) + FREE, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    try:
        await AudioSystem().look_again(lambda: True)
    except DeviceError as problem:
        print(problem)

trio.run(main)
"""
"""A program that has PortAudio look for devices while it may open FREE more files."""
ALSA_NAME = "HDA Intel PCH: ALC257 Analog (hw:0,0)"


@trio_test
async def test_a_device_whose_name_has_a_colon_comes_out_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """ALSA names devices "card: device": the problem names all of it, and the cure is the cure."""
    machine = FakePortAudio((ALSA_NAME, 1, 0))
    machine.broken.add(ALSA_NAME)
    monkeypatch.setitem(sys.modules, "sounddevice", machine)
    told: list[DeviceProblem | DeviceReady] = []
    microphone = PortAudioMicrophone(AudioSystem(), None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(microphone.run, lambda block: None, told.append)
        with trio.fail_after(10):
            while not told:
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    [problem] = told
    assert isinstance(problem, DeviceProblem)
    assert f"the microphone {ALSA_NAME} does not open (Device unavailable)" == problem.cause
    assert "is another program using it?" == problem.cure
    assert f"{problem.cause}: {problem.cure}" == str(problem)


@pytest.mark.parametrize("may_interrupt", [True, False])
@trio_test
async def test_a_device_that_works_is_closed_only_if_it_may(
    monkeypatch: pytest.MonkeyPatch, may_interrupt: bool
) -> None:
    """PortAudio lists devices anew only while all streams are closed; who is talking is not cut off for it."""
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio(("array", 1, 0)))
    system, told = AudioSystem(), list[DeviceProblem | DeviceReady]()
    microphone = PortAudioMicrophone(system, None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(microphone.run, lambda block: None, told.append)
        with trio.fail_after(10):
            while not microphone.working:
                await trio.sleep(0.01)
        await system.look_again(lambda: may_interrupt)
        assert may_interrupt is not microphone.working
        nursery.cancel_scope.cancel()


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Let the system give this process no file descriptor."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@trio_test
async def test_without_descriptors_nothing_is_asked_of_the_sound_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said once; when there are some again, the device opens that is wanted, and not the default."""
    machine = FakePortAudio(("default", 1, 0), ("array", 1, 0))
    monkeypatch.setitem(sys.modules, "sounddevice", machine)
    monkeypatch.setattr(device_stream, "RETRY_S", 0.01)
    told = list[DeviceProblem | DeviceReady]()
    microphone = PortAudioMicrophone(AudioSystem(), "array")
    async with trio.open_nursery() as nursery:
        with trio.fail_after(10), no_descriptors():
            nursery.start_soon(microphone.run, lambda block: None, told.append)
            await trio.sleep(0.3)
        [problem] = told
        assert isinstance(problem, DeviceProblem) and not machine.listed_in
        assert (
            "no sound: the sound system needs files, and the system opens none (too many open files)" == problem.cause
        )
        with trio.fail_after(10):
            while not microphone.working:
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert isinstance(told[-1], DeviceReady) and "array" == told[-1].name and 2 == len(told)


@pytest.mark.audio
@pytest.mark.parametrize("free", [0, 1, 10])
def test_portaudio_itself_ends_no_program_for_want_of_descriptors(free: int) -> None:
    """Its search for devices asserts that it can open ALSA's own files: it is not begun."""
    if problem := missing():
        pytest.skip(problem)
    program = WITHOUT_FILES.replace("FREE", str(free))
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (0, 1) == (ended.returncode, ended.stdout.count("raise the limit (`ulimit -n`)")), ended.stderr


@pytest.mark.parametrize("channels", [1, 2, 4, 6, 8, 32])
@trio_test
async def test_a_microphone_that_opens_with_one_number_of_channels(
    monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    """Whatever the number is, the device opens with it, and one channel comes out."""
    machine = FakePortAudio(("array", channels, 0))
    opens = machine.RawInputStream

    def only(**how: Any) -> Any:
        if how["channels"] != channels:
            raise PortAudioError("Invalid number of channels")
        return opens(**how)

    machine.RawInputStream = only
    monkeypatch.setitem(sys.modules, "sounddevice", machine)
    told: list[DeviceProblem | DeviceReady] = []
    blocks: list[Block] = []
    microphone = PortAudioMicrophone(AudioSystem(), None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(microphone.run, blocks.append, told.append)
        with trio.fail_after(10):
            while not (told and blocks):
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert [DeviceReady] == [type(event) for event in told]
    assert 1 == blocks[0].ndim


@pytest.mark.parametrize(
    ("error", "plain"),
    [
        (PortAudioError("Error opening InputStream: Device unavailable", -9985), "another program is using it"),
        (PortAudioError("Error opening OutputStream: Invalid sample rate", -9997), "none of the usual sampling rates"),
        (
            PortAudioError("Error opening InputStream: Unanticipated host error", -9999, (0, -16, "Resource busy")),
            "the sound system says: Resource busy",
        ),
        (PortAudioError("Error opening Stream: Unanticipated host error", -9999, (0, 0, "")), "refuses it"),
        (PortAudioError("Error opening InputStream: Odd [PaErrorCode -1234]\nmore", -1234), "Odd"),
        (PortAudioError(), "it gives no reason"),
    ],
)
def test_errors_of_portaudio_are_said_in_plain_words(error: PortAudioError, plain: str) -> None:
    """Without its numbers, and without the name of a function."""
    said = plain_words(error)
    assert plain in said
    assert "PaErrorCode" not in said and "Error opening" not in said and "\n" not in said


@pytest.mark.parametrize("named", ["XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_SERVER"])
def test_a_sound_server_that_is_new_is_used_once_it_has_settled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str
) -> None:
    """One that was there before is used at once, as is a machine without any; each start counts anew."""
    for name in ("PULSE_RUNTIME_PATH", "PULSE_SERVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    socket = tmp_path / "pulse" / "native"
    monkeypatch.setenv(
        named, {"XDG_RUNTIME_DIR": f"{tmp_path}", "PULSE_SERVER": f"unix:{socket}"}.get(named, f"{socket.parent}")
    )
    socket.parent.mkdir()

    async def main() -> None:
        without = AudioSystem()
        await without.settled()
        socket.touch()
        system = AudioSystem()
        await system.settled()
        assert 0.0 == trio.current_time()
        await without.settled()
        assert SETTLED_S == trio.current_time()
        socket.rename(tmp_path / "before")
        await system.settled()
        assert 2 * SETTLED_S == trio.current_time()
        async with trio.open_nursery() as nursery:
            socket.touch()
            nursery.start_soon(system.settled)
            await trio.sleep(SETTLED_S / 2)
            socket.rename(tmp_path / "again")
            socket.touch()
        assert 4 * SETTLED_S == trio.current_time()  # it is looked at when the first would have settled

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
