"""The capacity of a link: the load, the delay and the airtime for every k, and which k to take. No I/O, no clock.

Everything is counted: VOICE with header and checks or tag, BEGIN at its repetition, framing, addresses, bit stuffing,
the UARTs on both sides, and for every VOICE frame one keying of the transmitter (BEGIN goes along with it).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from transport.address import Address
from transport.playout.jitter import MAX_HOLD_S, MIN_HOLD_S
from transport.protocol.frames import MAX_K, PACKET_BYTES, PACKET_S, TAG_BYTES_RADIO, Repeat
from transport.protocol.open_frames import CHECK_BYTES, HEADER_BYTES
from transport.protocol.over import BEGIN_EVERY_S, voice_frames_per_cycle
from transport.protocol.payloads import BEGIN_BYTES
from transport.radio.airtime import Stage, Way
from transport.radio.radios import QUICK_KEYING, QUICK_KEYING_OPTIONS, RADIOS, Radio

MAX_SHARE = 0.95
"""Largest share of time that the slowest stretch may be busy.

The rest is for END, receipts, messages and clocks that differ.
"""
NAME_BYTES = 8
"""Bytes of names that are assumed where they are not known: a talker's of eight letters, and no addressee."""
CODEC_S = 0.03
"""Declared delay of the codec, in seconds."""
DECODING_S = 0.06
"""Time that decoding takes, in seconds."""
SOUND_DEVICE_S = 0.1
"""Delay of each of the two sound devices, in seconds."""
OTHER_CODEC_BPS = 6000
"""Bit rate that the margin is measured against: Opus at the lowest rate that is any use for speech."""


@dataclass(frozen=True, slots=True)
class LinkModel:
    """A link as planning sees it, before it is opened."""

    way: Way
    tag_bytes: int
    """Length of the tag of a sealed frame."""
    latency_s: float = 0.0
    """Delay that the link adds to every frame, in seconds."""
    jitter_s: float = 0.0
    duty: float | None = None
    """Share of time, 0..1, that the radio may be on air; None: no limit."""
    max_frame_bytes: int | None = None
    """Longest frame that the radio sends at once; None: any."""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """The plan for one k: load, delay and airtime."""

    k: int
    share: float
    """Share of time that the slowest stretch is busy while somebody talks; above 1 it falls behind."""
    wire_bps: float
    """Bits on the wire a second of speech, everything counted but stuffing and keying."""
    frame_s: float
    """Time on air of one VOICE frame, keying included, in seconds."""
    on_air: float
    """Seconds of transmission for a second of speech."""
    mouth_to_ear_s: float
    speech_min_an_hour: float | None
    """Minutes of speech an hour under the duty-cycle limit; None: no limit."""
    margin_db: float
    """Margin over speech at 6 kbit/s in frames as long, at the same power: 10 log10 of the ratio of the wire rates."""
    fits: bool
    """True if the link carries it."""
    too_long: bool
    """True if the frame is longer than what the radio sends at once."""


def link_model(address: Address[Any]) -> LinkModel:
    """Return what an address says about its link."""
    radio, impairment = address.radio, address.impairment
    way = address.kind.way(address.settings, radio, impairment.rate_bps if impairment is not None else None)
    return LinkModel(
        way,
        address.kind.tag_bytes,
        latency_s=(radio.latency_s if radio is not None else 0.0) + (impairment.delay_s if impairment else 0.0),
        jitter_s=impairment.jitter_s if impairment is not None else 0.0,
        duty=radio.duty if radio is not None else None,
        max_frame_bytes=radio.max_frame_bytes if radio is not None else None,
    )


def voice_bytes(k: int, link: LinkModel, *, sealed: bool = False, repeat: Repeat = Repeat.NONE) -> int:
    """Return the length of a VOICE frame of k packets: 8 bytes more than what it carries, or 12 sealed on IP."""
    return HEADER_BYTES + k * PACKET_BYTES + repeat.repeated_bytes(k) + (link.tag_bytes if sealed else CHECK_BYTES)


def begin_bytes(link: LinkModel, *, sealed: bool = False, name_bytes: int = NAME_BYTES) -> int:
    """Return the length of a BEGIN frame without a speaker profile."""
    return HEADER_BYTES + BEGIN_BYTES + name_bytes + (link.tag_bytes if sealed else CHECK_BYTES)


def budget(
    link: LinkModel,
    k: int,
    *,
    sealed: bool = False,
    repeat: Repeat = Repeat.NONE,
    name_bytes: int = NAME_BYTES,
    duty: float | None = None,
) -> PlanRow:
    """Return what k packets a frame make of a link.

    `name_bytes` counts the talker's name and the addressee's. `duty`, 0..1, goes before the link's own limit.
    """
    way, keying = link.way, link.way.keying
    voice = voice_bytes(k, link, sealed=sealed, repeat=repeat)
    begin = begin_bytes(link, sealed=sealed, name_bytes=name_bytes)
    frames, frame_s = voice_frames_per_cycle(k), k * PACKET_S
    cycle_s = frames * frame_s
    keyed_s = keying.access_s + keying.on_air_s

    def busy_s(stage: Stage) -> float:
        keyings_s = frames * keyed_s if stage is way.air else 0.0
        return frames * stage.time_s(voice) + stage.time_s(begin) + keyings_s

    air_s = way.air.time_s(voice) + keying.on_air_s
    on_air = (frames * air_s + way.air.time_s(begin)) / cycle_s
    # A frame behind a BEGIN may find the line still busy.
    behind_s = max(
        stage.time_s(voice) + stage.time_s(begin) + (keyed_s if stage is way.air else 0.0) for stage in way.stages
    )
    jitter_s = max(0.0, behind_s - frame_s) + link.jitter_s + keying.jitter_s
    hold_s = min(max(jitter_s, MIN_HOLD_S), max(MAX_HOLD_S, frame_s)) + frame_s * (repeat is not Repeat.NONE)
    way_s = sum(stage.time_s(voice) for stage in way.stages) + keying.access_s + keying.tx_delay_s
    limit = duty if duty is not None else link.duty
    too_long = link.max_frame_bytes is not None and voice > link.max_frame_bytes
    share = max(busy_s(stage) for stage in way.stages) / cycle_s
    wire_bps = 8 * (frames * way.air.octets(voice) + way.air.octets(begin)) / cycle_s
    other_bps = _other_codec_bps(link, voice - k * PACKET_BYTES - repeat.repeated_bytes(k), begin, frame_s)
    return PlanRow(
        k,
        share,
        wire_bps,
        air_s,
        on_air,
        frame_s + way_s + link.latency_s + hold_s + CODEC_S + DECODING_S + 2 * SOUND_DEVICE_S,
        None if limit is None else min(60.0, 60 * limit / on_air) if on_air else 60.0,
        10 * math.log10(other_bps / wire_bps),
        share <= MAX_SHARE and not too_long,
        too_long,
    )


def _other_codec_bps(link: LinkModel, overhead_bytes: int, begin: int, frame_s: float) -> float:
    """Return the other codec's wire rate in frames as long, split where the radio cannot send so much at once."""
    air = link.way.air
    frames_s = frame_s * math.ceil(BEGIN_EVERY_S / frame_s)
    speech_bytes = OTHER_CODEC_BPS * frame_s / 8
    room = math.inf if link.max_frame_bytes is None else link.max_frame_bytes - overhead_bytes
    pieces = max(1, math.ceil(speech_bytes / room))
    a_frame = pieces * air.octets(round(speech_bytes / pieces) + overhead_bytes)
    return 8 * (a_frame / frame_s + air.octets(begin) / frames_s)


def plan(
    address: Address[Any], *, sealed: bool = False, name_bytes: int = NAME_BYTES, duty: float | None = None
) -> list[PlanRow]:
    """Return a row for every k."""
    link = link_model(address)
    return [
        budget(link, k, sealed=sealed, repeat=address.repeat, name_bytes=name_bytes, duty=duty)
        for k in range(1, MAX_K + 1)
    ]


def chosen(rows: list[PlanRow]) -> PlanRow | None:
    """Return the row with the least delay of those that the link carries, or None where it carries none."""
    return min((row for row in rows if row.fits), key=lambda row: row.mouth_to_ear_s, default=None)


def choose_k(address: Address[Any], *, sealed: bool = False, name_bytes: int = NAME_BYTES) -> int:
    """Return the packets a frame for this link: what the address says, else what the plan says.

    On a link too slow for speech, where overs are gathered and then played, it is the most, which costs least.
    """
    if address.k is not None:
        return address.k
    rows = plan(address, sealed=sealed, name_bytes=name_bytes)
    row = chosen(rows) or max((row for row in rows if not row.too_long), key=lambda row: row.k)
    return row.k


def planned_share(address: Address[Any], k: int, *, sealed: bool = False, name_bytes: int = NAME_BYTES) -> float:
    """Return how busy k packets a frame make this link while somebody talks; 0 where its rate is not known.

    Above 1, an over lasts so many times as long on the link, and is played after its end.
    """
    return plan(address, sealed=sealed, name_bytes=name_bytes)[k - 1].share


def _faster_relative(radio: Radio) -> str:
    """Return the name of the slowest setting of the same kind of radio that carries speech; "" where there is none."""
    shares = {}
    for other in RADIOS.values():
        if not radio.family or other.family != radio.family:
            continue
        link = LinkModel(Way((other.air,), other.air), TAG_BYTES_RADIO)
        row = chosen([budget(link, k) for k in range(1, MAX_K + 1)])
        if row is not None and other is not radio:
            shares[other.name] = row.share
    return max(shares, key=lambda name: shares[name], default="")


_MORE_VOICE = {Repeat.PACKETS: "doubles", Repeat.COPIES: "adds a quarter to"}


def what_would(address: Address[Any], rows: list[PlanRow]) -> list[str]:
    """Return in words what would carry speech where this link does not, the nearest first."""
    link = link_model(address)
    keying = link.way.keying
    best = min((row for row in rows if not row.too_long), key=lambda row: row.share)
    ways = []
    if keying.on_air_s + keying.access_s > QUICK_KEYING.on_air_s + QUICK_KEYING.access_s:
        quick = dataclasses.replace(link, way=dataclasses.replace(link.way, keying=QUICK_KEYING))
        row = chosen([budget(quick, k, repeat=address.repeat) for k in range(1, MAX_K + 1)])
        if row is not None:
            ways.append(
                f"{QUICK_KEYING_OPTIONS} in the address, if the transceiver keys so quickly and the channel is yours "
                f"(k={row.k}, {row.share:.0%})"
            )
    if address.radio is not None and (faster := _faster_relative(address.radio)):
        ways.append(f"radio={faster}")
    if address.repeat is Repeat.PACKETS and chosen(plan(dataclasses.replace(address, repeat=Repeat.COPIES))):
        ways.append("repeat=coarse in place of repeat=1, a quarter more voice in place of twice as much")
    if address.repeat is not Repeat.NONE:
        ways.append(f"leaving out repeat={address.repeat.word}, which {_MORE_VOICE[address.repeat]} the voice")
    ways.append(f"a link {math.ceil(10 * best.share / MAX_SHARE) / 10:.2g} times as fast")
    ways.append(
        f"patience: with k={best.k} an over is gathered and then played, one of 10 s {10 * best.share:.0f} s after it "
        "began"
    )
    return ways
