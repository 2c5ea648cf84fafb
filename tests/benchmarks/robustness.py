"""How much of the speech is left when packets are lost, bits flip, the room is noisy, or the level is far off.

A condition spoils what goes into a codec, or its packets on the way, always in the same way for the same clip. The
decoded speech is compared with the clean original, and with what the same codec makes of it unspoilt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from codec.format import BIT_RATE_BPS, COPY_BYTES, PACKET_BYTES, SAMPLE_RATE_HZ

from .lanes import Coded, Lane
from .lanes.ours import Arrival, Channel, OurLane

CLIPS = 32
BABBLE_VOICES = 6
NOISE_SNR_DB = 10.0
LOST = 0.1
COARSE_BPS = BIT_RATE_BPS * (PACKET_BYTES + COPY_BYTES) // PACKET_BYTES
FLIPPED = 0.01
CLIPPED = 0.05
"""Share of the samples at the stop."""
LEVELS_DB = (-35.0, -19.0, -3.0)
"""Peak of the clip, dB below full scale."""
HUM_HZ = 50.0
SILENCE_S = 4.0

Spoil = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""float [n] in [-1, 1) -> float [n]."""


@dataclass(frozen=True)
class Condition:
    """A condition that spoils a clip or its packets."""

    key: str
    title: str
    spoil: Spoil | None = None
    """What is done to the speech before it is coded."""
    lost: float = 0.0
    """Share of packets that never come."""
    flipped: float = 0.0
    """Share of bits that come as the other one."""
    repeat: bool = False
    """The link has `repeat=1`: each packet comes again with the next one, and is lost only where both are."""

    copies: bool = False
    """The link has `repeat=coarse`: of a lost packet the coarse copy comes with the next one, if that comes."""

    def spoils_packets(self) -> bool:
        """Return whether it needs a codec whose packets can be reached."""
        return bool(self.lost or self.flipped)


def channel_of(condition: Condition, generator: np.random.Generator) -> Channel:
    """Return packets as the condition's link delivers them. Which are lost is drawn, how many is not: the share of each
    clip's packets, rounded up or down at random, so that few clips lose the share that they are said to."""

    def flip(packet: bytes) -> bytes:
        bits = np.unpackbits(np.frombuffer(packet, np.uint8))
        return np.packbits(bits ^ (generator.random(len(bits)) < condition.flipped)).tobytes()

    def channel(packets: Sequence[bytes]) -> list[bytes | Arrival | None]:
        count = int(condition.lost * len(packets) + generator.random())
        lost = set(generator.choice(len(packets), count, replace=False).tolist())
        if condition.repeat:
            lost = {n for n in lost if n + 1 in lost or n + 1 == len(packets)}
        copied = {n for n in lost if n + 1 not in lost and n + 1 < len(packets)} if condition.copies else set()
        gone: dict[int, Arrival | None] = {n: Arrival.COPY if n in copied else None for n in lost}
        return [gone[n] if n in gone else flip(packet) for n, packet in enumerate(packets)]

    return channel


@dataclass(frozen=True)
class SpoiltLane:
    """A lane under a condition; itself without one."""

    lane: Lane
    condition: Condition

    @property
    def key(self) -> str:
        return f"{self.lane.key}+{self.condition.key}"

    @property
    def title(self) -> str:
        return f"{self.lane.title}, {self.condition.title}"

    @property
    def ours(self) -> bool:
        return self.lane.ours

    def missing(self) -> str | None:
        return self.lane.missing()

    def version(self) -> str:
        """Return the codec's version; how clips are spoilt is part of the condition's name."""
        c = self.condition
        probe = np.linspace(-0.5, 0.5, SAMPLE_RATE_HZ)
        spoilt = b"" if c.spoil is None else c.spoil(probe, np.random.default_rng(1)).tobytes()
        heard = channel_of(c, np.random.default_rng(1))([bytes(PACKET_BYTES)] * 99)
        said = (packet if isinstance(packet, bytes) else b"copy" if packet else b"lost" for packet in heard)
        digest = hashlib.sha256(spoilt + b"".join(said))
        copies = f" copies {self.lane.copies_version()}" if c.copies and isinstance(self.lane, OurLane) else ""
        sent = f"{c.key} {c.lost} {c.flipped}{' repeat' * c.repeat}{copies}"
        return f"{self.lane.version()}, {sent} {digest.hexdigest()[:8]}"

    def run(self, samples: np.ndarray) -> Coded:
        seed = hashlib.sha256(samples.tobytes() + self.condition.key.encode()).digest()
        generator = np.random.default_rng(int.from_bytes(seed[:8], "little"))
        speech = samples
        if self.condition.spoil is not None:
            spoilt = self.condition.spoil(samples / 32768, generator)
            speech = np.clip(np.round(spoilt * 32768), -32768, 32767).astype(np.int16)
        if self.condition.spoils_packets():
            assert isinstance(self.lane, OurLane)
            return self.lane.run(speech, channel_of(self.condition, generator))
        return self.lane.run(speech)


def active_power(speech: np.ndarray) -> float:
    """Return the mean power of the frames of 20 ms within 30 dB of the loudest: pauses do not count as level."""
    frames = speech[: len(speech) // 160 * 160].reshape(-1, 160)
    power = np.mean(np.square(frames), axis=1)
    return float(power[power > power.max() / 1000].mean()) if len(power) and power.max() > 0 else 0.0


def add_noise(speech: np.ndarray, noise: np.ndarray, snr_db: float = NOISE_SNR_DB) -> np.ndarray:
    """Return speech with noise `snr_db` below its active level."""
    gain = np.sqrt(active_power(speech) / np.mean(np.square(noise)) / 10 ** (snr_db / 10))
    return np.asarray(speech + gain * noise)


def pink(count: int, generator: np.random.Generator) -> np.ndarray:
    """Return noise whose power falls by 3 dB an octave, from 30 Hz up."""
    hz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE_HZ)
    spectrum = generator.standard_normal(len(hz)) + 1j * generator.standard_normal(len(hz))
    return np.fft.irfft(np.where(hz < 30, 0, spectrum / np.sqrt(np.maximum(hz, 30))), count)


def hum(count: int, generator: np.random.Generator) -> np.ndarray:
    """Return mains hum with its harmonics, falling by 6 dB an octave, at random phases."""
    t = np.arange(count) / SAMPLE_RATE_HZ
    waves = (np.sin(2 * np.pi * (HUM_HZ * k * t + generator.random())) / k for k in range(1, 20))
    return np.asarray(sum(waves))


@dataclass(frozen=True, eq=False)
class Babble:
    """A background of several of these voices at once, each looped from a random place."""

    voices: Sequence[np.ndarray]

    def __call__(self, speech: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        mixed = np.zeros(len(speech))
        for place in generator.choice(len(self.voices), min(BABBLE_VOICES, len(self.voices)), replace=False):
            voice = np.resize(np.roll(self.voices[place], generator.integers(len(self.voices[place]))), len(speech))
            mixed += voice / np.sqrt(active_power(voice))
        return add_noise(speech, mixed)


@dataclass(frozen=True)
class Level:
    """A change of the level that puts a clip's peak so many dB below full scale."""

    peak_db: float

    def __call__(self, speech: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return speech * 10 ** (self.peak_db / 20) / max(np.abs(speech).max(), 1e-4)


def _pink(speech: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return add_noise(speech, pink(len(speech), generator))


def _hum(speech: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return add_noise(speech, hum(len(speech), generator))


def clipping(speech: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return speech so loud that the given share of its samples is clipped."""
    return np.clip(speech / max(np.quantile(np.abs(speech), 1 - CLIPPED), 1e-4), -1, 1)


CLEAN = Condition("clean", "unspoilt")


def conditions(babble: Sequence[np.ndarray]) -> list[Condition]:
    """Return all conditions, the unspoilt one first. babble: voices, float in [-1, 1), none of them among the clips."""
    noise = f"at {NOISE_SNR_DB:.0f} dB SNR"
    return [
        CLEAN,
        Condition("loss", f"{100 * LOST:.0f} % of packets lost", lost=LOST),
        Condition("repeat", f"the same with `repeat=1`, {2 * BIT_RATE_BPS} bit/s", lost=LOST, repeat=True),
        Condition("coarse", f"the same with `repeat=coarse`, {COARSE_BPS} bit/s", lost=LOST, copies=True),
        Condition("flips", f"{100 * FLIPPED:.0f} % of bits flipped", flipped=FLIPPED),
        Condition("pink", f"pink noise {noise}", _pink),
        Condition("babble", f"{BABBLE_VOICES} other voices {noise}", Babble(babble)),
        Condition("hum", f"hum {noise}", _hum),
        *(Condition(f"level{db:.0f}", f"peak at {db:.0f} dBFS", Level(db)) for db in LEVELS_DB),
        Condition("clipping", f"{100 * CLIPPED:.0f} % of samples clipped", clipping),
    ]


def silence_db(lane: Lane) -> float:
    """Return the power in dBFS, -120 at least, of what a lane makes of digital silence."""
    decoded = lane.run(np.zeros(round(SILENCE_S * SAMPLE_RATE_HZ), np.int16)).samples / 32768
    return float(10 * np.log10(max(float(np.mean(np.square(decoded))), 1e-12)))
