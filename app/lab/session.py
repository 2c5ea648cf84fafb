"""The lab in real time: clip or microphone into the lanes, one of them into the loudspeaker. Runs under trio.

Codecs work in a thread, a tenth of a second of speech at a time; a picture for the screen is taken after each. Where
that takes longer than it lasts, the lab says so and goes on more slowly: its figures are those of the lanes' own time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
import trio

from app.audio.devices import BLOCK_S, BLOCK_SAMPLES, Block, Loudspeaker, Microphone
from app.audio.level import amplitude
from app.codecs.lanes import ReferenceCodec
from app.errors import first_error
from app.events import Device, DeviceProblem, DeviceReady
from app.lab.state import CapacitySnapshot, LabSnapshot, LabStart, LabState
from app.simulation.bench import CONVERSATIONS, SCENES, speech_blocks
from app.simulation.capacity import CapacityTrial, capacity_trials
from app.threads import one_worker
from codec.format import SAMPLE_RATE_HZ
from transport.planning.presets import Preset

BATCH_BLOCKS = 5
BATCH_S = BATCH_BLOCKS * BLOCK_S
"""A tenth of a second: the step of the waveforms too."""
AHEAD_S = 0.25
"""Sound in the loudspeaker's queue, against slow moments of this program."""
MOST_QUEUED_S = 1.0
"""More than that is a loudspeaker whose clock is slow: the rest is dropped."""
SLOW_S = 1.0
"""So far behind the clock, the machine is too slow."""
SLOW_SHOWN_S = 5.0
LOAD_BATCHES = 30
"""Over so many the load is measured."""
MICROPHONE_S = 0.5
"""Of the microphone's sound wait at most: it has a clock of its own."""
VOLUME_STEP = 0.1


class LabSession:
    """Commands are plain methods, for the thread that runs trio; `tell` gets a picture ten times a second."""

    def __init__(
        self,
        start: LabStart,
        microphone: Microphone,
        loudspeaker: Loudspeaker,
        tell: Callable[[LabSnapshot], None],
        lab: LabState | None = None,
    ) -> None:
        """lab: with lanes of one's own."""
        self.lab = lab if lab is not None else LabState(start)
        self._tell = tell
        self._microphone, self._loudspeaker = microphone, loudspeaker
        self._speech, self._clip = start.speech, speech_blocks(start.speech, BLOCK_SAMPLES)
        self._gain = np.float32(amplitude(start.gain_db))
        self._heard, self._live, self._volume, self._muted = 0, start.live, start.volume, start.muted
        self._spoken: deque[Block] = deque()
        self._troubles: dict[Device, str] = {}
        self._crowd: dict[str, CapacitySnapshot] = {}
        self._crowd_is_old = trio.Event()
        self._source_changed = trio.Event()
        self._works_s: deque[float] = deque(maxlen=LOAD_BATCHES)
        self._slow_until_s = -1.0
        self._scope = trio.CancelScope()
        self._in_thread = one_worker()

    # --- commands ------------------------------------------------------------------------------------------------

    def hear(self, number: int) -> None:
        """Another lane into the loudspeaker; a number that there is not changes nothing."""
        if 0 <= number < len(self.lab.codecs):
            self._heard = number
            self._loudspeaker.hush()

    def show(self, scene: str) -> None:
        """One of SCENES."""
        self._heard = min(self._heard, len(self.lab.link_codecs) - 1)
        self._loudspeaker.hush()
        self.lab.show(scene)
        self._crowd_is_old.set()

    def step_scene(self) -> None:
        """The next one."""
        self.show(SCENES[(SCENES.index(self.lab.scene) + 1) % len(SCENES)])

    def step_link(self, steps: int) -> None:
        self.lab.step_link(steps)
        self._crowd_is_old.set()

    def change_own(self, **changes: float | None) -> Preset:
        """The present link with other figures; what came of it. Raises UsageError."""
        self.lab.change_own(**changes)
        self._crowd_is_old.set()
        return self.lab.preset

    def switch_source(self) -> None:
        """From the clip to the microphone, and back."""
        self._live = not self._live
        self._source_changed.set()

    def turn_volume(self, steps: int) -> None:
        self._volume = min(1.0, max(0.0, round(self._volume + steps * VOLUME_STEP, 2)))
        self._muted = False

    def mute_or_unmute(self) -> None:
        self._muted = not self._muted
        self._loudspeaker.hush()

    def close(self) -> None:
        """Ends `run`."""
        self._scope.cancel()

    # --- in real time --------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until closed or cancelled. Raises CodecError."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._loudspeaker.run, self.told)
                    nursery.start_soon(self._listen)
                    nursery.start_soon(self._count_crowds)
                    await self._pace()
        except BaseExceptionGroup as group:
            raise first_error(group) from group

    def told(self, event: DeviceReady | DeviceProblem) -> None:
        """What became of a device."""
        if event.device == "microphone" and not self._live:
            return
        if isinstance(event, DeviceProblem):
            self._troubles[event.device] = str(event)
        else:
            self._troubles.pop(event.device, None)

    async def _listen(self) -> None:
        """The microphone is open only while it is wanted."""
        while True:
            self._source_changed = trio.Event()
            async with trio.open_nursery() as nursery:
                if self._live:
                    nursery.start_soon(self._microphone.run, self._spoken.append, self.told)
                await self._source_changed.wait()
                nursery.cancel_scope.cancel()
            self._spoken.clear()
            self._troubles.pop("microphone", None)

    async def _pace(self) -> None:
        due_s = trio.current_time()
        while True:
            due_s += BATCH_S
            await trio.sleep_until(due_s)
            began_s = trio.current_time()
            if self.lab.scene == CONVERSATIONS:
                due_s = began_s
            else:
                self._play(await self._in_thread(self.lab.work, self._next_blocks(), self._heard))
                now_s = trio.current_time()
                self._works_s.append(now_s - began_s)
                if now_s - due_s > SLOW_S:
                    due_s, self._slow_until_s = now_s, now_s + SLOW_SHOWN_S
            self._tell(self._picture())

    def _next_blocks(self) -> list[Block]:
        """A batch of what is said. What the microphone has not delivered is silence; without one the clip speaks."""
        if not self._live or "microphone" in self._troubles:
            return [self._clip() for _ in range(BATCH_BLOCKS)]
        wanted = BATCH_BLOCKS * BLOCK_SAMPLES
        spoken = np.concatenate([*self._spoken, np.zeros(0, np.float32)])
        self._spoken.clear()
        said = np.zeros(wanted, np.float32)
        said[: min(wanted, len(spoken))] = np.clip(spoken[:wanted] * self._gain, -1, 1)
        if len(spoken) > wanted:
            self._spoken.append(spoken[wanted:][-round(MICROPHONE_S * SAMPLE_RATE_HZ) :])
        return list(said.reshape(BATCH_BLOCKS, BLOCK_SAMPLES))

    def _play(self, sound: Block) -> None:
        if self._muted or self._loudspeaker.queued_s > MOST_QUEUED_S:
            return
        if self._loudspeaker.queued_s < BATCH_S / 2:
            self._loudspeaker.play(np.zeros(round(AHEAD_S * SAMPLE_RATE_HZ), np.float32))
        self._loudspeaker.play(sound * np.float32(self._volume))

    def _picture(self) -> LabSnapshot:
        lab = self.lab
        load = None
        if trio.current_time() < self._slow_until_s:
            load = sum(self._works_s) / (BATCH_S * len(self._works_s))
        troubles = tuple(self._troubles.values())
        return LabSnapshot(
            lab.scene,
            lab.preset,
            lab.snr_db,
            lab.lanes(),
            lab.said,
            lab.seconds,
            tuple(self._crowd.values()),
            self._heard,
            self._live,
            self._volume,
            self._muted,
            troubles,
            load,
        )

    # --- many conversations --------------------------------------------------------------------------------------

    async def _count_crowds(self) -> None:
        """Whenever their scene is shown, and for every link anew."""
        while True:
            self._crowd_is_old = trio.Event()
            if self.lab.scene == CONVERSATIONS:
                await self._count(self._crowd_is_old)
            await self._crowd_is_old.wait()

    async def _count(self, old: trio.Event) -> None:
        """One try after the other, each from its first frame to its last."""
        codecs, preset = self.lab.link_codecs, self.lab.preset
        self._crowd = {codec.key: CapacitySnapshot(codec, codec.missing(), None, False) for codec in codecs}
        for codec in codecs:
            if codec.missing() is None and not await self._add(codec, preset, old):
                return

    async def _add(self, codec: ReferenceCodec, preset: Preset, old: trio.Event) -> bool:
        """More and more conversations of one codec; False where they are not wanted any more. Raises CodecError."""
        last: CapacityTrial | None = None
        steps = capacity_trials(codec, self._speech, preset)
        while (step := await self._in_thread(next, steps, None)) is not None:
            if old.is_set():
                return False
            last = step
            self._crowd[codec.key] = CapacitySnapshot(codec, None, last, False)
        self._crowd[codec.key] = CapacitySnapshot(codec, None, last, True)
        return not old.is_set()
