"""A sounddevice module without PortAudio, for `sys.modules`: devices are entries of a list, streams are threads."""

from __future__ import annotations

import threading
import types
from collections.abc import Callable
from typing import Any

BLOCK_S = 0.02


class PortAudioError(Exception):
    """An error of a device, in place of sounddevice's."""


class CallbackAbort(Exception):
    """The end of a stream by its callback, in place of sounddevice's."""


class FakePortAudio(types.ModuleType):
    """A machine's sound devices in place of sounddevice.

    `entries` are its devices; `broken` names those that do not open; `slow` is waited for before anything is listed.
    """

    PortAudioError = PortAudioError
    CallbackAbort = CallbackAbort

    def __init__(self, *entries: tuple[str, int, int], default: tuple[int, int] = (0, 0)) -> None:
        """Take entries of (name, input channels, output channels), and the numbers of the default input and output."""
        super().__init__("sounddevice")
        self.entries = list(entries)
        self.broken: set[str] = set()
        self.slow = threading.Event()
        self.slow.set()
        self.listed_in: set[int] = set()
        """Threads that have asked for the whole list."""
        self.default = types.SimpleNamespace(device=default)
        self.RawInputStream: Callable[..., Any] = lambda **how: _Stream(self, how)
        self.RawOutputStream: Callable[..., Any] = lambda **how: _Stream(self, how)

    def query_devices(self, number: int | None = None) -> Any:
        found = [
            {"name": name, "max_input_channels": ins, "max_output_channels": outs, "default_samplerate": 8000.0}
            for name, ins, outs in self.entries
        ]
        if number is not None:
            return found[number]
        self.listed_in.add(threading.get_ident())
        self.slow.wait()
        return found

    def _terminate(self) -> None:
        """Do nothing: there is nothing to forget."""

    def _initialize(self) -> None:
        """Do nothing: there is nothing to find."""


class _Stream:
    latency = 0.0

    def __init__(self, system: FakePortAudio, how: dict[str, Any]) -> None:
        if system.entries[how["device"]][0] in system.broken:
            raise PortAudioError("Device unavailable")
        self._callback, self._frames = how["callback"], round(BLOCK_S * 8000)
        self._octets = self._frames * how["channels"] * 4
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def active(self) -> bool:
        return not self._stopped.is_set()

    def start(self) -> None:
        self._thread.start()

    def abort(self, ignore_errors: bool = True) -> None:
        self._stopped.set()

    def close(self, ignore_errors: bool = True) -> None:
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(BLOCK_S):
            try:
                self._callback(bytearray(self._octets), self._frames, None, None)
            except CallbackAbort:
                self._stopped.set()
