"""The device card over the talk screen: the real engine and its streams on a PortAudio made of a list."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import pytest

from app.errors import DeviceError
from app.events import Event
from app.settings.model import Settings
from app.station.engine import Engine
from app.station.parts import real_parts
from app.tui.dialogs.devices import DeviceScreen
from app.tui.talk.keys import KEYS
from app.tui.talk.phase import Phase
from app.tui.widgets.keys import key_hints
from tests.support.portaudio import FakePortAudio
from tests.support.talk_stage import Stage, play
from tests.support.tui_station import load_codec_once

NO_LIBRARY = "the PortAudio library is missing: install it (Debian and Ubuntu: apt-get install libportaudio2)"


def make(settings: Settings, emit: Callable[[Event], None]) -> Engine:
    """A station on whatever `sounddevice` is."""
    return Engine(settings, emit, real_parts(load_codec=load_codec_once))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    """Two microphones, three loudspeakers of which two share a name."""
    fake = FakePortAudio(("Built-in", 2, 2), ("Headset", 1, 0), ("HDMI", 0, 2), ("HDMI", 0, 2), default=(0, 2))
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


def rows(stage: Stage, where: str = "#devices") -> list[str]:
    """What stands in a part of the card, a row each, single-spaced."""
    region = stage.app.screen.query_one(where).region
    lines = stage.text().splitlines()[region.y : region.bottom]
    return [" ".join(line[region.x : region.right].split()) for line in lines]


async def open_card(stage: Stage) -> None:
    await stage.until(lambda: len(stage.app.talk_screen.state.devices) == 2)
    await stage.press("d")
    await stage.says("Loudspeakers")


def in_use(stage: Stage) -> dict[str, int | None]:
    return {kind: ready.number for kind, ready in stage.app.talk_screen.state.devices.items()}


def test_the_list_says_what_is_in_use_and_what_is_the_default(machine: FakePortAudio) -> None:
    """Both kinds under their headings; asked for in a thread of its own."""

    async def scene(stage: Stage) -> None:
        await open_card(stage)
        expected = [
            "Microphones",
            "● in use default Built-in",
            "Headset",
            "Loudspeakers",
            "Built-in",
            "● in use default HDMI",
            "HDMI",
        ]
        assert expected == rows(stage)
        assert threading.get_ident() not in machine.listed_in
        await stage.press("escape")
        await stage.until(lambda: "Loudspeakers" not in stage.text())

    play(scene, make=make)


def test_keys_choose_while_the_conversation_runs(machine: FakePortAudio) -> None:
    """During an over, which goes on: the mark moves, and a namesake is told from its like."""

    async def scene(stage: Stage) -> None:
        await stage.until(lambda: len(stage.app.talk_screen.state.devices) == 2)
        await stage.press("space")
        await stage.phase(Phase.ON_AIR)
        await open_card(stage)
        await stage.press("down", "enter")
        await stage.until(lambda: {"microphone": 1, "loudspeaker": 2} == in_use(stage))
        await stage.until(lambda: "● in use Headset" in rows(stage))
        assert "default Built-in" in rows(stage)
        assert "opening" not in stage.text()
        await stage.press("down", "down", "down", "enter")
        await stage.until(lambda: {"microphone": 1, "loudspeaker": 3} == in_use(stage))
        await stage.until(lambda: ["default HDMI", "● in use HDMI"] == [row for row in rows(stage) if "HDMI" in row])
        assert stage.app.engine.talking
        await stage.press("space")  # the talk key talks here too
        await stage.until(lambda: not stage.app.engine.talking)
        assert isinstance(stage.app.screen, DeviceScreen)

    play(scene, make=make)


def test_the_mouse_chooses(machine: FakePortAudio) -> None:
    """A click on its row."""

    async def scene(stage: Stage) -> None:
        await open_card(stage)
        await stage.pilot.click("#devices", offset=(24, 2))
        await stage.until(lambda: {"microphone": 1, "loudspeaker": 2} == in_use(stage))

    play(scene, make=make)


def test_one_that_does_not_open_is_replaced(machine: FakePortAudio) -> None:
    """The card says why at once, the talk screen's log afterwards; the default is in use again."""

    async def scene(stage: Stage) -> None:
        await open_card(stage)
        machine.broken = {"Headset"}
        await stage.press("down", "enter")
        said = "the microphone Headset does not open (Device unavailable): the default is used instead"
        await stage.until(lambda: said == " ".join(rows(stage, "#outcome")))
        await stage.until(lambda: "● in use default Built-in" in rows(stage))
        assert {"microphone": 0, "loudspeaker": 2} == in_use(stage)
        await stage.press("escape")
        await stage.until(lambda: "Loudspeakers" not in stage.text())
        await stage.says("the microphone Headset does not open")
        await stage.says("works: Built-in")

    play(scene, make=make, size=(120, 40))


def test_without_devices_the_card_names_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under each heading; there is nothing to choose, and enter does no harm."""
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio())

    async def scene(stage: Stage) -> None:
        await stage.press("d")
        await stage.says("Loudspeakers")
        cure = "none: plug one in, or start the sound server (PulseAudio or PipeWire)"
        assert f"Microphones {cure} Loudspeakers {cure}" == " ".join(rows(stage))
        await stage.press("down", "enter", "escape")
        await stage.until(lambda: "Loudspeakers" not in stage.text())

    play(scene, make=make)


def test_without_portaudio_the_card_names_the_cure() -> None:
    """One line in place of the lists, in the words of the audio module; wrapped, not cut, in a narrow terminal."""

    def no_library() -> list[object]:
        raise DeviceError(f"no sound: {NO_LIBRARY}")

    def make_without(settings: Settings, emit: Callable[[Event], None]) -> Engine:
        return Engine(settings, emit, real_parts(load_codec=load_codec_once, list_devices=no_library))

    async def scene(stage: Stage) -> None:
        await stage.press("d")
        await stage.until(lambda: isinstance(stage.app.screen, DeviceScreen))
        await stage.until(lambda: f"no sound: {NO_LIBRARY}" == " ".join(rows(stage, "#outcome")))
        assert "Microphones" not in stage.text()

    play(scene, make=make_without, size=(60, 16))


def test_a_slow_sound_server_does_not_stop_the_screen(machine: FakePortAudio) -> None:
    """While the list is waited for, the card is there and closes; later it has no effect."""

    async def scene(stage: Stage) -> None:
        await stage.until(lambda: len(stage.app.talk_screen.state.devices) == 2)
        machine.slow.clear()
        try:
            await stage.press("d")
            await stage.says("looking for devices")
            await stage.press("escape")
            await stage.until(lambda: "looking for devices" not in stage.text())
        finally:
            machine.slow.set()
        await open_card(stage)

    play(scene, make=make)


def test_in_a_text_field_the_key_types(machine: FakePortAudio) -> None:
    """A letter there."""

    async def scene(stage: Stage) -> None:
        await stage.press("enter")
        await stage.says("enter sends")
        await stage.press("d", "d")
        await stage.says("dd")
        assert not isinstance(stage.app.screen, DeviceScreen)

    play(scene, make=make)


def test_the_hints_tell_the_key(machine: FakePortAudio) -> None:
    """The help card has it, and the hint line in 80 columns."""
    assert "d devices" in key_hints(KEYS, 78).plain

    async def scene(stage: Stage) -> None:
        await stage.says("d devices")
        await stage.press("question_mark")
        await stage.says("choose microphone and loudspeaker")

    play(scene, make=make)
