"""Account of a link: what a conversation takes of it, layer by layer, and what other voice systems would take.

Pure arithmetic. Every figure of another system is from its own source code or specification, named in `source`; each
system is given its most frugal setting.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.events import FrameLayer, WireRate
from codec.format import BIT_RATE_BPS, PACKET_BYTES, PACKET_S
from transport.link_kinds import IPV4_UDP_BYTES, layer_named

MEGABYTE_BITS = 8e6
"""Bits in 1 000 000 bytes."""


@dataclass(frozen=True, slots=True)
class System:
    """Another voice system: its voice, and what it wraps around it, in the frames that it sends."""

    name: str
    voice_bps: float
    frame_s: float
    own_bytes: int
    """Bytes of its own headers and tags in a frame."""
    needs_ip: bool
    """True for a system that runs over UDP/IP only: on a link without IP, its headers are added."""
    source: str
    air_bps: float | None = None
    """Bit rate of its own radio, on every link; None for a system without one."""

    def wire_bps(self, carrier_bytes: int, has_ip: bool) -> float:
        """Return its bit rate on a link whose layers add carrier_bytes a frame. has_ip: IP is among them."""
        if self.air_bps is not None:
            return self.air_bps
        below = carrier_bytes + (IPV4_UDP_BYTES if self.needs_ip and not has_ip else 0)
        return self.voice_bps + 8 * (self.own_bytes + below) / self.frame_s


SYSTEMS = (
    System(
        "LXST, Codec2 700C",
        700,
        0.4,
        80,
        False,
        "LXST Telephony.py: BANDWIDTH_ULTRA_LOW is Codec2 700C in frames of 400 ms; Reticulum: 35 bytes and 5 of"
        " msgpack padded to 48, IV 16, HMAC 32, header 19 = 115 bytes",
    ),
    System(
        "Opus 6k, bare",
        6000,
        0.12,
        0,
        False,
        "RFC 6716 sections 2.1.1 and 3: from 6 kbit/s, packets to 120 ms; nothing around them but this link's layers",
    ),
    System(
        "M17",
        3200,
        0.04,
        0,
        False,
        "M17 specification, physical layer: 4FSK, 4800 symbols/s = 9600 bit/s on air for Codec2 3200 and its"
        " error correction",
        air_bps=9600,
    ),
    System(
        "Mumble",
        8000,
        0.06,
        13,
        True,
        "Mumble AudioInput.cpp getNetworkBandwidth: 20 + 8 + 4 + 1 + 2 + 6 bytes a packet of 60 ms, Opus at 8 kbit/s,"
        " the least its slider allows",
    ),
)
"""Other voice systems, from the most frugal on UDP/IP to the least."""


@dataclass(frozen=True, slots=True)
class LayerTotal:
    """A layer of what went over the wire since the start."""

    name: str
    octets: int
    bps: float
    """Its bits for each second of speech."""


@dataclass(frozen=True, slots=True)
class Need:
    """The share of this link that a system takes."""

    name: str
    wire_bps: float
    minutes_per_megabyte: float
    source: str


@dataclass(frozen=True, slots=True)
class Account:
    """The account of a conversation so far, both directions, and of other systems on its link."""

    speech_s: float
    """Seconds of speech, both ways; what is sent again (`repeat=1`) counts again."""
    octets: int
    layers: tuple[LayerTotal, ...]
    needs: tuple[Need, ...]
    """Needs of the systems; ourselves first, where anything was said."""

    @property
    def wire_bps(self) -> float | None:
        """Bits that passed for each second of speech; None before anything was said."""
        return 8 * self.octets / self.speech_s if self.speech_s else None


def minutes_per_megabyte(bps: float) -> float:
    """Return the minutes of speech in 1 000 000 bytes at this rate. Raises ValueError for a rate of 0 or less."""
    if bps <= 0:
        raise ValueError("a rate is more than 0 bit/s")
    return MEGABYTE_BITS / bps / 60


def carrier_bytes(layers: tuple[str, ...]) -> tuple[int, bool]:
    """Return the bytes that a link's own layers, such as "UDP/IP" and "framing", add to a frame, and if IP is one.

    Everybody is counted over IPv4. Raises UsageError for an unknown layer.
    """
    known = [layer_named(name) for name in layers]
    return sum(layer.octets for layer in known), any(layer.is_ip for layer in known)


def account(wire: WireRate | None) -> Account:
    """Return what has passed, next to what others would need on a link with the same layers."""
    told = wire.layers if wire is not None else ()
    below, has_ip = carrier_bytes(wire.carriers if wire is not None else ())
    whole = {layer.layer: layer.sent_octets + layer.received_octets for layer in told}
    speech_s = whole.get(FrameLayer.VOICE, 0) / PACKET_BYTES * PACKET_S
    layers = tuple(
        LayerTotal(name, octets, 8 * octets / speech_s if speech_s else 0.0) for name, octets in whole.items()
    )
    octets = sum(whole.values())
    needs = [_need(system.name, system.wire_bps(below, has_ip), system.source) for system in SYSTEMS]
    if speech_s:
        needs.insert(0, _need("Gossamer, here", 8 * octets / speech_s, "counted on this link, everything included"))
    return Account(speech_s, octets, layers, tuple(needs))


def _need(name: str, bps: float, source: str) -> Need:
    return Need(name, bps, minutes_per_megabyte(bps), source)


def summary(counted: Account) -> str:
    """Return the account in one screen of text, for the end of a conversation; "" where nothing was said."""
    ours = counted.wire_bps
    if ours is None:
        return ""
    lines = [
        f"{counted.speech_s:.0f} s of speech in {counted.octets / 1000:.1f} kB on the wire, both ways:"
        f" {ours:.0f} bit/s ({BIT_RATE_BPS} voice)",
        *(f"  {layer.name:<20}{layer.octets:>9} bytes {layer.bps:>7.0f} bit/s" for layer in counted.layers),
        f"{'the same on this link with':<27}{'bit/s':>8}   min/MB   times ours",
        *(
            f"  {need.name:<25}{need.wire_bps:>8.0f} {need.minutes_per_megabyte:>8.1f} {need.wire_bps / ours:>11.1f}"
            for need in counted.needs
        ),
    ]
    return "\n".join(lines)
