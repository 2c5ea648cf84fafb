"""A PortAudio stream that outlives its device: a lost device is reported, replaced by the default and tried again.

streams.py has its two directions, the microphone and the loudspeaker.
"""

from __future__ import annotations

import contextlib
import math
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import trio

from app.audio.devices import BLOCK_S, DeviceReport, MayInterrupt
from app.audio.portaudio import (
    HANGS_S,
    NO_SOUND_CURE,
    PORTAUDIO,
    RATES_HZ,
    find_device,
    load_portaudio,
    plain_words,
    portaudio_alone,
    portaudio_hangs,
    sound_server,
)
from app.beat import next_beat_s
from app.errors import DeviceError, NoDescriptors
from app.events import Device, DeviceProblem, DeviceReady
from codec.format import SAMPLE_RATE_HZ

RETRY_S = 2.0
"""Seconds between two tries to open a device that is missing."""
STALL_S = 5.0
"""Seconds without a callback after which a stream counts as lost, whatever it says."""
FIRST_SOUND_S = 3.0
"""Seconds that a new stream may take to move at all; then it is used anyhow."""

SETTLED_S = 2.0
"""Time for which a sound server that is new must be there before it is used, in seconds.

It takes calls before its devices work, and PortAudio crashes there now and then, or waits without end: one each in some
800 restarts of a server, at any moment while devices were being opened.
"""
CLOSE_S = 3.0
"""Time that PortAudio gets to close a device at the end, in seconds."""
KEPT_STREAMS = 32
"""Closed streams that are kept: tries to open a device, of which there are no more at once."""

CHANNELS = (1, 2, 4, 8)
"""Numbers of channels that a device is tried with, before all that it says it has: some open with no fewer."""


class AudioSystem:
    """PortAudio as shared by the microphone and the loudspeaker: its calls come one at a time, each in a thread."""

    def __init__(self, hangs_s: float = HANGS_S) -> None:
        """Take the longest time for a call, in seconds."""
        self._hangs_s = hangs_s
        self._lock = trio.Lock()
        self._hangs = False
        """True once a call has not come back."""
        self._server, self._changed_s = sound_server(), -math.inf
        self._streams: list[DeviceStream] = []

    def add(self, stream: DeviceStream) -> None:
        """Take in a stream, which `look_again` may have to close."""
        self._streams.append(stream)

    async def call(self, blocking: Callable[[], Any], longest_s: float = math.inf) -> Any:
        """Return what a function that calls PortAudio returns; it runs in a thread, alone.

        Raises DeviceError where it does not come back in time, or another one did not; it may still do so. Who cancels
        this waits for it as well, for CLOSE_S.
        """
        token, ended = trio.lowlevel.current_trio_token(), trio.Event()

        def alone() -> Any:
            try:
                with portaudio_alone():
                    return blocking()
            finally:
                with contextlib.suppress(trio.RunFinishedError):
                    token.run_sync_soon(ended.set)

        async with self._lock:
            if self._hangs and PORTAUDIO.locked():
                raise portaudio_hangs()
            try:
                with trio.move_on_after(min(longest_s, self._hangs_s)):
                    return await trio.to_thread.run_sync(alone, abandon_on_cancel=True)
            finally:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
                    await ended.wait()
                self._hangs = not ended.is_set()
            raise portaudio_hangs()

    async def settled(self) -> None:
        """Return once the sound server is the same for SETTLED_S, or as long as this exists, if one is there at all."""
        while True:
            now, server = trio.current_time(), sound_server()
            if server != self._server:
                self._server, self._changed_s = server, now
            if now >= self._changed_s + SETTLED_S:
                return
            await trio.sleep_until(self._changed_s + SETTLED_S)

    async def look_again(self, may_interrupt: MayInterrupt) -> None:
        """Make PortAudio list the devices anew, which it only does when all streams are closed and it starts afresh.

        Does nothing while a stream works and may not be interrupted. Raises DeviceError.
        """
        await self.settled()
        if not may_interrupt() and any(stream.working for stream in self._streams):
            return

        def restart() -> None:
            sounddevice = load_portaudio()
            for stream in self._streams:
                stream.close_now()
            sounddevice._terminate()
            sounddevice._initialize()

        try:
            await self.call(restart)
        except DeviceError:
            raise
        except Exception as error:  # PortAudioError, which cannot be named without the library
            raise DeviceError(f"PortAudio does not start ({plain_words(error)})", NO_SOUND_CURE) from error


class DeviceStream:
    """One direction of sound: opens the wanted device, watches it, and replaces it when it is lost."""

    kind: Device

    def __init__(self, system: AudioSystem, name: str | None) -> None:
        """Take the system and the device by number, name or part of a name; None is the system's default."""
        self._system = system
        self._wanted = name
        self._changed = trio.Event()
        self._stream: Any = None
        self._closed: deque[Any] = deque(maxlen=KEPT_STREAMS)
        """Streams that were closed last: a thread of PortAudio's that did not end may still call what they hold."""
        self._flowing = False
        self._calls = 0
        """Callbacks so far, counted by the callback: a stream that stands still is lost."""
        self.rate_hz = SAMPLE_RATE_HZ
        """Sampling rate of the device."""
        self.xruns = 0
        """Callbacks that came too late, or found too little."""
        system.add(self)

    @property
    def working(self) -> bool:
        """True while sound moves."""
        return self._stream is not None and self._flowing

    @property
    def latency_s(self) -> float:
        """Delay of the open device, in seconds, as PortAudio has it; 0 while there is none."""
        return float(self._stream.latency) if self._stream is not None else 0.0

    def choose(self, name: str | None) -> None:
        """Switch to another device; `supervise` does it, and reports."""
        self._wanted = name
        self._changed.set()

    async def supervise(self, report: DeviceReport, may_interrupt: MayInterrupt) -> None:
        """Open, watch and reopen the device until cancelled."""
        told = ""  # what is wrong is said once, not at every try
        try:
            while True:
                self._changed = trio.Event()
                wanted = self._wanted
                await self._system.settled()
                try:
                    number, name = await self._system.call(partial(self._open, wanted))
                except DeviceError as problem:
                    if wanted is not None and not isinstance(problem, NoDescriptors):
                        report(DeviceProblem(self.kind, problem.cause, "the default is used instead"))
                        self._wanted = None
                        continue
                    if told != str(problem):
                        report(DeviceProblem(self.kind, problem.cause, problem.cure))
                        told = str(problem)
                    await self._wait_for_change(RETRY_S)
                    with contextlib.suppress(DeviceError):  # the next try to open says it
                        await self._system.look_again(may_interrupt)
                    continue
                told = ""
                await self._wait_for_sound()
                report(DeviceReady(self.kind, name, self.rate_hz, number))
                lost = await self._watch()
                with contextlib.suppress(DeviceError):  # the next try to open says it
                    await self._system.call(self.close_now)
                if lost:
                    report(DeviceProblem(self.kind, f"{name} is gone", "plug it in again; looking for another one"))
                    self._wanted = None
                    with contextlib.suppress(DeviceError):
                        await self._system.look_again(may_interrupt)
        finally:
            with trio.CancelScope(shield=True), contextlib.suppress(DeviceError):
                await self._system.call(self.close_now, CLOSE_S)

    async def _wait_for_change(self, seconds: float) -> None:
        with trio.move_on_after(seconds):
            await self._changed.wait()

    async def _wait_for_sound(self) -> None:
        """Wait until the open stream moves: what is said into it before that would come in a burst."""
        before = self._calls
        with trio.move_on_after(FIRST_SOUND_S):
            while self._calls == before and self._stream is not None:
                await trio.sleep(BLOCK_S)
        self._flowing = True

    async def _watch(self) -> bool:
        """Return True when the device is lost, False when another one is wanted or PortAudio was restarted."""
        calls, moved_at = self._calls, trio.current_time()
        while True:
            now = trio.current_time()
            await self._wait_for_change(next_beat_s(now) - now)
            if self._changed.is_set() or self._stream is None:
                return False
            now = trio.current_time()
            if self._calls != calls:
                calls, moved_at = self._calls, now
                self._on_beat()
            if not self._stream.active or now - moved_at > STALL_S:
                return True

    def _open(self, wanted: str | None) -> tuple[int, str]:
        """Open a device, in a thread, and return PortAudio's number and name of it. Raises DeviceError."""
        self.close_now()  # that of a try which came back too late
        sounddevice = load_portaudio()
        number = find_device(wanted, self.kind)
        entry = sounddevice.query_devices(number)
        most = int(entry["max_input_channels" if self.kind == "microphone" else "max_output_channels"])
        own_rate_hz = round(entry["default_samplerate"])
        problem = "no rate works"
        for rate_hz in dict.fromkeys((own_rate_hz, *RATES_HZ)):
            for channels in dict.fromkeys((*CHANNELS, most) if most > 0 else CHANNELS):
                try:
                    stream = self._make_stream(sounddevice, number, channels, rate_hz)
                except (sounddevice.PortAudioError, ValueError) as error:
                    problem = plain_words(error)
                    continue
                self.rate_hz = rate_hz
                self._prepare()
                try:
                    stream.start()
                except sounddevice.PortAudioError as error:
                    problem = plain_words(error)
                    self._closed.append(stream)
                    stream.close(ignore_errors=True)
                    continue
                self._stream = stream
                return number, str(entry["name"])
        raise DeviceError(f"the {self.kind} {entry['name']} does not open ({problem})", "is another program using it?")

    def close_now(self) -> None:
        """Close the stream if it is open; never raises, for a device that is gone cannot be closed politely."""
        stream, self._stream = self._stream, None
        self._flowing = False
        if stream is not None:
            self._closed.append(stream)
            with contextlib.suppress(Exception):
                stream.abort(ignore_errors=True)
                stream.close(ignore_errors=True)

    def _make_stream(self, sounddevice: Any, number: int, channels: int, rate_hz: int) -> Any:
        """Return a PortAudio stream of this direction, not started yet."""
        raise NotImplementedError

    def _on_beat(self) -> None:
        """Do what is due at each beat while the stream moves."""

    def _prepare(self) -> None:
        """Set up what depends on the rate, before the first callback."""
        raise NotImplementedError
