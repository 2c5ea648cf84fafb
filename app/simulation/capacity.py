"""The capacity of one link in conversations: real frames of real speech, one talker more at a time. No I/O, no clock.

All talk at once over the one link, first come, first served. A conversation breaks when one of its frames comes later
than a station's play-out ever waits, because of the frames before it in the queue.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from app.codecs.reference import ReferenceCodec, Speech
from app.simulation.framing import framing_for
from codec.format import PACKET_S, SAMPLE_RATE_HZ
from transport.impairment import ImpairedPath
from transport.planning.presets import Preset
from transport.playout.jitter import MAX_HOLD_S

TALK_S = 30.0
"""Seconds that every talker speaks."""
MOST = 64
"""Greatest number of conversations that is tried."""


@dataclass(frozen=True, slots=True)
class CapacityTrial:
    """The result of a number of conversations at once."""

    codec: ReferenceCodec
    streams: int
    """Number of conversations."""
    worst_wait_s: float
    """Wait of the frame that had to wait longest for the others, in seconds."""
    broken: int
    """Conversations with a frame that came too late."""


@dataclass(frozen=True, slots=True)
class _Frame:
    at_s: float
    stream: int
    octets: bytes


def capacity_trials(codec: ReferenceCodec, speech: Speech, preset: Preset) -> Iterator[CapacityTrial]:
    """Try one conversation, two, ... until one of them breaks or MOST fit. Raises CodecMissing or CodecError.

    Where the link has no rate to share, one is all that is tried.
    """
    coded = _coded(codec, speech)
    patience_s = max(MAX_HOLD_S, preset.k * PACKET_S)
    streams: list[list[_Frame]] = []
    for count in range(1, MOST + 1):
        streams.append(_stream(codec, coded, preset, count))
        trial = _together(codec, streams, preset, patience_s)
        yield trial
        if trial.broken or preset.impairment.rate_bps is None:
            return


def _coded(codec: ReferenceCodec, speech: Speech) -> list[bytes]:
    """Return the codec frames of TALK_S of the speech."""
    size = codec.frame_samples
    encode = codec.open_encoder()
    count = round(TALK_S * SAMPLE_RATE_HZ) // size
    said = np.resize(speech, count * size).astype(np.float32)
    return [encode(block) for block in said.reshape(count, size)]


def _stream(codec: ReferenceCodec, coded: list[bytes], preset: Preset, number: int) -> list[_Frame]:
    """Return what one talker hands to the link: other words, at other times, than the others'."""
    draws = np.random.default_rng(number)
    turn = int(draws.integers(len(coded)))
    framing = framing_for(codec, preset.k, preset.kind.piece_bytes, number % 256)
    frame_s = codec.frame_samples / SAMPLE_RATE_HZ
    now = float(draws.uniform(0, preset.k * PACKET_S))
    frames = [_Frame(now, number, frame.octets) for frame in framing.begin()]
    for content in coded[turn:] + coded[:turn]:
        now += frame_s
        frames += [_Frame(now, number, frame.octets) for frame in framing.push(content)]
    return frames


def _together(
    codec: ReferenceCodec, streams: Sequence[list[_Frame]], preset: Preset, patience_s: float
) -> CapacityTrial:
    path = ImpairedPath(preset.impairment, preset.overhead_bytes)
    worst_s, broken = 0.0, set()
    everything = sorted((frame for stream in streams for frame in stream), key=lambda frame: frame.at_s)
    for frame in everything:
        wait_s = path.free_at_s(frame.at_s) - frame.at_s
        worst_s = max(worst_s, wait_s)
        if wait_s > patience_s:
            broken.add(frame.stream)
        path.hand_over(frame.octets, frame.at_s)
    return CapacityTrial(codec, len(streams), worst_s, len(broken))


def conversations_carried(last: CapacityTrial, preset: Preset) -> int | None:
    """Return how many conversations the link carries, after the last trial.

    MOST means at least so many; None means that nothing limits them.
    """
    if preset.impairment.rate_bps is None:
        return None
    return last.streams - 1 if last.broken else last.streams


def conversations_carried_words(last: CapacityTrial, preset: Preset) -> str:
    """Return `conversations_carried` for a table: "4", "64+" or "no limit"."""
    count = conversations_carried(last, preset)
    return "no limit" if count is None else f"{count}+" if count == MOST else str(count)
