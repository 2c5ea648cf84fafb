"""Bytes on the wire, counted by layer. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass, fields

from transport.link_kinds import FRAMING, LayerBytes
from transport.protocol.frames import PACKET_BYTES, Type
from transport.protocol.open_frames import peek_type


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes that passed since the link was opened. The difference of two is what passed in between."""

    frames: int = 0
    voice: int = 0
    """Bytes of voice packets, repeated ones included."""
    header: int = 0
    """Bytes of headers and checks or tags of VOICE frames."""
    signals: int = 0
    """Bytes of all other frames, whole: BEGIN, END, TEXT, ..., and of what arrives as rubbish."""
    framing: int = 0
    """Bytes that mark frames off from one another (serial links)."""
    carrier: int = 0
    """Bytes of the network below, such as UDP/IP."""

    @property
    def total(self) -> int:
        """All bytes on the wire."""
        return self.voice + self.header + self.signals + self.framing + self.carrier

    def __sub__(self, earlier: Traffic) -> Traffic:
        return Traffic(*(getattr(self, field.name) - getattr(earlier, field.name) for field in fields(self)))


def count_frame(traffic: Traffic, frame: bytes, layers: tuple[LayerBytes, ...]) -> Traffic:
    """Return the count with one more frame, as it went over a link, and what the layers below added to it."""
    is_voice = peek_type(frame) is Type.VOICE
    overhead = len(frame) % PACKET_BYTES  # 8 bytes, or 12 with the longer tag
    return Traffic(
        traffic.frames + 1,
        traffic.voice + (len(frame) - overhead) * is_voice,
        traffic.header + overhead * is_voice,
        traffic.signals + len(frame) * (not is_voice),
        traffic.framing + sum(layer.octets for layer in layers if layer.name == FRAMING),
        traffic.carrier + sum(layer.octets for layer in layers if layer.name != FRAMING),
    )
