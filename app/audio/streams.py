"""The machine's microphone and loudspeaker, as PortAudio streams.

Input and output are separate streams with fixed blocks and some latency: one duplex stream drops samples where two do
not. The callbacks, which run in PortAudio's threads, copy one block of bytes and count; resampling, levels and
everything else happen in the trio thread. Streams of bytes, not of arrays: making an array for every block took a
quarter of the processor time of a silent stream.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import trio
from numpy.typing import NDArray

from app.audio.channels import ChannelMixer
from app.audio.device_stream import AudioSystem, DeviceStream
from app.audio.devices import BLOCK_S, Block, DeviceReport, Loudspeaker, MayInterrupt, Microphone, NoLoudspeaker, always
from app.events import Device
from app.settings.model import Settings
from codec.format import SAMPLE_RATE_HZ

MAX_PENDING_BLOCKS = 250
"""Blocks (5 s) on their way from the callback to the trio thread; with more the thread is stuck: they are dropped."""
LATENCY_S = 0.1
"""Latency asked of a device, in seconds.

Measured through ALSA's pulse plugin: PortAudio's "high" comes out as 40 ms there, and with anything below 80 ms,
whatever the block, every callback is an underrun and sound runs ten times too fast; from 80 ms on there is none, at
exactly the right speed.
"""

DeviceBlock = NDArray[np.float32]
"""A block at a device's own rate: float32 [n, channels]."""
SAMPLE_TYPE = "float32"
SAMPLE_BYTES = 4


class PortAudioMicrophone(DeviceStream):
    """A microphone at whatever rate it has, delivered as blocks at 8 kHz."""

    kind: Device = "microphone"

    def __init__(self, system: AudioSystem, name: str | None = None) -> None:
        """Take the system and the device by number, name or part of a name; None is the system's default."""
        super().__init__(system, name)
        self._token: trio.lowlevel.TrioToken | None = None
        self._deliver: Callable[[Block], None] | None = None
        """Function that is given what has come; None until `run` runs."""
        self._pending: deque[tuple[bytes, int]] = deque(maxlen=MAX_PENDING_BLOCKS)
        """Blocks that the trio thread has not taken: float32 [n, channels], and their number of channels."""
        self._hurried = True
        self._resampler: Any = None
        self._mixer = ChannelMixer(SAMPLE_RATE_HZ)

    async def run(
        self, deliver: Callable[[Block], None], report: DeviceReport, may_interrupt: MayInterrupt = always
    ) -> None:
        """Deliver blocks in the trio thread until cancelled; report what happens to the device, and survive it."""
        self._token = trio.lowlevel.current_trio_token()
        self._deliver = deliver
        await self.supervise(report, may_interrupt)

    def _prepare(self) -> None:
        self._resampler = _resampler(self.rate_hz, SAMPLE_RATE_HZ)
        self._mixer = ChannelMixer(self.rate_hz)

    def _make_stream(self, sounddevice: Any, number: int, channels: int, rate_hz: int) -> Any:
        token = self._token
        assert token is not None

        def callback(block: Any, frames: int, time: Any, status: Any) -> None:
            self._calls += 1
            self.xruns += bool(status)
            if len(self._pending) < MAX_PENDING_BLOCKS:
                self._pending.append((bytes(block), channels))
            if self._hurried:
                try:
                    token.run_sync_soon(self._arrived, idempotent=True)
                except trio.RunFinishedError:
                    raise sounddevice.CallbackAbort from None

        return sounddevice.RawInputStream(
            device=number,
            channels=channels,
            samplerate=rate_hz,
            dtype=SAMPLE_TYPE,
            blocksize=round(BLOCK_S * rate_hz),
            latency=LATENCY_S,
            callback=callback,
        )

    def hurry(self, wanted: bool) -> None:
        """Deliver what has come, and from now on each block at once; or, not wanted, what has come at each beat.

        While nobody waits for them but a level meter, the blocks wake no task.
        """
        self._hurried = wanted
        if wanted:
            self._arrived()

    def _on_beat(self) -> None:
        self._arrived()

    def _arrived(self) -> None:
        """Mix, resample and deliver what has come; in the trio thread."""
        blocks = [self._pending.popleft() for _ in range(len(self._pending))]
        if not blocks:
            return
        channels = blocks[-1][1]
        octets = b"".join(octets for octets, had in blocks if had == channels)  # not of a device before this one
        mono = self._mixer.mix(np.frombuffer(octets, np.float32).reshape(-1, channels))
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(mono)
        if len(mono) and self._deliver is not None:
            self._deliver(mono)


MAX_CHUNKS = 4096
"""Blocks for the callback that wait; the player keeps 50 ms of them there, and a device that stops takes no more."""


class PortAudioLoudspeaker(DeviceStream):
    """A loudspeaker at whatever rate it has. While it is missing, sound passes unheard at the pace of real time."""

    kind: Device = "loudspeaker"

    def __init__(self, system: AudioSystem, name: str | None = None) -> None:
        """Take the system and the device by number, name or part of a name; None is the system's default."""
        super().__init__(system, name)
        self._chunks: deque[Block] = deque(maxlen=MAX_CHUNKS)
        """Sound at the device's rate that the callback has not taken yet."""
        self._hushes = 0
        """Count of `hush`: the callback drops the rest of its chunk when it has changed."""
        self._given = 0
        self._taken = 0
        self._resampler: Any = None
        self._absent = NoLoudspeaker()

    async def run(self, report: DeviceReport, may_interrupt: MayInterrupt = always) -> None:
        """Keep the device open until cancelled; report what happens to it, and survive it."""
        await self.supervise(report, may_interrupt)

    def _prepare(self) -> None:
        self.hush()
        self._resampler = _resampler(SAMPLE_RATE_HZ, self.rate_hz)

    def _make_stream(self, sounddevice: Any, number: int, channels: int, rate_hz: int) -> Any:
        rest = np.zeros(0, np.float32)
        hushes = self._hushes
        silence = bytes(round(BLOCK_S * rate_hz) * channels * SAMPLE_BYTES)

        def callback(buffer: Any, frames: int, time: Any, status: Any) -> None:
            nonlocal rest, hushes
            self._calls += 1
            self.xruns += bool(status)
            if hushes != self._hushes:
                hushes, rest = self._hushes, rest[:0]
            if not len(rest) and not self._chunks:
                buffer[:] = silence
                return
            block: DeviceBlock = np.frombuffer(buffer, np.float32).reshape(frames, channels)
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

        return sounddevice.RawOutputStream(
            device=number,
            channels=channels,
            samplerate=rate_hz,
            dtype=SAMPLE_TYPE,
            blocksize=round(BLOCK_S * rate_hz),
            latency=LATENCY_S,
            callback=callback,
        )

    @property
    def queued_s(self) -> float:
        """Sound given and not played yet, in seconds."""
        if not self.working:
            return self._absent.queued_s
        return max(0, self._given - self._taken) / self.rate_hz

    def play(self, samples: Block) -> None:
        """Queue float32 [n], 8 kHz, behind what is queued."""
        if not self.working:
            self._absent.play(samples)
            return
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples)
        if len(samples):
            self._given += len(samples)
            self._chunks.append(samples)

    def hush(self) -> None:
        """Drop what is queued."""
        self._chunks.clear()
        self._hushes += 1
        self._given = self._taken
        self._absent.hush()


def open_portaudio(settings: Settings) -> tuple[Microphone, Loudspeaker]:
    """Return the machine's devices: an OpenSound. Never fails: what is missing is reported when the devices run."""
    system = AudioSystem()
    return PortAudioMicrophone(system, settings.microphone), PortAudioLoudspeaker(system, settings.loudspeaker)


def _resampler(from_hz: int, to_hz: int) -> Any:
    """Return a stateful resampler for float32 blocks, or None where there is nothing to do."""
    if from_hz == to_hz:
        return None
    import soxr

    return soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")
