"""An over as somebody else says it on the link to which it is to be carried. No I/O, no clock.

A BEGIN proves nothing, and a packet nothing of the next one: whoever hears them on another link can say them again on
this one, without any key. The over is there as far as its packets come there.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from transport.protocol.frames import PACKET_S, Begin
from transport.protocol.over import OverBegun, Overlap, PacketHeard, VoiceIgnored
from transport.protocol.over_pace import EAR_WINDOW_S, MAX_ARRIVALS, is_dense
from transport.protocol.receiver import EndArrived, Fact, VoiceArrived
from transport.protocol.relaying import origin_of

MAX_HEARD = 1024
"""Packets of an over that are remembered: more than twice what the longest has."""


@dataclass(slots=True)
class SaidThere:
    """The versions of one over that others say on a link."""

    origin: bytes
    slowness: float = 1.0
    """Seconds that a second of speech takes on the link, by its plan."""
    nonce: bytes = b""
    """Nonce of the version that was heard last; empty while none was."""
    over: int = 0
    """Number of that version."""
    heard_s: float = -math.inf
    """Time at which a packet of it came last."""
    ended: bool = False
    """True once the END of that version has come."""
    unheard: bool = False
    """True while the stations there follow this relay's version: what others say of it is not heard by them."""
    _packets: set[bytes] = field(default_factory=set)
    """Packets that came of all versions: those of one that was joined late have other places."""
    _k: int = 1
    _since_s: float = math.inf
    """Time at which packets of it began to come, after none for as long as they are counted."""
    _followed: bool = False
    """True while that version is the over that is followed on the link."""
    _frame: list[bytes] = field(default_factory=list)
    """Packets of the frame that is being told of, while it is not known to be of the over."""
    _arrivals: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=MAX_ARRIVALS))

    def speaks(self, fact: Fact, now: float) -> bool:
        """Take a fact of the link, and tell whether it is speech of the over."""
        match fact:
            case OverBegun(begin, first_index):
                self._followed = origin_of(begin.nonce, first_index) == self.origin
                if self._followed:
                    self._heard(begin)
            case Overlap(begin) if not self._followed and origin_of(begin.nonce) == self.origin:
                self._heard(begin)
            case PacketHeard(_, packet) if self._followed:
                return self._take([packet], now)
            case PacketHeard(_, packet):
                self._frame.append(packet)
            case VoiceIgnored(over, _, contents) if self.nonce and over == self.over:
                return self._take(contents, now)
            case VoiceArrived(begin=begin):
                frame, self._frame = self._frame, []
                if begin is not None and not self._followed and origin_of(begin.nonce) == self.origin:
                    self._followed = True  # its BEGIN was heard before this over was to be carried
                    self._heard(begin)
                    return self._take(frame, now)
            case EndArrived(end) if self.nonce and end.over == self.over:
                self.ended = True
        return False

    def take_own(self, packets: Iterable[bytes]) -> None:
        """Take packets that the relay itself says, from another link."""
        if len(self._packets) < MAX_HEARD:
            self._packets.update(packets)

    @property
    def heard(self) -> bool:
        """True once a packet of it has come."""
        return bool(self._packets)

    def has(self, packet: bytes) -> bool:
        """Tell whether a packet was heard there."""
        return packet in self._packets

    def is_dense(self, now: float) -> bool | None:
        """Tell whether enough came for seconds that a station's ear is no other version's; None: too soon to tell."""
        return is_dense(self._arrivals, self._since_s, self._k * PACKET_S * self.slowness, self.slowness, now)

    def _heard(self, begin: Begin) -> None:
        self.nonce, self.over, self._k, self.ended = begin.nonce, begin.over, begin.k, False

    def _take(self, packets: list[bytes] | tuple[bytes, ...], now: float) -> bool:
        if now - self.heard_s > max(EAR_WINDOW_S, 2 * self._k * PACKET_S * self.slowness):
            self._since_s = now
        if len(self._packets) < MAX_HEARD and not self.unheard:
            self._packets.update(packets)
        self._arrivals.append((now, len(packets)))
        self.heard_s = now
        return bool(packets)
