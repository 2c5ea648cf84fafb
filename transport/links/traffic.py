"""Bytes on the wire, counted by layer. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass, fields

from transport.link_kinds import FRAMING, LayerBytes
from transport.protocol.frames import COPY_BYTES, PACKET_BYTES, VOICE_SHAPES
from transport.protocol.open_frames import peek_type, voice_shape


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes that passed since the link was opened. The difference of two is what passed in between."""

    frames: int = 0
    voice: int = 0
    """Bytes of voice packets, repeated ones included."""
    copies: int = 0
    """Bytes of coarse copies of voice packets."""
    header: int = 0
    """Bytes of headers and checks or tags of frames with voice."""
    signals: int = 0
    """Bytes of all other frames, whole: BEGIN, END, TEXT, ..., and of what arrives as rubbish."""
    framing: int = 0
    """Bytes that mark frames off from one another (serial links)."""
    carrier: int = 0
    """Bytes of the network below, such as UDP/IP."""

    @property
    def total(self) -> int:
        """All bytes on the wire."""
        return self.voice + self.copies + self.header + self.signals + self.framing + self.carrier

    def __add__(self, more: Traffic) -> Traffic:
        return Traffic(*(getattr(self, field.name) + getattr(more, field.name) for field in fields(self)))

    def __sub__(self, earlier: Traffic) -> Traffic:
        return Traffic(*(getattr(self, field.name) - getattr(earlier, field.name) for field in fields(self)))


class TrafficCount:
    """The count of one direction as it grows: under a flood a frame must cost next to nothing."""

    __slots__ = ("_carrier", "_copies", "_frames", "_framing", "_header", "_signals", "_voice")

    def __init__(self) -> None:
        self._frames = self._voice = self._copies = self._header = self._signals = self._framing = self._carrier = 0

    def add(self, frame: bytes, layers: tuple[LayerBytes, ...]) -> None:
        """Count one more frame, as `count_frame` does."""
        self._frames += 1
        shape = voice_shape(frame) if peek_type(frame) in VOICE_SHAPES else None
        if shape is not None:
            voice, copies = shape[0] * PACKET_BYTES, shape[1] * COPY_BYTES
            self._voice += voice
            self._copies += copies
            self._header += len(frame) - voice - copies
        else:
            self._signals += len(frame)
        for layer in layers:
            if layer.name == FRAMING:
                self._framing += layer.octets
            else:
                self._carrier += layer.octets

    def carry(self, octets: int) -> None:
        """Count bytes of the network below that belong to no single frame, or take some back (< 0)."""
        self._carrier += octets

    def traffic(self) -> Traffic:
        """Return what was counted so far."""
        return Traffic(
            self._frames, self._voice, self._copies, self._header, self._signals, self._framing, self._carrier
        )


def count_frame(traffic: Traffic, frame: bytes, layers: tuple[LayerBytes, ...]) -> Traffic:
    """Return the count with one more frame, as it went over a link, and what the layers below added to it."""
    count = TrafficCount()
    count.add(frame, layers)
    return traffic + count.traffic()
