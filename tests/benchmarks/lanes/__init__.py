"""Every way from samples to decoded samples that is compared; a file per codec.

To add one: write a codec with the members of `app.codecs.reference.ReferenceCodec`, and name a `CodecLane` around it in
`streaming_lanes`. What is no codec, such as a ceiling, has the members of `Lane` and is named in `all_lanes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from app.audio.sound_files import from_int16, to_int16
from app.codecs.reference import CodecMissing, Decode, Encode, ReferenceCodec
from app.codecs.round_trip import round_trip
from codec.format import SAMPLE_RATE_HZ

from ..errors import BenchmarkError


@dataclass(frozen=True)
class Coded:
    """The result of a lane for one clip."""

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
        """Return the lane's name in files and CSV: lower case, no spaces."""

    @property
    def title(self) -> str:
        """Return the lane's name in tables."""

    @property
    def ours(self) -> bool:
        """Return whether this is a lane with which the others are compared."""

    def missing(self) -> str | None:
        """Return what is not installed and the command that installs it, in one line; None when the lane can run."""

    def version(self) -> str:
        """Return library and version, or the models' digests; audio is decoded again when it changes."""

    def run(self, samples: np.ndarray) -> Coded:
        """Code and decode int16 [n] at 8 kHz from a fresh start."""


class StreamingLane(Lane, Protocol):
    """A lane that codes frame by frame, whose speed can be measured."""

    @property
    def frame_samples(self) -> int:
        """Samples of one frame at 8 kHz."""

    def open_encoder(self) -> Encode:
        """Return an encoder at the start of a transmission. Raises BenchmarkError."""

    def open_decoder(self) -> Decode:
        """Return a decoder at the start of a transmission; it loads no encoder where the two can be had apart."""


class CodecLane:
    """A lane of a codec that is not Gossamer's."""

    ours = False

    def __init__(self, codec: ReferenceCodec, flush_s: float, title: str = "") -> None:
        """Take the codec, and a title if it is to be another than the codec's.

        So many seconds of silence are coded after each clip and not counted: they push out what the codec still holds.
        """
        self._codec = codec
        self._flush_s = flush_s
        self.key, self.title, self.rate_bps = codec.key, title or codec.title, codec.rate_bps

    @property
    def frame_samples(self) -> int:
        """Samples of one frame at 8 kHz."""
        return self._codec.frame_samples

    def missing(self) -> str | None:
        """Return what is not installed and the command that installs it, in one line; None when the lane can run."""
        reason = self._codec.missing()
        return str(reason) if reason else None

    def version(self) -> str:
        """Return library and version."""
        return self._codec.version()

    def open_encoder(self) -> Encode:
        """Return an encoder at the start of a transmission. Raises BenchmarkError."""
        try:
            return self._codec.open_encoder()
        except CodecMissing as reason:
            raise BenchmarkError(str(reason)) from None

    def open_decoder(self) -> Decode:
        """Return a decoder at the start of a transmission. Raises BenchmarkError."""
        try:
            return self._codec.open_decoder()
        except CodecMissing as reason:
            raise BenchmarkError(str(reason)) from None

    def run(self, samples: np.ndarray) -> Coded:
        """Code and decode int16 [n] at 8 kHz from a fresh start. Raises BenchmarkError."""
        try:
            coded = round_trip(self._codec, from_int16(samples), self._flush_s)
        except CodecMissing as reason:
            raise BenchmarkError(str(reason)) from None
        return Coded(to_int16(coded.decoded), coded.bits, 8 * sum(map(len, coded.frames)), coded.seconds)


class UncodedLane:
    """The lane of the original itself, 8 kHz and 16 bit: the score of each metric where nothing was lost."""

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
    """Models other than the shipped ones: a folder with any of the three .onnx files, and their label."""

    folder: Path
    label: str


def small_ones(candidates: Sequence[Candidate] | None = None) -> list[Candidate]:
    """Return the small variants in the folders of these, or that of the shipped models, where there is one."""
    from codec.models import SMALL, asset_path

    if candidates is None:
        candidates = [Candidate(asset_path("."), "Gossamer")]
    found = [Candidate(c.folder / SMALL, f"{c.label} {SMALL}") for c in candidates]
    return [c for c in found if c.folder.is_dir()]


def streaming_lanes(candidates: Sequence[Candidate] = ()) -> list[StreamingLane]:
    """Return the lanes that code frame by frame: ours first, then the peers by rate."""
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
    """Return all lanes: the streaming ones, our ceilings after ours, the original itself last."""
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
