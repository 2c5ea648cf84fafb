"""What a link makes of a clip, in virtual time: frames into the impairment layer, packets out of the real play-out.

Every codec travels alike, so that only its bits differ: its packets stand for 320 ms, k of them go into a frame with
Gossamer's open-channel header and checks, BEGIN comes as often, and the play-out is the one of a station. A frame whose
header is hit is lost; one whose voice is hit is played, flagged damaged. No I/O, no clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codec.format import PACKET_S, PACKET_SAMPLES, SAMPLE_RATE_HZ
from transport.impairment import ImpairedPath
from transport.planning.presets import Preset
from transport.playout.playout import Playout, PlayoutItem
from transport.protocol import payloads
from transport.protocol.open_frames import CHECK_BYTES, HEADER_BYTES, OVERHEAD_BYTES
from transport.protocol.over import voice_frames_per_cycle

Array = NDArray[np.float32]
DecodePacket = Callable[[bytes | None], Array]
"""The bytes of 320 ms, or None where they were lost -> float32 [2560], with the state of all before."""

BEGIN_BYTES = OVERHEAD_BYTES + payloads.BEGIN_BYTES + 8
"""A BEGIN with a name of eight letters."""
CHECKED_BYTES = HEADER_BYTES + CHECK_BYTES // 2
"""What a frame begins with: it must arrive whole."""
PATIENCE_S = 8.0
"""Of a listener: what is not heard so long after the clip would have ended is not waited for."""
HEARD, DAMAGED, LOST, WAITING = ".", "d", "x", "w"
"""What is heard in 320 ms: a packet, a damaged one, concealment, or nothing yet."""


@dataclass(frozen=True, slots=True)
class Journey:
    """What became of a clip's packets."""

    played: tuple[tuple[float, PlayoutItem], ...]
    """With the second at which each is played, counted so that packet i of an undisturbed over is played at 0.32 i."""
    sent: int
    lost: int
    damaged: int
    unheard: int
    """Not played within the listener's patience."""
    delay_s: float
    """From the mouth to the first sample heard, without codec and devices; the first packet's own 320 ms included."""
    needed_bps: float
    """What the codec's frames take on this link, everything counted."""
    rate_bps: float | None
    """What the link has; None: no limit."""


def travel(packets: Sequence[bytes], preset: Preset) -> Journey:
    """packets: each the bytes of 320 ms, any number of them."""
    path = ImpairedPath(preset.impairment, preset.overhead_bytes)
    arrivals, wire_bytes = _send(packets, path, preset)
    playout = Playout()
    playout.begin(preset.k)
    spoken_s = len(packets) * PACKET_S
    queue = sorted(arrivals, key=lambda arrival: arrival[0])
    played: list[tuple[float, PlayoutItem]] = []
    give_up_s = spoken_s + preset.k * PACKET_S + preset.impairment.delay_s + PATIENCE_S
    now = 0.0
    while (queue or playout.active) and now <= give_up_s:
        deadline_s = playout.next_deadline_s()
        arrival_s = queue[0][0] if queue else math.inf
        if deadline_s is not None and deadline_s < arrival_s:
            now = deadline_s
            item = playout.take(now)
            assert item is not None
            played.append((now, item))
        elif queue:
            now, content = queue.pop(0)
            for index, packet, damaged in content:
                playout.push(index, packet, damaged, now)
            if not content:
                playout.end(len(packets), now)
        else:
            playout.end(len(packets), now)
            if playout.next_deadline_s() is None:
                break
    played = [entry for entry in played if entry[0] <= give_up_s]
    origin_s = played[0][0] - played[0][1].index * PACKET_S if played else 0.0
    heard = {item.index for _, item in played if item.packet is not None}
    unheard = playout.waiting_s > 0 or bool(queue)
    missing = len(packets) - len(heard)
    waiting = min(missing, sum(1 for _, content in queue for _ in content) + round(playout.waiting_s / PACKET_S))
    return Journey(
        played=tuple((at_s - origin_s, item) for at_s, item in played),
        sent=len(packets),
        lost=missing - (waiting if unheard else 0),
        damaged=sum(item.damaged for _, item in played),
        unheard=waiting if unheard else 0,
        delay_s=origin_s,
        needed_bps=8 * wire_bytes / spoken_s if packets else 0.0,
        rate_bps=preset.impairment.rate_bps,
    )


Content = list[tuple[int, bytes, bool]]
"""Packets of a frame that arrived: index, bytes, damaged. An empty list: END."""


def _send(packets: Sequence[bytes], path: ImpairedPath, preset: Preset) -> tuple[list[tuple[float, Content]], int]:
    """Everything that arrives, with its time, and the bytes that went over the wire."""
    k = preset.k
    begin, end = bytes(BEGIN_BYTES), bytes(OVERHEAD_BYTES + 2)
    path.hand_over(begin, 0.0)
    wire_bytes = 0
    arrivals: list[tuple[float, Content]] = []
    frames = [packets[first : first + k] for first in range(0, len(packets), k)]
    now = 0.0
    for number, own in enumerate(frames):
        now += len(own) * PACKET_S
        frame = bytes(CHECKED_BYTES) + b"".join(own) + bytes(OVERHEAD_BYTES - CHECKED_BYTES)
        wire_bytes += len(frame) + preset.overhead_bytes
        for delivery in path.hand_over(frame, now):
            content = _received(frame, delivery.octets, own, number * k)
            if content:
                arrivals.append((delivery.at_s, content))
        if (number + 1) % voice_frames_per_cycle(k) == 0:
            path.hand_over(begin, now)
            wire_bytes += len(begin) + preset.overhead_bytes
    for _ in range(2):
        arrivals += [(delivery.at_s, []) for delivery in path.hand_over(end, now) if delivery.octets == end]
    return arrivals, wire_bytes


def _received(sent: bytes, arrived: bytes, packets: Sequence[bytes], first: int) -> Content:
    """What the far end reads of a frame: nothing where its header was hit."""
    if arrived[:CHECKED_BYTES] != sent[:CHECKED_BYTES]:
        return []
    damaged, at, content = arrived != sent, CHECKED_BYTES, []
    for index, packet in enumerate(packets, first):
        content.append((index, arrived[at : at + len(packet)], damaged))
        at += len(packet)
    return content


def heard_sound(journey: Journey, decode: DecodePacket, delay_samples: int) -> Array:
    """The far end's loudspeaker: float32 [n], silence where nothing was played. The codec's delay is taken out."""
    if not journey.played:
        return np.zeros(0, np.float32)
    starts = [round(at_s * SAMPLE_RATE_HZ) - delay_samples for at_s, _ in journey.played]
    sound = np.zeros(starts[-1] + PACKET_SAMPLES + delay_samples, np.float32)
    for start, (_, item) in zip(starts, journey.played, strict=True):
        samples = decode(item.packet)
        skipped = max(0, -start)
        sound[start + skipped : start + PACKET_SAMPLES] = samples[skipped:]
    return sound


def strip(journey: Journey) -> str:
    """A letter for each 320 ms from the start of play on: HEARD, DAMAGED, LOST or WAITING."""
    if not journey.played:
        return LOST * journey.sent
    slots = [WAITING] * max(journey.sent, 1 + max(round(at_s / PACKET_S) for at_s, _ in journey.played))
    for at_s, item in journey.played:
        slots[round(at_s / PACKET_S)] = LOST if item.packet is None else DAMAGED if item.damaged else HEARD
    first = round(journey.played[0][0] / PACKET_S)
    slots[:first] = LOST * first
    if not journey.unheard:
        slots = [
            LOST if slot == WAITING and place >= round(journey.played[-1][0] / PACKET_S) else slot
            for place, slot in enumerate(slots)
        ]
    return "".join(slots)
