"""The lab in real time: clip or microphone into the lanes, one of them into the loudspeaker. Runs under trio.

The codecs work in a thread on a tenth of a second of speech at a time; after each, the host gets a snapshot to show.
Where the work takes longer than the speech lasts, the lab says so and goes on more slowly; its figures stay right,
because they are those of the lanes' own time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
import trio

from app.audio.devices import BLOCK_S, BLOCK_SAMPLES, Block, Loudspeaker, Microphone
from app.audio.level import amplitude
from app.codecs.reference import ReferenceCodec
from app.errors import first_error
from app.events import Device, DeviceProblem, DeviceReady
from app.lab.state import CapacitySnapshot, LabSnapshot, LabStart, LabState
from app.simulation.bench import SCENES, Scene, speech_blocks
from app.simulation.capacity import CapacityTrial, capacity_trials
from app.threads import one_worker
from codec.format import SAMPLE_RATE_HZ
from transport.planning.presets import Preset

BATCH_BLOCKS = 5
BATCH_S = BATCH_BLOCKS * BLOCK_S
"""Speech that is worked on at a time: a tenth of a second, which is the step of the waveforms too."""
AHEAD_S = 0.25
"""Sound in the loudspeaker's queue that bridges slow moments of this program, in seconds."""
MOST_QUEUED_S = 1.0
"""Longest queue of the loudspeaker, in seconds; what does not fit is dropped. The loudspeaker's clock may be slow."""
SLOW_S = 1.0
"""Delay behind the clock, in seconds, from which on the machine counts as too slow."""
SLOW_SHOWN_S = 5.0
"""Time for which that is shown."""
LOAD_BATCHES = 30
"""Number of batches over which the load is measured."""
MICROPHONE_S = 0.5
"""Longest backlog of microphone audio to keep, in seconds; the microphone's clock may run fast."""
MAX_SPOKEN_BLOCKS = 256
"""Blocks of the microphone that wait: those of MICROPHONE_S, and what comes while a step is computed."""
VOLUME_STEP = 0.1
"""Step of the volume, which is 0..1."""


class LabSession:
    """The lab while it runs: takes commands, tells its host ten times a second what there is to show.

    Commands are plain methods, to be called in the thread that runs trio.
    """

    def __init__(
        self,
        start: LabStart,
        microphone: Microphone,
        loudspeaker: Loudspeaker,
        tell: Callable[[LabSnapshot], None],
        lab: LabState | None = None,
    ) -> None:
        """Take the devices, and the function that gets the snapshots; `lab` where the lanes are not the usual ones."""
        self.lab = lab if lab is not None else LabState(start)
        self._tell = tell
        self._microphone, self._loudspeaker = microphone, loudspeaker
        self._speech, self._clip = start.speech, speech_blocks(start.speech, BLOCK_SAMPLES)
        self._gain = np.float32(amplitude(start.gain_db))
        self._heard, self._live, self._volume, self._muted = 0, start.live, start.volume, start.muted
        self._spoken: deque[Block] = deque(maxlen=MAX_SPOKEN_BLOCKS)
        self._troubles: dict[Device, DeviceProblem] = {}
        self._capacities: dict[str, CapacitySnapshot] = {}
        self._link_changed = trio.Event()
        self._source_changed = trio.Event()
        self._works_s: deque[float] = deque(maxlen=LOAD_BATCHES)
        self._slow_until_s = -1.0
        self._scope = trio.CancelScope()
        self._in_thread = one_worker()

    # --- commands ------------------------------------------------------------------------------------------------

    def hear(self, number: int) -> None:
        """Put another lane into the loudspeaker; a number without a lane changes nothing."""
        if 0 <= number < len(self.lab.codecs):
            self._heard = number
            self._loudspeaker.hush()

    def show(self, scene: Scene) -> None:
        """Go to another scene."""
        self._heard = min(self._heard, len(self.lab.link_codecs) - 1)
        self._loudspeaker.hush()
        self.lab.show(scene)
        self._link_changed.set()

    def step_scene(self) -> None:
        """Go to the next scene, round and round."""
        self.show(SCENES[(SCENES.index(self.lab.scene) + 1) % len(SCENES)])

    def step_link(self, steps: int) -> None:
        """Go so many links on, round and round."""
        self.lab.step_link(steps)
        self._link_changed.set()

    def change_own(self, **changes: float | None) -> Preset:
        """Change figures of the present link, named as in Impairment; return the link. Raises UsageError."""
        self.lab.change_own(**changes)
        self._link_changed.set()
        return self.lab.preset

    def switch_source(self) -> None:
        """Let the microphone speak in place of the clip, or the other way round."""
        self._live = not self._live
        self._source_changed.set()

    def turn_volume(self, steps: int) -> None:
        """Change the volume by so many steps; it is not muted any more."""
        self._volume = min(1.0, max(0.0, round(self._volume + steps * VOLUME_STEP, 2)))
        self._muted = False

    def mute_or_unmute(self) -> None:
        """Silence the loudspeaker, or let it be heard again."""
        self._muted = not self._muted
        self._loudspeaker.hush()

    def close(self) -> None:
        """End `run`."""
        self._scope.cancel()

    # --- in real time --------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run until closed or cancelled. Raises CodecError."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._loudspeaker.run, self.device_changed)
                    nursery.start_soon(self._listen)
                    nursery.start_soon(self._count_conversations)
                    await self._pace()
        except BaseExceptionGroup as group:
            raise first_error(group) from group

    def device_changed(self, event: DeviceReady | DeviceProblem) -> None:
        """Take note of what became of a device."""
        if event.device == "microphone" and not self._live:
            return
        if isinstance(event, DeviceProblem):
            self._troubles[event.device] = event
        else:
            self._troubles.pop(event.device, None)

    async def _listen(self) -> None:
        """Keep the microphone open, but only while it is wanted."""
        while True:
            self._source_changed = trio.Event()
            async with trio.open_nursery() as nursery:
                if self._live:
                    nursery.start_soon(self._microphone.run, self._spoken.append, self.device_changed)
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
            if self.lab.scene is Scene.CONVERSATIONS:
                due_s = began_s
            else:
                self._play(await self._in_thread(self.lab.work, self._next_blocks(), self._heard))
                now_s = trio.current_time()
                self._works_s.append(now_s - began_s)
                if now_s - due_s > SLOW_S:
                    due_s, self._slow_until_s = now_s, now_s + SLOW_SHOWN_S
            self._tell(self._snapshot())

    def _next_blocks(self) -> list[Block]:
        """Return a batch of what is said, float32 [160] each.

        What the microphone has not delivered yet is silence; while there is none, the clip speaks.
        """
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

    def _snapshot(self) -> LabSnapshot:
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
            tuple(self._capacities.values()),
            self._heard,
            self._live,
            self._volume,
            self._muted,
            troubles,
            load,
        )

    # --- many conversations --------------------------------------------------------------------------------------

    async def _count_conversations(self) -> None:
        """Count how many conversations fit, whenever their scene is shown, and for every link anew."""
        while True:
            self._link_changed = trio.Event()
            if self.lab.scene is Scene.CONVERSATIONS:
                await self._count(self._link_changed)
            await self._link_changed.wait()

    async def _count(self, old: trio.Event) -> None:
        """Count for one codec after the other, until another link makes it pointless."""
        codecs, preset = self.lab.link_codecs, self.lab.preset
        self._capacities = {codec.key: CapacitySnapshot(codec, codec.missing(), None, False) for codec in codecs}
        for codec in codecs:
            if codec.missing() is None and not await self._add(codec, preset, old):
                return

    async def _add(self, codec: ReferenceCodec, preset: Preset, old: trio.Event) -> bool:
        """Try more and more conversations of one codec; return whether they are still wanted. Raises CodecError."""
        last: CapacityTrial | None = None
        steps = capacity_trials(codec, self._speech, preset)
        while (step := await self._in_thread(next, steps, None)) is not None:
            if old.is_set():
                return False
            last = step
            self._capacities[codec.key] = CapacitySnapshot(codec, None, last, False)
        self._capacities[codec.key] = CapacitySnapshot(codec, None, last, True)
        return not old.is_set()
