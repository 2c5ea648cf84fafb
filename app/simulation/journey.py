"""The journey of one recording over a link, in virtual time: the recording is one over, from its BEGIN to its END.

A frame whose header is hit by bit errors is lost; one whose speech is hit is played, flagged damaged. No I/O, no clock.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.codecs.reference import ReferenceCodec, Speech
from app.simulation.framing import framing_for
from app.simulation.one_way import OneWay
from app.simulation.timeline import SoundTimeline
from codec.format import PACKET_S, SAMPLE_RATE_HZ
from transport.impairment import ImpairedPath
from transport.planning.presets import Preset
from transport.playout.playout import PlayoutItem
from transport.protocol.floor import SILENCE_S

PATIENCE_S = 8.0
"""Time after the end of the recording at which the listener stops waiting for the rest, in seconds."""
MOMENT_S = 1e-6
"""Time that is longer than any rounding error, and shorter than any codec frame."""
HEARD, DAMAGED, LOST, WAITING = ".", "d", "x", "w"
"""Content of 320 ms at the listener: speech, speech with wrong bits, concealment, or nothing yet."""


@dataclass(frozen=True, slots=True)
class Journey:
    """The fate of a recording's codec frames on a link."""

    played: tuple[tuple[float, PlayoutItem], ...]
    """Items of the play-out, each with its time in seconds; frame i of an undisturbed over is played at i frames."""
    frame_s: float
    """Length of a codec frame, in seconds."""
    sent: int
    """Codec frames of the recording."""
    lost: int
    damaged: int
    unheard: int
    """Codec frames that were still on their way, or waited to be played, when the listener's patience ended."""
    delay_s: float
    """Delay from the mouth to the first sample heard, the time to gather a frame included; codec and devices add
    theirs."""
    needed_bps: float
    """Rate that the codec's frames take on this link, everything counted."""
    rate_bps: float | None
    """Rate of the link; None where it has no limit."""


def travel(codec: ReferenceCodec, frames: Sequence[bytes], preset: Preset) -> Journey:
    """Send the codec frames of a recording over a link. Raises CodecMissing."""
    frame_s = codec.frame_samples / SAMPLE_RATE_HZ
    path = ImpairedPath(preset.impairment, preset.overhead_bytes)
    framing = framing_for(codec, preset.k, preset.kind.piece_bytes)
    way = OneWay(framing, path, preset.overhead_bytes, frame_s, 0.0)
    for number, frame in enumerate(frames, 1):
        way.push(frame, number * frame_s)
    spoken_s = len(frames) * frame_s
    way.end(spoken_s)
    give_up_s = spoken_s + preset.k * PACKET_S + preset.impairment.delay_s + PATIENCE_S
    silent_s = way.last_arrival_s + SILENCE_S
    items = list(way.play_until(min(give_up_s, silent_s)))
    if silent_s < give_up_s:  # a station takes the talker for gone, had END not come
        way.abandon(silent_s)
        items += way.play_until(give_up_s)
    played = [(at_s, item) for at_s, item in items if item.index < len(frames)]
    origin_s = played[0][0] - played[0][1].index * frame_s if played else 0.0
    missing = len(frames) - sum(item.packet is not None for _, item in played)
    unheard = min(missing, round(way.unplayed_s / frame_s))
    return Journey(
        played=tuple((at_s - origin_s, item) for at_s, item in played),
        frame_s=frame_s,
        sent=len(frames),
        lost=missing - unheard,
        damaged=sum(item.damaged for _, item in played),
        unheard=unheard,
        delay_s=origin_s,
        needed_bps=8 * way.speech_bytes / spoken_s if frames else 0.0,
        rate_bps=preset.impairment.rate_bps,
    )


def heard_sound(journey: Journey, codec: ReferenceCodec) -> Speech:
    """Return the sound of the far end's loudspeaker, float32 [n], the codec's delay taken out.

    There is silence where nothing was played. Raises CodecMissing or CodecError.
    """
    decode, early = codec.open_decoder(), codec.delay_samples
    timeline = SoundTimeline()
    for at_s, item in journey.played:
        timeline.place(at_s, decode(item.packet), early)
    tail = np.zeros(early if journey.played else 0, np.float32)
    return np.concatenate([timeline.rest(), tail])


def strip(journey: Journey) -> str:
    """Return a letter for each 320 ms from the start of play on: HEARD, DAMAGED, LOST or WAITING."""
    ends_s = max([journey.sent * journey.frame_s, *(at_s + journey.frame_s for at_s, _ in journey.played[-1:])])
    slots = math.ceil(ends_s / PACKET_S - 0.5 - MOMENT_S)
    # In the middle of each, or just after it: codec frames may meet there.
    return "".join(_letter(journey, (slot + 0.5) * PACKET_S + MOMENT_S) for slot in range(slots))


def _letter(journey: Journey, at_s: float) -> str:
    """Return what is heard at this moment."""
    place = bisect_right(journey.played, at_s, key=lambda entry: entry[0]) - 1
    if place < 0:
        return LOST  # before the first frame that was heard, or nothing was heard at all
    start_s, item = journey.played[place]
    if at_s >= start_s + journey.frame_s:
        finished = place == len(journey.played) - 1 and not journey.unheard
        return LOST if finished else WAITING
    return LOST if item.packet is None else DAMAGED if item.damaged else HEARD
