"""The lanes side by side: one voice, the same kind of link for each. No I/O; the time is passed in."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.codecs.lanes import ReferenceCodec
from app.errors import GossamerError
from app.simulation.framing import Framing, framing_for
from app.simulation.lane import Lane, LaneReading
from codec.format import PACKET_BYTES, PACKET_S, SAMPLE_RATE_HZ
from transport.impairment import ImpairedPath, Impairment
from transport.link_kinds import COBS, LINK_KINDS
from transport.planning.presets import Preset
from transport.playout.jitter import MAX_HOLD_S, MIN_HOLD_S
from transport.protocol.open_frames import OVERHEAD_BYTES

Array = NDArray[np.float32]
LINK, SIGNAL, CONVERSATIONS = SCENES = ("link", "signal", "conversations")
"""What the lab shows: one link, a radio that fades, many talkers at once."""
SIGNAL_KIND = LINK_KINDS["serial"]
"""Kind of the simulated radio in the bad-signal scene."""
SIGNAL_K = 1
SNR_BANDWIDTH_HZ = 2500.0
"""In which signal-to-noise ratios are told, as radio amateurs do."""
SNR_DB = (-3, 36)
"""What the slider reaches."""
START_SNR_DB = 20
LEAST_BER = 1e-12
"""Fewer errors than that nobody waits for."""


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One lane, or why there is none."""

    codec: ReferenceCodec
    missing: str | None
    lane: Lane | None
    wire_bps: float
    """Nominal, everything counted; 0 where the lane is missing."""


class Bench:
    """Lanes that hear the same voice."""

    def __init__(self, codecs: Sequence[ReferenceCodec], now: float) -> None:
        self._codecs = codecs
        self.rows: list[BenchRow] = []
        self.seconds = 0.0
        """Of speech, since all began anew."""
        self.now = now

    def begin(self, now: float) -> None:
        """All lanes from a fresh start, nothing on its way. Raises CodecError."""
        self.now, self.seconds = now, 0.0
        self.rows = [self._row(codec, number, now) for number, codec in enumerate(self._codecs)]

    def _row(self, codec: ReferenceCodec, number: int, now: float) -> BenchRow:
        if reason := codec.missing():
            return BenchRow(codec, reason, None, 0.0)
        k, overhead_bytes, piece_bytes = self._frame_shape()
        framing = framing_for(codec, k, piece_bytes)
        wire_bps = framing.wire_bps(overhead_bytes)
        impairment = self._impairment(wire_bps)
        path = ImpairedPath(impairment, overhead_bytes)
        hold_s = _hold_s(framing_for(codec, k, piece_bytes), path, k, impairment.jitter_s)
        return BenchRow(codec, None, Lane(codec, framing, path, overhead_bytes, now, hold_s), wire_bps)

    def _frame_shape(self) -> tuple[int, int, int]:
        """Return k, the bytes that a frame costs beyond itself, and those that the link takes in one piece."""
        raise NotImplementedError

    def _impairment(self, wire_bps: float) -> Impairment:
        raise NotImplementedError

    def step(self, block: Array, now: float, heard: int | None = None) -> Array:
        """A block of the voice, float32 [n], that ends now, into all lanes; what the heard one says then, float32 [n]
        (None, or a lane that is missing: silence)."""
        self.now = now
        self.seconds += len(block) / SAMPLE_RATE_HZ
        sounds = []
        for row in self.rows:
            if row.lane is not None:
                row.lane.speak(block, now)
                sounds.append(row.lane.hear(len(block), now))
            else:
                sounds.append(np.zeros(len(block), np.float32))
        return sounds[heard] if heard is not None else np.zeros(len(block), np.float32)

    def readings(self) -> list[LaneReading | None]:
        """Every row now."""
        return [row.lane.reading(self.now) if row.lane is not None else None for row in self.rows]


class LinkBench(Bench):
    """On one of the links, each lane with one of its own; the link may be changed at any time."""

    def __init__(self, codecs: Sequence[ReferenceCodec], preset: Preset, now: float = 0.0) -> None:
        super().__init__(codecs, now)
        self.preset = preset
        self.begin(now)

    def _frame_shape(self) -> tuple[int, int, int]:
        return self.preset.k, self.preset.overhead_bytes, self.preset.kind.piece_bytes

    def _impairment(self, wire_bps: float) -> Impairment:
        return self.preset.impairment

    def change(self, preset: Preset, now: float) -> None:
        """Another link. One with other frames begins anew; else what is on its way stays."""
        same_frames = (preset.k, preset.overhead_bytes, preset.kind.piece_bytes) == self._frame_shape()
        self.preset = preset
        if not same_frames:
            self.begin(now)
            return
        for row in self.rows:
            if row.lane is not None:
                row.lane.path.change(preset.impairment)


def bit_error_rate(snr_db: float, wire_bps: float) -> float:
    """Of non-coherent FSK in white noise, 1/2 exp(-Eb/2N0) (Proakis, Digital Communications, chapter 5), at this power
    and rate: Eb/N0 is the power over the noise in 1 Hz, divided by the bits a second."""
    noise_density = 10 ** (-snr_db / 10) / SNR_BANDWIDTH_HZ
    rate = 0.5 * math.exp(-1 / (wire_bps * noise_density) / 2)
    return rate if rate > LEAST_BER else 0.0


def _hold_s(probe: Framing, path: ImpairedPath, k: int, jitter_s: float) -> float:
    """What a station's play-out has learned to hold on such a link: its jitter, and the frame that comes later because
    a BEGIN went before it."""
    frame_s = k * PACKET_S
    octets = [len(sent.octets) for sent in probe.begin()]
    behind_s = 0.0
    if octets:
        voice_bytes = k * PACKET_BYTES + OVERHEAD_BYTES
        behind_s = max(0.0, path.airtime_s(octets[0]) + path.airtime_s(voice_bytes) - frame_s)
    return min(max(MIN_HOLD_S, jitter_s + behind_s), max(MAX_HOLD_S, frame_s))


class SignalBench(Bench):
    """On a simulated radio: every lane with the same power, at the rate of its own frames on the wire."""

    def __init__(self, codecs: Sequence[ReferenceCodec], snr_db: float = START_SNR_DB, now: float = 0.0) -> None:
        super().__init__(codecs, now)
        self.snr_db = snr_db
        self.begin(now)

    def _frame_shape(self) -> tuple[int, int, int]:
        return SIGNAL_K, COBS.octets, SIGNAL_KIND.piece_bytes

    def _impairment(self, wire_bps: float) -> Impairment:
        return Impairment(ber=bit_error_rate(self.snr_db, wire_bps), seed=1)

    def tune(self, snr_db: float) -> None:
        """Moves the slider; what is on its way stays as it is."""
        self.snr_db = min(float(SNR_DB[1]), max(float(SNR_DB[0]), snr_db))
        for row in self.rows:
            if row.lane is not None:
                row.lane.path.change(self._impairment(row.wire_bps))


def own_link(preset: Preset, **changes: float | None) -> Preset:
    """ "Your own": the preset with other figures. Raises UsageError."""
    return dataclasses.replace(preset.other(**changes), name="own", title="your own")


def speech_blocks(speech: Array, block_samples: int) -> Callable[[], Array]:
    """The speech round and round, a block at each call. Raises GossamerError for none."""
    if not len(speech):
        raise GossamerError("there is no sound in the clip", "take another")
    at = 0

    def block() -> Array:
        nonlocal at
        places = np.arange(at, at + block_samples) % len(speech)
        at = (at + block_samples) % len(speech)
        return speech[places]

    return block
