"""Bytes on the wire, counted by layer. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from transport.protocol.frames import PACKET_BYTES, Type
from transport.protocol.open_frames import peek_type

FRAMING = "framing"
"""The layer that marks frames off from one another; every other name is a carrier's."""


class LayerBytes(NamedTuple):
    """What one layer below the frame adds to every frame."""

    name: str
    octets: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes since the link was opened; two of them subtracted give what passed in between."""

    frames: int = 0
    voice: int = 0
    """Packets of speech, repeated ones included."""
    header: int = 0
    """Header and checks, or tags, of VOICE frames."""
    signals: int = 0
    """Everything but VOICE, whole: BEGIN, END, TEXT, ..., and what arrives as rubbish."""
    framing: int = 0
    """What marks frames off from one another (serial links)."""
    carrier: int = 0
    """The network below, such as UDP/IP."""

    @property
    def total(self) -> int:
        """Bytes on the wire."""
        return self.voice + self.header + self.signals + self.framing + self.carrier

    def __sub__(self, earlier: Traffic) -> Traffic:
        return Traffic(
            self.frames - earlier.frames,
            self.voice - earlier.voice,
            self.header - earlier.header,
            self.signals - earlier.signals,
            self.framing - earlier.framing,
            self.carrier - earlier.carrier,
        )


def count_frame(traffic: Traffic, frame: bytes, layers: tuple[LayerBytes, ...]) -> Traffic:
    """The count with one more frame, as it went over a link, and what the layers below added to it."""
    is_voice = peek_type(frame) is Type.VOICE
    overhead = len(frame) % PACKET_BYTES  # 8, or 12 with the longer tag
    return Traffic(
        traffic.frames + 1,
        traffic.voice + (len(frame) - overhead) * is_voice,
        traffic.header + overhead * is_voice,
        traffic.signals + len(frame) * (not is_voice),
        traffic.framing + sum(layer.octets for layer in layers if layer.name == FRAMING),
        traffic.carrier + sum(layer.octets for layer in layers if layer.name != FRAMING),
    )
