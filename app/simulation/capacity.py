"""How many conversations fit on one link: real frames of real speech, one talker more at a time. No I/O, no clock.

All talk at once over the one link, first come, first served. A stream is broken when a frame of it comes later than a
station's play-out ever waits, because of those before it in the queue.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.codecs.lanes import ReferenceCodec
from app.simulation.framing import framing_for
from codec.format import PACKET_S, SAMPLE_RATE_HZ
from transport.errors import FrameError
from transport.impairment import ImpairedPath
from transport.planning.presets import Preset
from transport.playout.jitter import MAX_HOLD_S

Array = NDArray[np.float32]
TALK_S = 30.0
"""What every talker says."""
MOST = 64
"""Conversations that are tried."""


@dataclass(frozen=True, slots=True)
class CapacityTrial:
    """So many at once."""

    codec: ReferenceCodec
    streams: int
    worst_wait_s: float
    """Of the frame that had to wait longest for the others."""
    broken: int
    """Conversations with a frame that came too late."""
    frames: int
    read: int
    """Frames that arrived and could be read."""


@dataclass(frozen=True, slots=True)
class _Frame:
    at_s: float
    stream: int
    octets: bytes


def _units(codec: ReferenceCodec, speech: Array) -> list[bytes]:
    """TALK_S of speech, coded."""
    size = codec.frame_samples
    encode = codec.open_encoder()
    count = round(TALK_S * SAMPLE_RATE_HZ) // size
    said = np.resize(speech, count * size).astype(np.float32)
    return [encode(block) for block in said.reshape(count, size)]


def capacity_trials(codec: ReferenceCodec, speech: Array, preset: Preset) -> Iterator[CapacityTrial]:
    """One conversation, two, ... until one of them breaks or MOST fit; one alone where the link has no rate to share.
    Raises CodecMissing, CodecError."""
    units = _units(codec, speech)
    patience_s = max(MAX_HOLD_S, preset.k * PACKET_S)
    streams: list[list[_Frame]] = []
    for count in range(1, MOST + 1):
        streams.append(_stream(codec, units, preset, count))
        outcome = _together(codec, streams, preset, patience_s)
        yield outcome
        if outcome.broken or preset.impairment.rate_bps is None:
            return


def _stream(codec: ReferenceCodec, units: list[bytes], preset: Preset, number: int) -> list[_Frame]:
    """What one talker hands to the link: other words, at other times, than the others'."""
    draws = np.random.default_rng(number)
    turn = int(draws.integers(len(units)))
    framing = framing_for(codec, preset.k, preset.kind.piece_bytes, number % 256)
    unit_s = codec.frame_samples / SAMPLE_RATE_HZ
    now = float(draws.uniform(0, preset.k * PACKET_S))
    frames = [_Frame(now, number, sent.octets) for sent in framing.begin()]
    for unit in units[turn:] + units[:turn]:
        now += unit_s
        frames += [_Frame(now, number, sent.octets) for sent in framing.push(unit)]
    return frames


def _together(
    codec: ReferenceCodec, streams: Sequence[list[_Frame]], preset: Preset, patience_s: float
) -> CapacityTrial:
    path = ImpairedPath(preset.impairment, preset.overhead_bytes)
    far = {}
    worst_s, read, broken = 0.0, 0, set()
    everything = sorted((frame for stream in streams for frame in stream), key=lambda frame: frame.at_s)
    for frame in everything:
        wait_s = path.free_at_s(frame.at_s) - frame.at_s
        worst_s = max(worst_s, wait_s)
        if wait_s > patience_s:
            broken.add(frame.stream)
        if frame.stream not in far:
            far[frame.stream] = framing_for(codec, preset.k, preset.kind.piece_bytes, frame.stream % 256)
        for delivery in path.hand_over(frame.octets, frame.at_s):
            try:
                far[frame.stream].receive(delivery.octets, delivery.at_s)
            except FrameError:
                continue
            read += 1
    return CapacityTrial(codec, len(streams), worst_s, len(broken), len(everything), read)


def conversations_carried(last: CapacityTrial, preset: Preset) -> int | None:
    """Conversations that the link carries, after the last try: MOST means at least so many, None that nothing limits
    them."""
    if preset.impairment.rate_bps is None:
        return None
    return last.streams - 1 if last.broken else last.streams


def conversations_carried_words(last: CapacityTrial, preset: Preset) -> str:
    """The same for a table."""
    count = conversations_carried(last, preset)
    return "no limit" if count is None else f"{count}+" if count == MOST else str(count)
