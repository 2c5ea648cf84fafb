"""What is said of a device that does not open, with PortAudio and its devices replaced."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import trio
from trio.testing import trio_test

from app.audio.device_stream import AudioSystem
from app.audio.devices import Block
from app.audio.portaudio import plain_words
from app.audio.streams import PortAudioMicrophone
from app.events import DeviceProblem, DeviceReady
from tests.support.portaudio import FakePortAudio, PortAudioError

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
