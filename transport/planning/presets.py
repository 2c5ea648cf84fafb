"""Links to try a voice on, each as an impairment that any link, or none at all, can be given. No I/O, no clock.

They show and let hear what a link does, in `gossamer lab` and `gossamer compare --link`. A radio's airtime is expressed
in what the impairment layer knows: bits per second, and bytes that every frame costs on top. Planning (planner.py) does
not use them and counts exactly. Loss and bit errors are examples of a link that works but is not good.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from transport.errors import UsageError
from transport.impairment import Impairment
from transport.link_kinds import IPV4_UDP_BYTES, LINK_KINDS, LinkKind
from transport.radio.airtime import Stage
from transport.radio.radios import RADIOS

FITTED_BYTES = (40, 240)
"""Lengths between which a frame takes the time that its stage says, to the nearest symbol."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A link to try a voice on."""

    name: str
    """Name in `--link NAME`."""
    title: str
    kind: LinkKind
    """The kind of link that it stands for."""
    impairment: Impairment
    """Impairment of each direction."""
    overhead_bytes: int
    """Bytes that a frame costs on the wire beyond itself, at the impairment's rate."""
    k: int
    """Packets a frame, 1..6, that suit Gossamer there."""
    says: str
    """Explanation: the link meant, and the source of the figures."""

    def other(self, **changes: float | None) -> Preset:
        """Return the same with other figures in its impairment: "your own". Raise UsageError."""
        # The seed alone is an int, and no figure that anybody changes.
        return dataclasses.replace(self, impairment=dataclasses.replace(self.impairment, **changes))  # type: ignore[arg-type]


def as_bits(stage: Stage) -> tuple[float, int]:
    """Return (bit/s, bytes a frame) that take as long as the stage does, for frames between FITTED_BYTES."""
    short, long = FITTED_BYTES
    byte_s = (stage.time_s(long) - stage.time_s(short)) / (long - short)
    return 8 / byte_s, round(stage.time_s(short) / byte_s) - short


def _radio(radio: str, name: str, title: str, k: int, says: str, *, loss: float = 0.0, ber: float = 0.0) -> Preset:
    known = RADIOS[radio]
    rate_bps, overhead_bytes = as_bits(known.air)
    impaired = Impairment(rate_bps=round(rate_bps), delay_s=known.latency_s, loss=loss, ber=ber, seed=1)
    return Preset(name, title, LINK_KINDS[known.scheme], impaired, overhead_bytes, k, f"{says} {known.source}.")


_TABLE = (
    _radio("afsk1200", "afsk1200", "AFSK 1200", 4, "Packet radio on FM, one frame in a hundred lost.", loss=0.01),
    _radio("lora-sf7", "lora-sf7", "LoRa SF7", 1, "125 kHz, one packet in fifty lost.", loss=0.02),
    _radio("lora-sf9", "lora-sf9", "LoRa SF9", 4, "125 kHz, farther away, one packet in twenty lost.", loss=0.05),
    _radio("hc-12-far", "hc-12", "HC-12", 2, "Its slower air rate, two bits in a thousand wrong.", ber=0.002),
    _radio("satellite-2400", "satellite", "satellite 2400", 2, "A data call, two frames in a hundred lost.", loss=0.02),
    Preset(
        "wifi",
        "lossy Wi-Fi",
        LINK_KINDS["udp"],
        Impairment(delay_s=0.04, jitter_s=0.12, loss=0.15, burst_frames=2.5, reorder=0.02, seed=1),
        IPV4_UDP_BYTES,
        1,
        "At the edge of its range: rate enough, but 15 % of the datagrams lost in runs of two or three, and jitter of"
        " 120 ms. An example, not a measurement.",
    ),
)
PRESETS = {preset.name: preset for preset in _TABLE}
"""All presets, by name."""


def preset_named(name: str) -> Preset:
    """Return the preset of this name. Raise UsageError where there is none."""
    if name not in PRESETS:
        raise UsageError(f"no link preset '{name}'; there are: {', '.join(PRESETS)}")
    return PRESETS[name]
