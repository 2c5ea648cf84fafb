"""The state of the lab: the chosen scene, link and signal; speech in, snapshots to show out. No I/O, no clock.

A change that is asked for while the codecs work on a batch, in their thread, is made at the start of the next batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.audio.devices import BLOCK_S
from app.codecs.reference import CodecMissing, ReferenceCodec
from app.codecs.registry import link_codecs, signal_codecs
from app.events import DeviceProblem
from app.simulation.bench import (
    SNR_DB,
    START_SNR_DB,
    Bench,
    LinkBench,
    Scene,
    SignalBench,
    bit_error_rate,
    own_link,
)
from app.simulation.capacity import CapacityTrial
from app.simulation.lane import HeardLevel, LaneReading
from transport.planning.presets import PRESETS, Preset

Array = NDArray[np.float32]
MAX_WISHES = 256
"""Changes that wait for the next step: a key that is held down makes some twenty a second."""
SHOWN_LEVELS = 320
"""Longest waveform in a snapshot, in tenths of a second: as much as a wide terminal shows."""


@dataclass(frozen=True, slots=True)
class LabStart:
    """The choices with which the lab begins."""

    speech: Array = field(repr=False)
    """Speech of the clip, said round and round: float32 [n] at 8 kHz."""
    preset: Preset = PRESETS["afsk1200"]
    scene: Scene = Scene.LINK
    snr_db: float = START_SNR_DB
    live: bool = False
    """True while the microphone speaks, not the clip."""
    volume: float = 1.0
    muted: bool = False
    gain_db: float = 0.0
    """Gain of the microphone."""


@dataclass(frozen=True, slots=True)
class LaneSnapshot:
    """One lane at one moment, for a screen."""

    codec: ReferenceCodec
    missing: CodecMissing | None
    """The missing library, with the command that installs it; None for a lane that runs."""
    wire_bps: float
    """Nominal rate on the wire, everything counted."""
    ber: float | None
    """Bit error rate on its radio; None in a scene without radios."""
    reading: LaneReading | None
    """Figures; None for a lane that is missing."""
    levels: tuple[HeardLevel, ...]
    """Waveform, a tenth of a second each, the newest last."""


@dataclass(frozen=True, slots=True)
class CapacitySnapshot:
    """The conversations of one codec at one moment."""

    codec: ReferenceCodec
    missing: CodecMissing | None
    last: CapacityTrial | None
    """The newest trial; None before the first one."""
    done: bool
    """True once no more conversations are added."""


@dataclass(frozen=True, slots=True)
class LabSnapshot:
    """The whole lab at one moment."""

    scene: Scene
    preset: Preset
    snr_db: float
    lanes: tuple[LaneSnapshot, ...] = ()
    said: tuple[float, ...] = ()
    """Waveform of what is said: rms 0..1, a tenth of a second each, the newest last."""
    seconds: float = 0.0
    """Seconds of speech since these lanes began."""
    capacities: tuple[CapacitySnapshot, ...] = ()
    """Conversations that fit, a codec each."""
    heard: int = 0
    """Number of the lane in the loudspeaker, from 0."""
    live: bool = False
    """True while the microphone speaks, not the clip."""
    volume: float = 1.0
    muted: bool = False
    troubles: tuple[DeviceProblem, ...] = ()
    """Present problems of the devices."""
    load: float | None = None
    """Seconds that the codecs need for a second of speech, measured; None while they keep up with real time."""


class LabState:
    """The lab's choices, and the bench of the scene that is shown.

    Commands come from the host's thread; only `work` is called in another one.
    """

    def __init__(
        self,
        start: LabStart,
        link_lanes: Callable[[], Sequence[ReferenceCodec]] = link_codecs,
        signal_lanes: Callable[[], Sequence[ReferenceCodec]] = signal_codecs,
    ) -> None:
        """Take the choices to begin with, and the codecs of the link scene and of the bad-signal scene."""
        self.preset, self.snr_db, self.scene = start.preset, start.snr_db, start.scene
        self.link_codecs, self._signal_codecs = tuple(link_lanes()), tuple(signal_lanes())
        named = start.preset.name in PRESETS
        self._own = own_link(start.preset) if named else start.preset
        self._bench: Bench | None = None
        self._wishes: deque[Callable[[float], None]] = deque(maxlen=MAX_WISHES)
        self._said: deque[float] = deque(maxlen=SHOWN_LEVELS)

    @property
    def links(self) -> list[Preset]:
        """Links to choose from, "your own" at the end."""
        return [*PRESETS.values(), self._own]

    @property
    def codecs(self) -> tuple[ReferenceCodec, ...]:
        """Codecs of the scene's lanes, in order."""
        return self._signal_codecs if self.scene is Scene.SIGNAL else self.link_codecs

    def step_link(self, steps: int) -> None:
        """Go so many places on in `links`, round and round."""
        names = [preset.name for preset in self.links]
        self.open_link(self.links[(names.index(self.preset.name) + steps) % len(names)])

    def open_link(self, preset: Preset) -> None:
        """Go to a link."""
        self.preset = preset
        self._wishes.append(lambda now: self._relink(preset, now))

    def change_own(self, **changes: float | None) -> None:
        """Make "your own" of the present link with other figures (fields of Impairment). Raises UsageError."""
        self._own = own_link(self.preset, **changes)
        self.open_link(self._own)

    def tune(self, snr_db: float) -> None:
        """Move the slider of the bad-signal scene: dB in 2.5 kHz, kept within SNR_DB."""
        self.snr_db = wanted = min(float(SNR_DB[1]), max(float(SNR_DB[0]), snr_db))
        self._wishes.append(lambda now: self._retune(wanted))

    def show(self, scene: Scene) -> None:
        """Go to another scene; its lanes begin anew."""
        self.scene = scene
        self._wishes.append(lambda now: self._restart())

    def _relink(self, preset: Preset, now: float) -> None:
        if isinstance(self._bench, LinkBench):
            self._bench.change(preset, now)

    def _retune(self, snr_db: float) -> None:
        if isinstance(self._bench, SignalBench):
            self._bench.tune(snr_db)

    def _restart(self) -> None:
        self._bench = None

    def work(self, blocks: Sequence[Array], heard: int) -> Array:
        """Put blocks of BLOCK_S of what is said, float32, into all lanes; return what one of them plays meanwhile.

        The result is float32 of the same length, from the lane with the number `heard`. Raises CodecError.
        """
        now = self._bench.now if self._bench is not None else 0.0
        while self._wishes:
            self._wishes.popleft()(now)
        bench = self._bench
        if bench is None:
            self._said.clear()
            if self.scene is Scene.SIGNAL:
                bench = SignalBench(self._signal_codecs, self.snr_db)
            else:
                bench = LinkBench(self.link_codecs, self.preset)
            self._bench = bench
        sounds = []
        for block in blocks:
            sounds.append(bench.step(block, bench.now + BLOCK_S, min(heard, len(bench.rows) - 1)))
        whole = np.concatenate(blocks)
        self._said.append(float(np.sqrt(np.mean(whole * whole))))
        return np.concatenate(sounds)

    def lanes(self) -> tuple[LaneSnapshot, ...]:
        """Return the lanes as they stand; none before the first `work` of a scene."""
        bench = self._bench
        if bench is None:
            return ()
        return tuple(
            LaneSnapshot(
                row.codec,
                row.missing,
                row.wire_bps,
                bit_error_rate(bench.snr_db, row.wire_bps) if isinstance(bench, SignalBench) and row.lane else None,
                reading,
                tuple(row.lane.levels)[-SHOWN_LEVELS:] if row.lane is not None else (),
            )
            for row, reading in zip(bench.rows, bench.readings(), strict=True)
        )

    @property
    def said(self) -> tuple[float, ...]:
        """Waveform of what is said: rms 0..1, a tenth of a second each, the newest last."""
        return tuple(self._said)

    @property
    def seconds(self) -> float:
        """Seconds of speech since these lanes began."""
        return self._bench.seconds if self._bench is not None else 0.0
