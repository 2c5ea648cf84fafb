"""Lanes side by side: one voice, the same kind of link for each codec. No I/O; the time is passed in."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from app.codecs.reference import CodecMissing, ReferenceCodec, Speech
from app.errors import GossamerError
from app.simulation.framing import Framing, framing_for
from app.simulation.lane import Lane, LaneReading
from app.simulation.one_way import OneWay
from codec.format import PACKET_BYTES, PACKET_S, SAMPLE_RATE_HZ
from transport.impairment import ImpairedPath, Impairment
from transport.link_kinds import COBS, LINK_KINDS
from transport.planning.presets import Preset
from transport.protocol.open_frames import OVERHEAD_BYTES

SIGNAL_KIND = LINK_KINDS["serial"]
"""Kind of the simulated radio in the bad-signal scene."""
SIGNAL_K = 1
"""Packets in a frame, in the bad-signal scene."""
SNR_BANDWIDTH_HZ = 2500.0
"""Bandwidth in which signal-to-noise ratios are told, as radio amateurs do."""
SNR_DB = (-3, 36)
"""Lowest and highest signal-to-noise ratio of the slider."""
START_SNR_DB = 20
LEAST_BER = 1e-12
"""Bit error rate below which there are none: nobody waits for so few."""


class Scene(enum.Enum):
    """A scene of the lab; the value is its word in flags and in JSON."""

    LINK = "link"
    """Lanes side by side on one link."""
    SIGNAL = "signal"
    """Lanes side by side on a radio whose signal fades."""
    CONVERSATIONS = "conversations"
    """The number of conversations that one link carries at once."""


SCENES = tuple(Scene)


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One lane, or why there is none."""

    codec: ReferenceCodec
    missing: CodecMissing | None
    """The missing library and the command that installs it."""
    lane: Lane | None
    wire_bps: float
    """Nominal rate on the wire, everything counted; 0 where the lane is missing."""


class Bench:
    """Lanes that hear the same voice."""

    def __init__(self, codecs: Sequence[ReferenceCodec], now: float) -> None:
        """Make the bench; `begin` makes its lanes."""
        self._codecs = codecs
        self.rows: list[BenchRow] = []
        self.seconds = 0.0
        """Seconds of speech since all lanes began anew."""
        self.now = now

    def begin(self, now: float) -> None:
        """Let all lanes begin anew, with nothing on its way. Raises CodecError."""
        self.now, self.seconds = now, 0.0
        self.rows = [self._row(codec, now) for codec in self._codecs]

    def _row(self, codec: ReferenceCodec, now: float) -> BenchRow:
        if reason := codec.missing():
            return BenchRow(codec, reason, None, 0.0)
        k, overhead_bytes, piece_bytes = self._frame_shape()
        framing = framing_for(codec, k, piece_bytes)
        wire_bps = framing.wire_bps(overhead_bytes)
        impairment = self._impairment(wire_bps)
        path = ImpairedPath(impairment, overhead_bytes)
        jitter_s = impairment.jitter_s + _begin_delay_s(framing_for(codec, k, piece_bytes), path, k)
        way = OneWay(framing, path, overhead_bytes, codec.frame_samples / SAMPLE_RATE_HZ, now, jitter_s)
        return BenchRow(codec, None, Lane(codec, way, now), wire_bps)

    def _frame_shape(self) -> tuple[int, int, int]:
        """Return k, the bytes that a frame costs beyond itself, and those that the link takes in one piece."""
        raise NotImplementedError

    def _impairment(self, wire_bps: float) -> Impairment:
        raise NotImplementedError

    def step(self, block: Speech, now: float, heard: int | None = None) -> Speech:
        """Put a block of the voice, float32 [n], that ends now into all lanes; return what one of them plays then.

        The result is float32 [n] of the lane with the number `heard`; silence for None, or for a lane that is missing.
        """
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
        """Return the state of every row now; None for a lane that is missing."""
        return [row.lane.reading(self.now) if row.lane is not None else None for row in self.rows]


class LinkBench(Bench):
    """Lanes on one kind of link, each on a link of its own, which may be changed at any time."""

    def __init__(self, codecs: Sequence[ReferenceCodec], preset: Preset, now: float = 0.0) -> None:
        """Begin on this link. Raises CodecError."""
        super().__init__(codecs, now)
        self.preset = preset
        self.begin(now)

    def _frame_shape(self) -> tuple[int, int, int]:
        return self.preset.k, self.preset.overhead_bytes, self.preset.kind.piece_bytes

    def _impairment(self, wire_bps: float) -> Impairment:
        return self.preset.impairment

    def change(self, preset: Preset, now: float) -> None:
        """Go to another link. One with other frames begins anew; on any other, what is on its way stays."""
        same_frames = (preset.k, preset.overhead_bytes, preset.kind.piece_bytes) == self._frame_shape()
        self.preset = preset
        if not same_frames:
            self.begin(now)
            return
        for row in self.rows:
            if row.lane is not None:
                row.lane.way.path.change(preset.impairment)


class SignalBench(Bench):
    """Lanes on a simulated radio: every lane with the same power, at the rate of its own frames on the wire."""

    def __init__(self, codecs: Sequence[ReferenceCodec], snr_db: float = START_SNR_DB, now: float = 0.0) -> None:
        """Begin with this signal-to-noise ratio, in SNR_BANDWIDTH_HZ. Raises CodecError."""
        super().__init__(codecs, now)
        self.snr_db = snr_db
        self.begin(now)

    def _frame_shape(self) -> tuple[int, int, int]:
        return SIGNAL_K, COBS.octets, SIGNAL_KIND.piece_bytes

    def _impairment(self, wire_bps: float) -> Impairment:
        return Impairment(ber=bit_error_rate(self.snr_db, wire_bps), seed=1)

    def tune(self, snr_db: float) -> None:
        """Change the signal-to-noise ratio, within SNR_DB; what is on its way stays as it is."""
        self.snr_db = min(float(SNR_DB[1]), max(float(SNR_DB[0]), snr_db))
        for row in self.rows:
            if row.lane is not None:
                row.lane.way.path.change(self._impairment(row.wire_bps))


def bit_error_rate(snr_db: float, wire_bps: float) -> float:
    """Return the bit error rate of non-coherent FSK in white noise at this power and rate.

    It is 1/2 exp(-Eb/2N0) (Proakis, Digital Communications, chapter 5); Eb/N0 is the power over the noise in 1 Hz,
    divided by the bits per second.
    """
    noise_density = 10 ** (-snr_db / 10) / SNR_BANDWIDTH_HZ
    rate = 0.5 * math.exp(-1 / (wire_bps * noise_density) / 2)
    return rate if rate > LEAST_BER else 0.0


def _begin_delay_s(probe: Framing, path: ImpairedPath, k: int) -> float:
    """Return how much later than the others a VOICE frame comes because a BEGIN went before it, in seconds."""
    octets = [len(frame.octets) for frame in probe.begin()]
    if not octets:
        return 0.0
    voice_bytes = k * PACKET_BYTES + OVERHEAD_BYTES
    return max(0.0, path.airtime_s(octets[0]) + path.airtime_s(voice_bytes) - k * PACKET_S)


def own_link(preset: Preset, **changes: float | None) -> Preset:
    """Return the link that the screen calls "your own": the preset with other figures. Raises UsageError."""
    return dataclasses.replace(preset.other(**changes), name="own", title="your own")


def speech_blocks(speech: Speech, block_samples: int) -> Callable[[], Speech]:
    """Return a function that returns the next block of the speech at each call, round and round.

    Raises GossamerError where there is no speech.
    """
    if not len(speech):
        raise GossamerError("there is no sound in the clip", "take another")
    at = 0

    def block() -> Speech:
        nonlocal at
        places = np.arange(at, at + block_samples) % len(speech)
        at = (at + block_samples) % len(speech)
        return speech[places]

    return block
