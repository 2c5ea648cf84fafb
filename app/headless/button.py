"""A button as a talk key, through evdev: a USB pedal, or a switch at a GPIO pin that the kernel shows as a key.

`Presses` decides what the events of an input device mean; `watch_button` reads them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import trio

from app.errors import GossamerError, os_reason
from app.headless.event_lines import ButtonProblem, ButtonReady

FIND_EVERY_S = 2.0
"""Time between two looks for a button that is missing, in seconds."""
EVENT_KEY, EVENT_SYNC, SYNC_DROPPED = 1, 0, 3
"""Numbers of the kernel's input events (linux/input-event-codes.h): EV_KEY, EV_SYN, SYN_DROPPED."""
UP, DOWN = 0, 1
"""Values of a key event; 2 is a repeat."""


class InputEvent(Protocol):
    """An event of an input device, as evdev gives it."""

    type: int
    code: int
    value: int


class Presses:
    """The talk key that one key of an input device is, or any of its keys."""

    def __init__(self, press: Callable[[], None], release: Callable[[], None], code: int | None = None) -> None:
        """Take what a press and a release do. code: number of the key; None takes whichever is pressed."""
        self._press = press
        self._release = release
        self._code = code
        self._held: set[int] = set()

    def take(self, events: Iterable[InputEvent]) -> None:
        """Take events in their order. Repeats mean nothing; where the kernel has dropped events, the key is up."""
        for event in events:
            if event.type == EVENT_SYNC and event.code == SYNC_DROPPED:
                self.let_go()
            elif event.type == EVENT_KEY and self._code in (None, event.code):
                self._move(event.code, event.value)

    def let_go(self) -> None:
        """Release whatever is held: the device is gone, or nobody knows."""
        if self._held:
            self._held.clear()
            self._release()

    def _move(self, code: int, value: int) -> None:
        held = bool(self._held)
        if value == DOWN:
            self._held.add(code)
        elif value == UP:
            self._held.discard(code)
        if bool(self._held) != held:
            (self._press if self._held else self._release)()


def load_evdev() -> Any:
    """Return the evdev package. Raises GossamerError where it is not installed."""
    try:
        import evdev
    except ImportError:
        raise GossamerError("--button needs the package evdev", "pip install 'gossamer[button]'") from None
    return evdev


def key_code(name: str) -> int:
    """Return the number of a key by its name in the kernel: KEY_F13. Raises GossamerError."""
    code = load_evdev().ecodes.ecodes.get(name)
    if not isinstance(code, int) or not name.startswith(("KEY_", "BTN_")):
        raise GossamerError(f"--button knows no key '{name}'", "it is called KEY_F13 or so; `evtest` shows its name")
    return code


def split_button(given: str) -> tuple[str, int | None]:
    """Return the device and the number of the key that `--button DEVICE[,KEY]` names. Raises GossamerError."""
    device, _, name = given.partition(",")
    load_evdev()
    return device, key_code(name) if name else None


async def watch_button(
    path: str, presses: Presses, report: Callable[[ButtonProblem | ButtonReady], None], folder: str = "/dev/input"
) -> None:
    """Read a button until cancelled; report when it is lost, and look for it again.

    path: of the device, or part of its name. folder: where devices are looked for by name.
    """
    told = False
    while True:
        try:
            device = _open(path, folder)
        except OSError as error:
            if not told:
                told = True
                report(ButtonProblem(f"the button {path} does not open: {os_reason(error)}", _cure(error)))
            await trio.sleep(FIND_EVERY_S)
            continue
        told = False
        report(ButtonReady(device.name))
        try:
            while True:
                await trio.lowlevel.wait_readable(device.fd)
                presses.take(device.read())
        except BlockingIOError:
            continue
        except OSError as error:
            told = True
            report(ButtonProblem(f"the button {device.name} is gone: {os_reason(error)}", "plug it in again"))
        finally:
            presses.let_go()
            device.close()


def _open(wanted: str, folder: str) -> Any:
    """Return the input device of that path, or the first whose name holds `wanted`. Raises OSError."""
    evdev = load_evdev()
    if os.sep in wanted:
        return evdev.InputDevice(wanted)
    for path in sorted(Path(folder).glob("event*")):
        try:
            device = evdev.InputDevice(str(path))
        except OSError:
            continue
        if wanted.lower() in device.name.lower():
            return device
        device.close()
    raise FileNotFoundError(2, "no input device has that in its name")


def _cure(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "join the group that may read it: sudo usermod -aG input $USER, then log in again"
    return "plug it in; `gossamer station --help` says how it is named"
