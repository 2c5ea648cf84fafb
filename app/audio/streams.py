"""Microphone and loudspeaker as PortAudio streams that outlive their devices.

Input and output are separate streams with fixed blocks and some latency: one duplex stream drops samples where two do
not. The callbacks, which run in PortAudio's threads, copy one block and count; resampling, levels and everything else
happen in the trio thread. A lost device is reported, replaced by the default and tried again.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import trio

from app.audio.devices import BLOCK_S, Block, DeviceReport, Loudspeaker, Microphone, NoLoudspeaker
from app.audio.portaudio import PORTAUDIO, RATES_HZ, find_device, load_portaudio
from app.errors import DeviceError
from app.events import Device, DeviceProblem, DeviceReady
from app.settings.model import Settings
from codec.format import SAMPLE_RATE_HZ

RETRY_S = 2.0
"""Between two looks for a device that is missing."""
WATCH_S = 0.25
"""Between two looks at one that works."""
STALL_S = 5.0
"""A stream whose callback has not run for so long is lost, whatever it says."""
FIRST_SOUND_S = 3.0
"""How long a stream may take to move at all before it is used anyhow."""
MAX_PENDING_BLOCKS = 250
"""Blocks (5 s) on their way from the callback to the trio thread; with more the thread is stuck: they are dropped."""
LATENCY_S = 0.1
"""Asked of the device. Measured through ALSA's pulse plugin: PortAudio's "high" comes out as 40 ms there, and with
anything below 80 ms, whatever the block, every callback is an underrun and sound runs ten times too fast; from 80 ms on
there is none, at exactly the right speed."""


class AudioSystem:
    """PortAudio as shared by the microphone and the loudspeaker: its calls come one at a time, each in a thread."""

    def __init__(self, may_interrupt: Callable[[], bool] = lambda: True) -> None:
        """`may_interrupt` says whether a stream that works may be closed for a moment to look for new devices."""
        self._lock = trio.Lock()
        self._streams: list[_DeviceStream] = []
        self.may_interrupt = may_interrupt

    def add(self, stream: _DeviceStream) -> None:
        self._streams.append(stream)

    async def call(self, blocking: Callable[[], Any]) -> Any:
        def alone() -> Any:
            with PORTAUDIO:
                return blocking()

        async with self._lock:
            return await trio.to_thread.run_sync(alone)

    async def look_again(self) -> None:
        """Makes PortAudio forget and list the devices anew, which it only does from a fresh start of all streams."""
        if not self.may_interrupt() and any(stream.working for stream in self._streams):
            return

        def restart() -> None:
            for stream in self._streams:
                stream.close_now()
            sounddevice = load_portaudio()
            sounddevice._terminate()
            sounddevice._initialize()

        try:
            await self.call(restart)
        except Exception as error:  # PortAudioError, which cannot be named without the library
            raise DeviceError(f"PortAudio does not start: {error}", "is a sound system installed?") from error


class _DeviceStream:
    """One direction: opens the wanted device, watches it, replaces it."""

    kind: Device

    def __init__(self, system: AudioSystem, name: str | None) -> None:
        self._system = system
        self._wanted = name
        self._changed = trio.Event()
        self._stream: Any = None
        self._flowing = False
        self._calls = 0
        """Counted by the callback: a stream that stands still is lost."""
        self.rate_hz = SAMPLE_RATE_HZ
        self.xruns = 0
        system.add(self)

    @property
    def working(self) -> bool:
        return self._stream is not None and self._flowing

    @property
    def latency_s(self) -> float:
        return float(self._stream.latency) if self._stream is not None else 0.0

    def choose(self, name: str | None) -> None:
        """Switches to another device; `run` does it, and reports."""
        self._wanted = name
        self._changed.set()

    async def supervise(self, report: DeviceReport) -> None:
        """Opens, watches and reopens the device until cancelled."""
        told = ""  # what is wrong is said once, not at every try
        try:
            while True:
                self._changed = trio.Event()
                wanted = self._wanted
                try:
                    number, name = await self._system.call(partial(self._open, wanted))
                except DeviceError as problem:
                    if wanted is not None:
                        report(DeviceProblem(self.kind, problem.cause, "the default is used instead"))
                        self._wanted = None
                        continue
                    if told != str(problem):
                        report(DeviceProblem(self.kind, problem.cause, problem.cure))
                        told = str(problem)
                    await self._wait_for_change(RETRY_S)
                    with contextlib.suppress(DeviceError):  # the next try to open says it
                        await self._system.look_again()
                    continue
                told = ""
                await self._wait_for_sound()
                report(DeviceReady(self.kind, name, self.rate_hz, number))
                lost = await self._watch()
                await self._system.call(self.close_now)
                if lost:
                    report(DeviceProblem(self.kind, f"{name} is gone", "plug it in again; looking for another one"))
                    self._wanted = None
                    with contextlib.suppress(DeviceError):
                        await self._system.look_again()
        finally:
            self.close_now()

    async def _wait_for_change(self, seconds: float) -> None:
        with trio.move_on_after(seconds):
            await self._changed.wait()

    async def _wait_for_sound(self) -> None:
        """A stream that is open but does not move yet is not ready: what is said into it would come in a burst."""
        before = self._calls
        with trio.move_on_after(FIRST_SOUND_S):
            while self._calls == before and self._stream is not None:
                await trio.sleep(BLOCK_S)
        self._flowing = True

    async def _watch(self) -> bool:
        """Returns True when the device is lost, False when another one is wanted or PortAudio was restarted."""
        calls, moved_at = self._calls, trio.current_time()
        while True:
            await self._wait_for_change(WATCH_S)
            if self._changed.is_set() or self._stream is None:
                return False
            now = trio.current_time()
            if self._calls != calls:
                calls, moved_at = self._calls, now
            if not self._stream.active or now - moved_at > STALL_S:
                return True

    def _open(self, wanted: str | None) -> tuple[int, str]:
        """In a thread. Returns PortAudio's number and name of what was opened; raises DeviceError."""
        sounddevice = load_portaudio()
        number = find_device(wanted, self.kind)
        entry = sounddevice.query_devices(number)
        own_rate_hz = round(entry["default_samplerate"])
        problem = "no rate works"
        for rate_hz in dict.fromkeys((own_rate_hz, *RATES_HZ)):
            for channels in (1, 2):
                try:
                    stream = self._make_stream(sounddevice, number, channels, rate_hz)
                except (sounddevice.PortAudioError, ValueError) as error:
                    problem = str(error)
                    continue
                self.rate_hz = rate_hz
                self._prepare()
                try:
                    stream.start()
                except sounddevice.PortAudioError as error:
                    problem = str(error)
                    stream.close(ignore_errors=True)
                    continue
                self._stream = stream
                return number, str(entry["name"])
        raise DeviceError(f"the {self.kind} {entry['name']} does not open ({problem})", "is another program using it?")

    def close_now(self) -> None:
        """Closes the stream if it is open; never raises, for a device that is gone cannot be closed politely."""
        stream, self._stream = self._stream, None
        self._flowing = False
        if stream is not None:
            with contextlib.suppress(Exception):
                stream.abort(ignore_errors=True)
                stream.close(ignore_errors=True)

    def _make_stream(self, sounddevice: Any, number: int, channels: int, rate_hz: int) -> Any:
        raise NotImplementedError

    def _prepare(self) -> None:
        """What depends on the rate, before the first callback."""
        raise NotImplementedError


class PortAudioMicrophone(_DeviceStream):
    """A microphone at whatever rate it has, as 8 kHz blocks."""

    kind: Device = "microphone"

    def __init__(self, system: AudioSystem, name: str | None = None) -> None:
        super().__init__(system, name)
        self._token: trio.lowlevel.TrioToken | None = None
        self._deliver: Callable[[Block], None] = lambda block: None
        self._pending = 0
        self._resampler: Any = None

    async def run(self, deliver: Callable[[Block], None], report: DeviceReport) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._deliver = deliver
        await self.supervise(report)

    def _prepare(self) -> None:
        self._resampler = _resampler(self.rate_hz, SAMPLE_RATE_HZ)

    def _make_stream(self, sounddevice: Any, number: int, channels: int, rate_hz: int) -> Any:
        token = self._token
        assert token is not None

        def callback(block: np.ndarray, frames: int, time: Any, status: Any) -> None:
            self._calls += 1
            self.xruns += bool(status)
            if self._pending < MAX_PENDING_BLOCKS:
                self._pending += 1
                try:
                    token.run_sync_soon(self._arrived, block.copy())
                except trio.RunFinishedError:
                    raise sounddevice.CallbackAbort from None

        return sounddevice.InputStream(
            device=number,
            channels=channels,
            samplerate=rate_hz,
            dtype="float32",
            blocksize=round(BLOCK_S * rate_hz),
            latency=LATENCY_S,
            callback=callback,
        )

    def _arrived(self, block: np.ndarray) -> None:
        """In the trio thread. block: float32 [n, channels] at the device's rate"""
        self._pending -= 1
        mono = block.mean(axis=1, dtype=np.float32)
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(mono)
        if len(mono):
            self._deliver(mono)


class PortAudioLoudspeaker(_DeviceStream):
    """A loudspeaker at whatever rate it has. While it is missing, sound passes unheard at the pace of time."""

    kind: Device = "loudspeaker"

    def __init__(self, system: AudioSystem, name: str | None = None) -> None:
        super().__init__(system, name)
        self._chunks: deque[np.ndarray] = deque()
        self._hushes = 0
        self._given = 0
        self._taken = 0
        self._resampler: Any = None
        self._absent = NoLoudspeaker()

    async def run(self, report: DeviceReport) -> None:
        await self.supervise(report)

    def _prepare(self) -> None:
        self.hush()
        self._resampler = _resampler(SAMPLE_RATE_HZ, self.rate_hz)

    def _make_stream(self, sounddevice: Any, number: int, channels: int, rate_hz: int) -> Any:
        rest = np.zeros(0, np.float32)
        hushes = self._hushes

        def callback(block: np.ndarray, frames: int, time: Any, status: Any) -> None:
            nonlocal rest, hushes
            self._calls += 1
            self.xruns += bool(status)
            if hushes != self._hushes:
                hushes, rest = self._hushes, rest[:0]
            at = 0
            while at < frames:
                if not len(rest):
                    try:
                        rest = self._chunks.popleft()
                    except IndexError:
                        break
                part = rest[: frames - at]
                block[at : at + len(part)] = part[:, None]
                at += len(part)
                self._taken += len(part)
                rest = rest[len(part) :]
            block[at:] = 0.0

        return sounddevice.OutputStream(
            device=number,
            channels=channels,
            samplerate=rate_hz,
            dtype="float32",
            blocksize=round(BLOCK_S * rate_hz),
            latency=LATENCY_S,
            callback=callback,
        )

    @property
    def queued_s(self) -> float:
        if not self.working:
            return self._absent.queued_s
        return max(0, self._given - self._taken) / self.rate_hz

    def play(self, samples: Block) -> None:
        if not self.working:
            self._absent.play(samples)
            return
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples)
        if len(samples):
            self._given += len(samples)
            self._chunks.append(samples)

    def hush(self) -> None:
        self._chunks.clear()
        self._hushes += 1
        self._given = self._taken
        self._absent.hush()


def open_portaudio(settings: Settings, may_interrupt: Callable[[], bool]) -> tuple[Microphone, Loudspeaker]:
    """The machine's devices. Never fails: what is missing is reported when the devices run."""
    system = AudioSystem(may_interrupt)
    return PortAudioMicrophone(system, settings.microphone), PortAudioLoudspeaker(system, settings.loudspeaker)


def _resampler(from_hz: int, to_hz: int) -> Any:
    """A stateful resampler for float32 blocks, or None where there is nothing to do."""
    if from_hz == to_hz:
        return None
    import soxr

    return soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")
