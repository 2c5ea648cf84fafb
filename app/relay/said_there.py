"""An over as somebody else says it on the link to which it is to be carried. No I/O, no clock.

A BEGIN proves nothing: whoever hears one on another link can say it again on this one, without any key. The over is
there as far as its packets come there.
"""

from __future__ import annotations

from dataclasses import dataclass

from transport.protocol.frames import Begin
from transport.protocol.over import OverBegun, Overlap, PacketHeard, VoiceIgnored
from transport.protocol.receiver import EndArrived, Fact, VoiceArrived
from transport.protocol.relaying import origin_of

ENOUGH = 0.5
"""Share of the packets of an over that others have to say on a link before they end it, for it to be there."""


@dataclass(slots=True)
class SaidThere:
    """The versions of one over that others say on a link."""

    origin: bytes
    nonce: bytes = b""
    """Nonce of the version that was heard last; empty while none was."""
    packets: int = 0
    """Number of packets that came of all versions."""
    _over: int = 0
    _followed: bool = False
    """True while that version is the over that is followed on the link."""

    def speaks(self, fact: Fact) -> bool:
        """Take a fact of the link, and tell whether it is speech of the over."""
        before = self.packets
        match fact:
            case OverBegun(begin, first_index):
                self._followed = origin_of(begin.nonce, first_index) == self.origin
                if self._followed:
                    self._heard(begin)
            case Overlap(begin) if not self._followed and origin_of(begin.nonce) == self.origin:
                self._heard(begin)
            case PacketHeard() if self._followed:
                self.packets += 1
            case VoiceIgnored(over, packets) if self.nonce and not self._followed and over == self._over:
                self.packets += packets
            case VoiceArrived(begin=Begin() as begin) if not self._followed and origin_of(begin.nonce) == self.origin:
                self._followed = True  # its BEGIN was heard before this over was to be carried
                self._heard(begin)
                self.packets += begin.k
        return self.packets > before

    def is_enough(self, came: int) -> bool:
        """Tell whether so much of it was heard, of the packets that came on its source link, that it is there."""
        return self.packets > 0 and self.packets >= ENOUGH * came

    def has_ended(self, fact: Fact) -> bool:
        """Tell whether a fact of the link is the END of the version that was heard last."""
        return isinstance(fact, EndArrived) and bool(self.nonce) and fact.end.over == self._over

    def _heard(self, begin: Begin) -> None:
        self.nonce, self._over = begin.nonce, begin.over
