"""A button as a talk key: recorded streams of input events, and a device that is read, lost and found again.

The device is a named pipe in place of /dev/input/eventN with the kernel's own records in it: no /dev/uinput is needed.
"""

from __future__ import annotations

import os
import struct
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from app.errors import GossamerError
from app.headless import button
from app.headless.button import Presses, split_button, watch_button
from app.headless.event_lines import ButtonProblem, ButtonReady

RECORD = struct.Struct("@qqHHi")
"""The kernel's struct input_event: seconds, microseconds, type, code, value."""
F13, SPACE = 183, 57
PEDAL = [(4, 4, 458856), (1, F13, 1), (0, 0, 0), (1, F13, 2), (0, 0, 0), (4, 4, 458856), (1, F13, 0), (0, 0, 0)]
"""What a USB pedal sends that is held for a moment: scan code, key down, a repeat, and key up, each with its sync."""

GONE = (0xFFFF, 0, 0)
"""Stands for the end of the device."""


@dataclass
class Event:
    type: int
    code: int
    value: int


class PipeDevice:
    """An input device whose records come through a named pipe, read as evdev reads them."""

    name = "Test Pedal"

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def read(self) -> list[Event]:
        octets = os.read(self.fd, 64 * RECORD.size)
        events = [Event(*RECORD.unpack_from(octets, at)[2:]) for at in range(0, len(octets), RECORD.size)]
        if events[-1].type == GONE[0]:
            raise OSError(19, "No such device")  # what the kernel says of a device that was pulled out
        return events

    def close(self) -> None:
        os.close(self.fd)


def taken(code: int | None, *stream: tuple[int, int, int]) -> list[str]:
    """What a stream of events does to the talk key."""
    said: list[str] = []
    Presses(lambda: said.append("down"), lambda: said.append("up"), code).take(Event(*event) for event in stream)
    return said


def test_a_pedal_that_is_held() -> None:
    """Down and up once; repeats and scan codes mean nothing."""
    assert ["down", "up"] == taken(None, *PEDAL) == taken(F13, *PEDAL)
    assert [] == taken(SPACE, *PEDAL)


def test_two_keys_are_one_talk_key() -> None:
    """Which is up when the last one is."""
    assert ["down", "up"] == taken(None, (1, F13, 1), (1, SPACE, 1), (1, F13, 0), (1, SPACE, 0))


def test_a_key_whose_release_was_lost_is_let_go() -> None:
    """The kernel says that it dropped events: nobody may stay on the air for it."""
    assert ["down", "up"] == taken(None, (1, F13, 1), (0, 3, 0), (1, F13, 0))


@pytest.fixture
def pedal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A pipe in place of the device, which is not there yet."""
    monkeypatch.setattr(button, "load_evdev", lambda: types.SimpleNamespace(InputDevice=PipeDevice))
    monkeypatch.setattr(button, "FIND_EVERY_S", 0.02)
    return tmp_path / "event0"


@pytest.mark.parametrize("by_name", [False, True])
def test_a_button_is_read_lost_and_found_again(pedal: Path, by_name: bool) -> None:
    """A device that is pulled out lets the key go, is told once, and works again when it is back."""
    said: list[str] = []
    told: list[ButtonProblem | ButtonReady] = []
    writers: list[int] = []

    def send(*events: tuple[int, int, int]) -> None:
        """Write events into the device, which is plugged in if need be, and away once it is gone."""
        if not pedal.exists():
            os.mkfifo(pedal)
        writer = os.open(pedal, os.O_RDWR)
        writers.append(writer)  # what is in a pipe that nobody has open is lost
        if GONE in events:
            pedal.unlink()
        os.write(writer, b"".join(RECORD.pack(0, 0, *event) for event in events))

    async def until(length: int) -> None:
        with trio.fail_after(20):
            while len(said) < length:
                await trio.sleep(0.005)

    async def main() -> None:
        presses = Presses(lambda: said.append("down"), lambda: said.append("up"))
        async with trio.open_nursery() as nursery:
            wanted = "pedal" if by_name else str(pedal)
            nursery.start_soon(watch_button, wanted, presses, told.append, str(pedal.parent))
            with trio.fail_after(20):
                while not told:
                    await trio.sleep(0.005)
            send(*PEDAL[:3])
            await until(1)
            send(GONE)
            await until(2)
            send(*PEDAL)
            await until(4)
            nursery.cancel_scope.cancel()

    trio.run(main)
    for writer in writers:
        os.close(writer)
    assert ["down", "up", "down", "up"] == said
    assert [ButtonProblem, ButtonReady, ButtonProblem, ButtonReady] == [type(event) for event in told]


def test_without_evdev_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is opened."""
    monkeypatch.setitem(sys.modules, "evdev", None)
    with pytest.raises(GossamerError, match=r"--button needs the package evdev: pip install 'gossamer\[button\]'"):
        split_button("Pedal")


def test_a_key_is_named_as_the_kernel_names_it() -> None:
    """Anything else is refused with an example."""
    pytest.importorskip("evdev")
    assert ("USB Pedal", F13) == split_button("USB Pedal,KEY_F13")
    assert ("/dev/input/event3", None) == split_button("/dev/input/event3")
    with pytest.raises(GossamerError, match="knows no key 'F13': it is called KEY_F13"):
        split_button("Pedal,F13")
