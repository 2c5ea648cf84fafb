"""The lab in real time: a clip or the microphone into the bench, one lane into the loudspeaker. Runs under trio.

Codecs work in a thread, some blocks at a time; what a screen asks for is done between two of them, and what it shows is
a picture taken after the last one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import trio
from numpy.typing import NDArray

from app.events import DeviceProblem, DeviceReady
from app.lab.bench import Bench, LinkBench, SignalBench, own_link, speech_blocks
from app.lab.crowd import Try, tries
from app.lab.lane import Level, Reading
from app.lab.voices import Voice, link_voices, signal_voices
from app.sound import BLOCK_S, BLOCK_SAMPLES, Loudspeaker, Microphone
from app.station import one_worker
from codec.format import SAMPLE_RATE_HZ
from transport.presets import PRESETS, Preset

Array = NDArray[np.float32]
BATCH_BLOCKS = 5
"""100 ms at a time into the thread."""
AHEAD_S = 0.25
"""Sound in the loudspeaker's queue, against pauses of this program."""
SLOW_S = 1.0
"""So far behind, the machine is too slow for this."""
SHOWN_LEVELS = 300
SCENES = ("link", "signal", "conversations")


@dataclass(frozen=True)
class LabSettings:
    """What the command line asked for."""

    speech: Array
    preset: Preset
    scene: str = "link"
    snr_db: float = 20.0
    microphone: str | None = None
    """A device's name, "" for the default one; None: the clip speaks."""
    loudspeaker: str | None = None


@dataclass(frozen=True)
class LanePicture:
    """One lane, for the screen."""

    voice: Voice
    missing: str | None
    wire_bps: float
    reading: Reading | None
    levels: tuple[Level, ...]
    """The newest last, a tenth of a second each."""


@dataclass(frozen=True)
class Picture:
    """All of it now."""

    scene: str = "link"
    preset: Preset = field(default_factory=lambda: next(iter(PRESETS.values())))
    snr_db: float = 0.0
    lanes: tuple[LanePicture, ...] = ()
    heard: int = 0
    said: tuple[float, ...] = ()
    """Loudness of what is said, 0..1 rms, a tenth of a second each, the newest last."""
    speaking: str = "clip"
    """"clip" or "microphone"."""
    tries: tuple[tuple[Voice, str | None, Try | None, bool], ...] = ()
    """Of the conversations: voice, what is missing, the last try, whether it is the final one."""
    behind_s: float = 0.0
    seconds: float = 0.0


class LabSession:
    """Commands may be called from any time in the same thread; `picture` is new after every batch."""

    def __init__(self, settings: LabSettings, microphone: Microphone, loudspeaker: Loudspeaker) -> None:
        self.picture = Picture(preset=settings.preset, scene=settings.scene, snr_db=settings.snr_db)
        self.trouble = ""
        """What is wrong with the devices, with its cure."""
        self.muted = False
        self._microphone, self._loudspeaker = microphone, loudspeaker
        self._clip = speech_blocks(settings.speech, BLOCK_SAMPLES)
        self._speech = settings.speech
        self._preset, self._snr_db, self._scene = settings.preset, settings.snr_db, settings.scene
        self._live = settings.microphone is not None
        self._heard = 0
        self._bench: Bench | None = None
        self._wishes: deque[Callable[[float], None]] = deque()
        self._spoken: deque[Array] = deque(maxlen=250)
        self._said: deque[float] = deque(maxlen=SHOWN_LEVELS)
        self._tries: dict[str, tuple[Voice, str | None, Try | None, bool]] = {}
        self._crowd_changed = trio.Event()
        self._in_thread = one_worker()

    # What the screen asks for

    def hear(self, number: int) -> None:
        """Another lane is heard; numbers wrap around."""
        self._heard = number % max(1, len(self.picture.lanes))
        self._loudspeaker.hush()

    def open_link(self, preset: Preset) -> None:
        """Another link."""
        self._preset = preset
        self._wishes.append(self._relink)
        self._crowd_changed.set()

    def own(self, **changes: float | None) -> None:
        """The link with other figures. Raises UsageError."""
        self.open_link(own_link(self._preset, **changes))

    @property
    def preset(self) -> Preset:
        """The link as asked for."""
        return self._preset

    def tune(self, snr_db: float) -> None:
        """The slider of the bad-signal scene."""
        self._snr_db = snr_db
        self._wishes.append(self._retune)

    @property
    def snr_db(self) -> float:
        return self._snr_db

    def show(self, scene: str) -> None:
        """Another scene."""
        if scene != self._scene:
            self._scene, self._heard = scene, 0
            self._loudspeaker.hush()
            self._wishes.append(self._restart)
            self._crowd_changed.set()

    def speak(self, live: bool) -> None:
        """The microphone, or the clip."""
        self._live = live
        self._spoken.clear()

    def _relink(self, now: float) -> None:
        if isinstance(self._bench, LinkBench):
            self._bench.change(self._preset, now)

    def _retune(self, now: float) -> None:
        if isinstance(self._bench, SignalBench):
            self._bench.tune(self._snr_db)
            self._snr_db = self._bench.snr_db

    def _restart(self, now: float) -> None:
        self._bench = None

    # In real time

    async def run(self) -> None:
        """Until cancelled. Raises CodecError."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._microphone.run, self._spoken.append, self._told)
            nursery.start_soon(self._loudspeaker.run, self._told)
            nursery.start_soon(self._count_crowd)
            await self._pace()

    def _told(self, event: DeviceReady | DeviceProblem) -> None:
        if isinstance(event, DeviceProblem):
            if event.device == "microphone" and not self._live:
                return
            self.trouble = f"{event.what}: {event.cure}"
        elif self.trouble:
            self.trouble = ""

    async def _pace(self) -> None:
        began_s = trio.current_time()
        batch = 0
        batch_s = BATCH_BLOCKS * BLOCK_S
        while True:
            if self._scene == "conversations":
                await trio.sleep(batch_s)
                began_s, batch = trio.current_time(), 0
                self._take_picture(0.0)
                continue
            batch += 1
            await trio.sleep_until(began_s + batch * batch_s)
            blocks = self._next_blocks()
            sound = await self._in_thread(self._work, blocks, self._heard)
            behind_s = trio.current_time() - (began_s + (batch + 1) * batch_s)
            if behind_s > SLOW_S:
                began_s, batch = trio.current_time(), 0
            if not self.muted:
                if self._loudspeaker.queued_s < batch_s / 2:
                    self._loudspeaker.play(np.zeros(round(AHEAD_S * SAMPLE_RATE_HZ), np.float32))
                self._loudspeaker.play(sound)
            self._take_picture(max(0.0, behind_s))

    def _next_blocks(self) -> list[Array]:
        """BATCH_BLOCKS of what is said: what the microphone delivered, silence where it did not."""
        if not self._live:
            return [self._clip() for _ in range(BATCH_BLOCKS)]
        wanted = BATCH_BLOCKS * BLOCK_SAMPLES
        spoken = np.concatenate([*self._spoken, np.zeros(0, np.float32)])
        self._spoken.clear()
        if len(spoken) > wanted:
            self._spoken.append(spoken[wanted:][-SAMPLE_RATE_HZ:])
        said = np.zeros(wanted, np.float32)
        said[: min(wanted, len(spoken))] = np.clip(spoken[:wanted], -1, 1)
        return list(said.reshape(BATCH_BLOCKS, BLOCK_SAMPLES))

    def _work(self, blocks: list[Array], heard: int) -> Array:
        """In a thread: a batch through the bench; what is heard."""
        now = self._bench.now if self._bench is not None else 0.0
        while self._wishes:
            self._wishes.popleft()(now)
        if self._bench is None:
            now = 0.0
            self._said.clear()
            if self._scene == "signal":
                self._bench = SignalBench(signal_voices(), self._snr_db)
            else:
                self._bench = LinkBench(link_voices(), self._preset)
        sounds = []
        for block in blocks:
            now += BLOCK_S
            sounds.append(self._bench.step(block, now, heard % len(self._bench.rows)))
        whole = np.concatenate(blocks)
        self._said.append(float(np.sqrt(np.mean(whole * whole))))
        return np.concatenate(sounds)

    def _take_picture(self, behind_s: float) -> None:
        lanes: tuple[LanePicture, ...] = ()
        if self._bench is not None:
            lanes = tuple(
                LanePicture(
                    row.voice, row.missing, row.wire_bps, reading,
                    tuple(row.lane.levels)[-SHOWN_LEVELS:] if row.lane is not None else (),
                )
                for row, reading in zip(self._bench.rows, self._bench.readings(), strict=True)
            )  # fmt: skip
        self.picture = Picture(
            self._scene, self._preset, self._snr_db, lanes, self._heard, tuple(self._said),
            "microphone" if self._live else "clip", tuple(self._tries.values()), behind_s,
            self._bench.seconds if self._bench is not None else 0.0,
        )  # fmt: skip

    async def _count_crowd(self) -> None:
        """Whenever the scene of the conversations is shown: one try after the other, each a step of real frames."""
        while True:
            self._crowd_changed = trio.Event()
            if self._scene == "conversations":
                await self._count_once(self._crowd_changed)
            await self._crowd_changed.wait()

    async def _count_once(self, changed: trio.Event) -> None:
        voices = link_voices()
        self._tries = {voice.key: (voice, voice.missing(), None, False) for voice in voices}
        for voice in voices:
            if reason := voice.missing():
                self._tries[voice.key] = (voice, reason, None, True)
                continue
            steps = tries(voice, self._speech, self._preset)
            last: Try | None = None
            while (step := await self._in_thread(next, steps, None)) is not None:
                if changed.is_set():
                    return
                last = step
                self._tries[voice.key] = (voice, None, last, False)
            self._tries[voice.key] = (voice, None, last, True)
