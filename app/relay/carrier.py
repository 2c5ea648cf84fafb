"""The things that all overs of one relay share while they are carried."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from app.relay.link_end import LinkEnd
from app.relay.reports import RelayReport
from transport.protocol.frames import Begin, End
from transport.protocol.known_names import KnownNames
from transport.protocol.over import OverSender
from transport.protocol.relaying import KnownOvers, relayed_name, relayed_nonce


@dataclass(frozen=True, slots=True)
class Carrier:
    """The things that all overs of one relay share."""

    name: str
    """Name of the relay."""
    names_itself: bool
    """True where the relay must be named, whatever becomes of the sender's name: in ham mode."""
    known: KnownOvers
    names: KnownNames
    report: Callable[[RelayReport], None]
    notify: Callable[[LinkEnd, str, str], None]
    """Function that tells a station on a link, by its name, something in a message."""
    expect: Callable[[LinkEnd, Begin, LinkEnd, End, End], None]
    """Function that is told an over that was addressed to somebody, on both links, with both its ENDs."""

    def new_sender(self, begin: Begin, origin: bytes, source: LinkEnd, target: LinkEnd) -> OverSender:
        """Return the sender of an over that was never said: its number and its nonce are new."""
        addressee = self.names.addressee(begin.addressee, self.name, source.number, target.number)
        return OverSender(
            over=os.urandom(1)[0],
            nonce=relayed_nonce(origin, begin.nonce, os.urandom),
            utc_s=begin.utc_s,
            codec_id=begin.codec_id,
            k=target.k,
            sender=relayed_name(begin.sender, self.name, always=self.names_itself),
            addressee="" if addressee == self.name else addressee,
            repeat=target.address.repeat,
        )
