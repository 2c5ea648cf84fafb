"""What a link can carry: for every k its share, the delay, the airtime; and which k to take. No I/O, no clock.

Everything is counted: VOICE with header and checks or tag, BEGIN at its repetition, framing, addresses, bit stuffing,
the UARTs on both sides, and for every VOICE frame one keying of the transmitter (BEGIN goes along with it).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from transport.address import Address
from transport.framing.ax25 import AIR_BYTES
from transport.playout.jitter import MAX_HOLD_S, MIN_HOLD_S
from transport.protocol.frames import MAX_K, PACKET_BYTES, PACKET_S
from transport.protocol.open_frames import CHECK_BYTES, HEADER_BYTES
from transport.protocol.over import BEGIN_EVERY_S, voice_frames_per_cycle
from transport.radio.airtime import NO_KEYING, UART_BITS, Bits, Cobs, Keying, KissUart, Stage
from transport.radio.radios import RADIOS, UNKNOWN_TNC, Radio

MAX_SHARE = 0.95
"""Of the time that the slowest stretch may be busy: the rest is for END, receipts, messages and clocks that differ."""
NAME_BYTES = 8
"""A station's name, where it is not known."""
BEGIN_BYTES = HEADER_BYTES + 12 + 5
"""Nonce, time, codec, k, two lengths: without names, checks or tag."""
CODEC_S = 0.03
"""The codec's declared delay."""
DECODING_S = 0.06
SOUND_DEVICE_S = 0.1
"""Each of the two."""
TAG_BYTES_RADIO, TAG_BYTES_IP = 4, 8
OTHER_CODEC_BPS = 6000
"""Opus at its lowest rate that is any use for speech: what the margin is measured against."""
QUICK_KEYING = Keying(0.1, 0.02, 0.01, 255)
"""What a TNC can be told where only Gossamer uses the channel and the transceiver keys quickly."""
QUICK_SETTINGS = "txdelay=100&txtail=20&slottime=10&persist=255"


@dataclass(frozen=True, slots=True)
class Carrier:
    """What is known of a link before it is opened."""

    stages: tuple[Stage, ...]
    """In the order in which a frame passes them."""
    air: Stage
    """One of them: the one whose bits cost power, and which is keyed."""
    tag_bytes: int
    """Of a sealed frame."""
    keying: Keying = NO_KEYING
    latency_s: float = 0.0
    jitter_s: float = 0.0
    duty: float | None = None
    max_frame_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One k."""

    k: int
    share: float
    """Of the time in which the slowest stretch of the way is busy while somebody talks; above 1 it falls behind."""
    wire_bps: float
    """Bits that everything together puts on the wire, over the duration of the speech; no stuffing, no keying."""
    frame_s: float
    """On air: one VOICE frame, keying included."""
    on_air: float
    """Seconds of transmission for a second of speech."""
    mouth_to_ear_s: float
    speech_min_an_hour: float | None
    """Under the duty-cycle limit; None: no limit."""
    margin_db: float
    """Over speech at 6 kbit/s in frames as long, at the same power: 10 log10 of the ratio of the wire rates."""
    fits: bool
    too_long: bool
    """The frame is longer than what the radio sends at once."""


def carrier_of(address: Address) -> Carrier:
    """What an address says about its link."""
    radio, impairment = address.radio, address.impairment
    rate_bps = impairment.rate_bps if impairment is not None else None
    latency_s = radio.latency_s if radio is not None else 0.0
    jitter_s = 0.0
    if impairment is not None:
        latency_s += impairment.delay_s
        jitter_s += impairment.jitter_s
    tag_bytes = TAG_BYTES_RADIO if address.scheme in ("serial", "kiss") else TAG_BYTES_IP
    air: Stage
    stages: tuple[Stage, ...]
    added_bytes = 0
    keying = NO_KEYING
    match address.scheme:
        case "serial":
            uart: Stage = Cobs(address.baud, UART_BITS)
            air = radio.air if radio is not None else uart
            stages = (uart, air, uart) if radio is not None else (uart,)
            added_bytes = 3
        case "kiss":
            air = radio.air if radio is not None else UNKNOWN_TNC
            cable = KissUart(address.baud) if address.device else None
            stages = (cable, air, cable) if cable is not None else (air,)
            added_bytes = AIR_BYTES
            if radio is None or radio.keyed:
                keying = _keying(address)
        case _:
            ip_bytes = 0 if address.scheme == "parrot" else 48 if ":" in address.host else 28
            air = Bits(rate_bps or math.inf, ip_bytes)
            stages, rate_bps = (air,), None
    if rate_bps is not None:
        stages += (Bits(rate_bps, added_bytes),)
    return Carrier(
        stages,
        air,
        tag_bytes,
        keying,
        latency_s,
        jitter_s,
        radio.duty if radio is not None else None,
        radio.max_frame_bytes if radio is not None else None,
    )


def _keying(address: Address) -> Keying:
    """The TNC's own, as far as the address does not set it."""
    told = {name: getattr(address.tnc, name) for name in ("tx_delay_s", "tx_tail_s", "slot_s", "persistence")}
    return dataclasses.replace(Keying(), **{name: value for name, value in told.items() if value is not None})


def voice_bytes(k: int, carrier: Carrier, *, sealed: bool = False, repeat: bool = False) -> int:
    """A VOICE frame of k packets: 8 bytes more than these, or 12 sealed on IP."""
    return HEADER_BYTES + k * PACKET_BYTES * (1 + repeat) + (carrier.tag_bytes if sealed else CHECK_BYTES)


def begin_bytes(carrier: Carrier, *, sealed: bool = False, name_bytes: int = NAME_BYTES) -> int:
    """BEGIN without a speaker profile."""
    return BEGIN_BYTES + name_bytes + (carrier.tag_bytes if sealed else CHECK_BYTES)


def bare_share(k: int, stage: Stage, overhead_bytes: int = HEADER_BYTES + CHECK_BYTES) -> float:
    """Of the time: VOICE frames alone, without BEGIN and keying. The figures to quote, not those to plan with."""
    return stage.time_s(k * PACKET_BYTES + overhead_bytes) / (k * PACKET_S)


def budget(
    carrier: Carrier,
    k: int,
    *,
    sealed: bool = False,
    repeat: bool = False,
    name_bytes: int = NAME_BYTES,
    duty: float | None = None,
) -> Row:
    """One row. `name_bytes`: the talker's name and the addressee's. `duty`: 0..1, instead of the carrier's."""
    voice = voice_bytes(k, carrier, sealed=sealed, repeat=repeat)
    begin = begin_bytes(carrier, sealed=sealed, name_bytes=name_bytes)
    frames, frame_s = voice_frames_per_cycle(k), k * PACKET_S
    cycle_s = frames * frame_s
    keyed_s = carrier.keying.access_s + carrier.keying.on_air_s

    def busy_s(stage: Stage) -> float:
        keyings_s = frames * keyed_s if stage is carrier.air else 0.0
        return frames * stage.time_s(voice) + stage.time_s(begin) + keyings_s

    air_s = carrier.air.time_s(voice) + carrier.keying.on_air_s
    on_air = (frames * air_s + carrier.air.time_s(begin)) / cycle_s
    # A frame behind a BEGIN may find the line still busy.
    behind_s = max(
        stage.time_s(voice) + stage.time_s(begin) + (keyed_s if stage is carrier.air else 0.0)
        for stage in carrier.stages
    )
    jitter_s = max(0.0, behind_s - frame_s) + carrier.jitter_s + carrier.keying.jitter_s
    hold_s = min(max(jitter_s, MIN_HOLD_S), max(MAX_HOLD_S, frame_s)) + frame_s * repeat
    way_s = sum(stage.time_s(voice) for stage in carrier.stages) + carrier.keying.access_s + carrier.keying.tx_delay_s
    limit = duty if duty is not None else carrier.duty
    too_long = carrier.max_frame_bytes is not None and voice > carrier.max_frame_bytes
    share = max(busy_s(stage) for stage in carrier.stages) / cycle_s
    wire_bps = 8 * (frames * carrier.air.octets(voice) + carrier.air.octets(begin)) / cycle_s
    return Row(
        k,
        share,
        wire_bps,
        air_s,
        on_air,
        frame_s + way_s + carrier.latency_s + hold_s + CODEC_S + DECODING_S + 2 * SOUND_DEVICE_S,
        None if limit is None else min(60.0, 60 * limit / on_air) if on_air else 60.0,
        10 * math.log10(_other_codec_bps(carrier, voice - k * PACKET_BYTES * (1 + repeat), begin, frame_s) / wire_bps),
        share <= MAX_SHARE and not too_long,
        too_long,
    )


def _other_codec_bps(carrier: Carrier, overhead_bytes: int, begin: int, frame_s: float) -> float:
    """Its wire rate in frames as long as ours, split where the radio cannot send so much at once."""
    frames_s = frame_s * math.ceil(BEGIN_EVERY_S / frame_s)
    speech_bytes = OTHER_CODEC_BPS * frame_s / 8
    room = math.inf if carrier.max_frame_bytes is None else carrier.max_frame_bytes - overhead_bytes
    pieces = max(1, math.ceil(speech_bytes / room))
    a_frame = pieces * carrier.air.octets(round(speech_bytes / pieces) + overhead_bytes)
    return 8 * (a_frame / frame_s + carrier.air.octets(begin) / frames_s)


def plan(
    address: Address, *, sealed: bool = False, name_bytes: int = NAME_BYTES, duty: float | None = None
) -> list[Row]:
    """A row for every k."""
    carrier = carrier_of(address)
    return [
        budget(carrier, k, sealed=sealed, repeat=address.repeat, name_bytes=name_bytes, duty=duty)
        for k in range(1, MAX_K + 1)
    ]


def chosen(rows: list[Row]) -> Row | None:
    """The one with the least delay of those that the link carries; None: it carries none."""
    return min((row for row in rows if row.fits), key=lambda row: row.mouth_to_ear_s, default=None)


def choose_k(address: Address, *, sealed: bool = False, name_bytes: int = NAME_BYTES) -> int:
    """Packets a frame for this link: what the address says, else what the plan says, else (a link too slow for speech,
    on which overs are gathered and then played) the most, which costs least."""
    if address.k is not None:
        return address.k
    rows = plan(address, sealed=sealed, name_bytes=name_bytes)
    row = chosen(rows) or max((row for row in rows if not row.too_long), key=lambda row: row.k)
    return row.k


def planned_share(address: Address, k: int, *, sealed: bool = False, name_bytes: int = NAME_BYTES) -> float:
    """How busy k packets a frame make this link while somebody talks; above 1, an over lasts so many times as long on
    the link, and is played after its end. 0 where the link's rate is not known."""
    return plan(address, sealed=sealed, name_bytes=name_bytes)[k - 1].share


def _relative(radio: Radio) -> str:
    """The slowest setting of the same kind of radio that carries speech; empty: there is none."""
    family = [other for name, other in RADIOS.items() if name.split("-")[0] == radio.name.split("-")[0]]
    shares = {}
    for other in family:
        row = chosen([budget(Carrier((other.air,), other.air, TAG_BYTES_RADIO), k) for k in range(1, MAX_K + 1)])
        if row is not None and other is not radio:
            shares[other.name] = row.share
    return max(shares, key=lambda name: shares[name], default="")


def what_would(address: Address, rows: list[Row]) -> list[str]:
    """For a link that carries no speech: what would, in words, the nearest first."""
    carrier = carrier_of(address)
    best = min((row for row in rows if not row.too_long), key=lambda row: row.share)
    ways = []
    if carrier.keying.on_air_s + carrier.keying.access_s > QUICK_KEYING.on_air_s + QUICK_KEYING.access_s:
        quick = dataclasses.replace(carrier, keying=QUICK_KEYING)
        row = chosen([budget(quick, k, repeat=address.repeat) for k in range(1, MAX_K + 1)])
        if row is not None:
            ways.append(
                f"{QUICK_SETTINGS} in the address, if the transceiver keys so quickly and the channel is yours "
                f"(k={row.k}, {row.share:.0%})"
            )
    if address.radio is not None and (faster := _relative(address.radio)):
        ways.append(f"radio={faster}")
    if address.repeat:
        ways.append("leaving out repeat=1, which doubles the voice")
    ways.append(f"a link {math.ceil(10 * best.share / MAX_SHARE) / 10:.2g} times as fast")
    ways.append(
        f"patience: with k={best.k} an over is gathered and then played, one of 10 s {10 * best.share:.0f} s after it "
        "began"
    )
    return ways
