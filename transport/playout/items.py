"""The items that the play-out hands out, what is left of them for a decoder, and its counts. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class PlayoutItem:
    """One packet's length of speech, to be played now."""

    over: int
    """Number that `Playout.begin` gave its over."""
    index: int
    """Place in the over. A gap at the start or after END means packets that were lost and not concealed."""
    packet: bytes | None
    """32 bytes; None for a lost packet, which is to be rebuilt from its copy, or concealed where there is none."""
    damaged: bool = False
    signal_lost: bool = False
    """True if two frames or more are missing in a row."""
    waited_s: float = 0.0
    """Seconds from the packet's arrival until now; 0 for a lost one."""
    copy: bytes | None = None
    """8 bytes: the coarse copy of a lost packet; None where none came."""


@dataclass(frozen=True, slots=True)
class ReceivedPacket:
    """One packet, as far as it came."""

    content: bytes | None
    """32 bytes; None for a lost packet."""
    copy: bytes | None = None
    """8 bytes from which a lost packet is rebuilt; None where no copy came, or none is needed."""


@dataclass(slots=True)
class PlayoutCount:
    """A count of packets by their fate. played + rebuilt + lost = sent, as far as is known."""

    played: int = 0
    damaged: int = 0
    """Played packets that were damaged."""
    rebuilt: int = 0
    """Packets that were missing at their deadline, while their coarse copy was there."""
    lost: int = 0
    """Packets that were missing at their deadline, with their copy, if there was to be one."""
    late: int = 0
    """Lost packets that arrived after their deadline."""
    duplicate: int = 0
    """Packets that arrived once more, or after their copy was played."""
    reordered: int = 0
    """Packets that arrived after a later one, but in time."""
    refused: int = 0
    """Packets that were refused because they were absurdly far ahead."""

    def __add__(self, other: PlayoutCount) -> PlayoutCount:
        return PlayoutCount(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))
