"""Bytes on the wire, counted by layer. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from transport.frame import OVERHEAD_BYTES, Type, peek_type


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
    """Header and checks of VOICE frames."""
    signals: int = 0
    """Everything but VOICE, whole frames: BEGIN, END, TEXT, ..."""
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

    def plus(self, frame: bytes, framing: int = 0, carrier: int = 0) -> Traffic:
        """This count with one more frame, as it went over the link, and what the layers below added to it."""
        is_voice = peek_type(frame) is Type.VOICE
        return Traffic(
            self.frames + 1,
            self.voice + (len(frame) - OVERHEAD_BYTES) * is_voice,
            self.header + OVERHEAD_BYTES * is_voice,
            self.signals + len(frame) * (not is_voice),
            self.framing + framing,
            self.carrier + carrier,
        )
