"""Records of a field test: the clips that both stations know, and what became of each over in both directions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.audio.devices import Block
from app.history.overs import PacketFlag, RecordedOver
from app.settings.model import Settings
from codec.encoder import PacketEncoder
from codec.format import PACKET_BYTES, PACKET_SAMPLES
from transport.protocol.frames import Mode

SAME_BITS = 0.8
"""Least share of bits in which packets of the same speech agree.

They may be damaged, or made by another processor; packets of other speech agree in half of their bits.
"""


@dataclass(frozen=True, slots=True)
class KnownClip:
    """A clip that both stations know."""

    name: str
    samples: Block
    """Its sound: float32 [n], 8 kHz."""
    packets: tuple[bytes, ...]
    """Packets that the encoder makes of it, 32 bytes each."""


@dataclass(frozen=True, slots=True)
class HeardClip:
    """An over of the other station, as it came and as it sounded."""

    at_s: float
    """Time of its end, since the start of the test."""
    clip: str
    """Name of the clip; empty where it was none of the known ones."""
    packets: int
    """Number of packets that the clip has."""
    flags: str
    """A letter for each packet of the whole clip, as in app/history/overs.py: one that never came is lost."""
    lost: int
    """Packets that were not played, because they never came or came too late."""
    rebuilt: int
    """Packets of which only the coarse copy came."""
    damaged: int
    late: int
    """Lost packets that arrived after their deadline."""
    first_index: int
    """Index of the first packet that was heard."""
    samples: Block
    """Sound that was heard, from that packet on: float32 [n], 8 kHz."""


@dataclass(frozen=True, slots=True)
class SentClip:
    """An over of this station."""

    at_s: float
    """Time of its end, since the start of the test."""
    clip: str
    packets: int
    confirmed: int | None
    """Packets that arrived intact, by the other station's receipt; None: there was no receipt."""
    wire_bps: float


@dataclass
class FieldTest:
    """The record of a field test, as seen from one station."""

    settings: Settings
    role: str
    """"caller" or "answerer"."""
    peer: str = ""
    """Name of the other station; empty while it was not heard."""
    k: int = 1
    """Packets a frame."""
    mode: Mode = Mode.OPEN
    duration_s: float = 0.0
    heard: list[HeardClip] = field(default_factory=list)
    sent: list[SentClip] = field(default_factory=list)
    unanswered: int = 0
    """Overs after which nothing came back."""
    round_trips_s: list[float] = field(default_factory=list)
    pings: int = 0
    holds_s: list[float] = field(default_factory=list)
    """Holds of the play-out, one for each change."""
    mouth_to_ear_s: list[float] = field(default_factory=list)
    """Mouth-to-ear times without the link, one for each over."""
    there: dict[str, Any] | None = None
    """Counts of what the other station says that it heard; None: it said nothing."""
    problems: list[str] = field(default_factory=list)
    """Things that went wrong, a line each."""
    stopped: bool = False
    """True where a signal ended it early."""

    def heard_in_short(self) -> dict[str, int]:
        """Return what was heard, in so few words that they fit into a text message."""
        return {
            "overs": len(self.heard),
            "packets": sum(over.packets for over in self.heard),
            "heard": sum(over.packets - over.rebuilt - over.lost for over in self.heard),
            "damaged": sum(over.damaged for over in self.heard),
        }


def encode_clips(clips: dict[str, NDArray[np.float32]], encoder: PacketEncoder) -> list[KnownClip]:
    """Return clips with the packets that they become. clips: float32 [n], 8 kHz, by name."""
    known = []
    for name, samples in clips.items():
        encoder.reset()
        padded = np.pad(samples, (0, -len(samples) % PACKET_SAMPLES)).reshape(-1, PACKET_SAMPLES)
        known.append(KnownClip(name, samples, tuple(encoder.encode(piece) for piece in padded)))
    encoder.reset()
    return known


def recognise(over: RecordedOver, known: list[KnownClip]) -> KnownClip | None:
    """Return the clip that the packets of an over are of; None: none of the known ones."""

    def likeness(clip: KnownClip) -> float:
        pairs = [
            (packet, said)
            for packet, said, flag in zip(over.packets, clip.packets, over.flags, strict=False)
            if flag in (PacketFlag.INTACT, PacketFlag.DAMAGED)
        ]
        differing = sum((int.from_bytes(a) ^ int.from_bytes(b)).bit_count() for a, b in pairs)
        return 1 - differing / (8 * PACKET_BYTES * len(pairs)) if pairs else 0.0

    best = max(known, key=likeness)
    return best if likeness(best) >= SAME_BITS else None
