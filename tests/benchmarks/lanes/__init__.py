"""Every way from samples to decoded samples that is compared; a file per codec.

To add one: write a class with the members of `Lane` and name it in `all_lanes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from codec.format import SAMPLE_RATE_HZ

Encode = Callable[[np.ndarray], bytes]
"""int16 [frame samples] -> the bytes of one frame, with the state of all before."""
Decode = Callable[[bytes], np.ndarray]
"""The bytes of one frame -> int16 [frame samples], with the state of all before."""


@dataclass(frozen=True)
class Coded:
    """What a lane made of one clip."""

    samples: np.ndarray
    """int16 [at least as many as went in], with the codec's delay still in it."""
    bits: int
    """What the encoder produced for the clip, its last frame zero-padded."""
    wire_bits: int
    """The same in whole bytes per frame, as a datagram or a file of packets carries them."""
    seconds: float
    """Of speech that these bits stand for: a whole number of frames."""


class Lane(Protocol):
    """One codec at one rate."""

    @property
    def key(self) -> str:
        """For files and CSV: lower case, no spaces."""

    @property
    def title(self) -> str:
        """For tables."""

    @property
    def ours(self) -> bool:
        """What the others are compared with."""

    def missing(self) -> str | None:
        """What is not installed and the command that installs it, in one line; None when the lane can run."""

    def version(self) -> str:
        """Library and version, or the models' digests: audio decoded with another one is not used again."""

    def run(self, samples: np.ndarray) -> Coded:
        """samples: int16 [n] at 8 kHz, coded and decoded from a fresh start."""


class StreamingLane(Lane, Protocol):
    """A lane that codes frame by frame, whose speed can be measured."""

    @property
    def frame_samples(self) -> int:
        """Samples of one frame at 8 kHz."""

    def open_encoder(self) -> Encode:
        """A fresh encoder."""

    def open_decoder(self) -> Decode:
        """A fresh decoder; loads no encoder where the two can be had apart."""


def run_frames(lane: StreamingLane, samples: np.ndarray, flush_s: float, frame_bits: int | None = None) -> Coded:
    """`Lane.run` for a peer. flush_s: of silence coded after the clip and not counted, which pushes out what the
    codec still holds. frame_bits: of a frame whose last byte is not full; None counts the bytes."""
    counted = -(-len(samples) // lane.frame_samples)
    frames = counted + int(np.ceil(flush_s * SAMPLE_RATE_HZ / lane.frame_samples))
    padded = np.zeros((frames, lane.frame_samples), np.int16)
    padded.reshape(-1)[: len(samples)] = samples
    encode, decode = lane.open_encoder(), lane.open_decoder()
    packets = [encode(frame) for frame in padded]
    wire_bits = 8 * sum(len(packet) for packet in packets[:counted])
    return Coded(
        samples=np.concatenate([decode(packet) for packet in packets]),
        bits=wire_bits if frame_bits is None else counted * frame_bits,
        wire_bits=wire_bits,
        seconds=counted * lane.frame_samples / SAMPLE_RATE_HZ,
    )


class UncodedLane:
    """The original itself, 8 kHz and 16 bit: what each metric says where nothing was lost."""

    key, title, ours = "pcm", "8 kHz PCM, the original", False

    def missing(self) -> str | None:
        return None

    def version(self) -> str:
        return "uncoded"

    def run(self, samples: np.ndarray) -> Coded:
        bits = 16 * len(samples)
        return Coded(samples, bits, bits, len(samples) / SAMPLE_RATE_HZ)


def teachers(lane: Lane) -> frozenset[str]:
    """Return the names of the recognisers that a lane's training learnt from; none for what nobody trained."""
    from .ours import ModelLane

    return lane.taught_by() if isinstance(lane, ModelLane) else frozenset()


@dataclass(frozen=True)
class Candidate:
    """Models beside the shipped ones: a folder with any of the three .onnx files, and what to call it."""

    folder: Path
    label: str


def small_ones(candidates: Sequence[Candidate] | None = None) -> list[Candidate]:
    """The small variants in the folders of these, or that of the shipped models, where there is one."""
    from codec.models import SMALL, asset_path

    if candidates is None:
        candidates = [Candidate(asset_path("."), "Gossamer")]
    found = [Candidate(c.folder / SMALL, f"{c.label} {SMALL}") for c in candidates]
    return [c for c in found if c.folder.is_dir()]


def streaming_lanes(candidates: Sequence[Candidate] = ()) -> list[StreamingLane]:
    """Ours first, then the peers by rate."""
    from .amr import AmrLane
    from .codec2 import Codec2Lane
    from .opus import OpusLane
    from .ours import OurLane
    from .speex import SpeexLane

    ours = [OurLane("neural")]
    ours += [OurLane("neural", c.folder, c.label) for c in [*small_ones(), *candidates, *small_ones(candidates)]]
    ours.append(OurLane("classic"))
    codec2 = [Codec2Lane(mode) for mode in ("450", "700C", "1200", "1300", "1600", "2400", "3200")]
    return [*ours, *codec2, SpeexLane(0), SpeexLane(1), AmrLane(), OpusLane()]


def all_lanes(candidates: Sequence[Candidate] = ()) -> list[Lane]:
    """The streaming ones, our ceilings after ours, the original itself last."""
    from .ceilings import CEILINGS
    from .ours import MixedLane, OurLane

    lanes = streaming_lanes(candidates)
    ours: list[Lane] = [lane for lane in lanes if lane.ours]
    ours += [OurLane("classic", c.folder, c.label) for c in candidates]
    ceilings: list[Lane] = [ceiling() for ceiling in CEILINGS]
    for standard, small in ((None, small_ones()), *((c, small_ones([c])) for c in candidates)):
        for each in small:
            label, folder = (standard.label, standard.folder) if standard else ("Gossamer", None)
            ceilings += [MixedLane(f"{each.label} to {label}", each.folder, folder)]
            ceilings += [MixedLane(f"{label} to {each.label}", folder, each.folder)]
    for c in candidates:
        ceilings += [ceiling(c.folder, c.label) for ceiling in CEILINGS]
    return [*ours, *ceilings, *(lane for lane in lanes if not lane.ours), UncodedLane()]
