"""The things that all overs of one relay share while they are carried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.relay.link_end import LinkEnd
from app.relay.reports import RelayReport
from transport.protocol.frames import Begin, End
from transport.protocol.known_names import KnownNames
from transport.protocol.relaying import KnownOvers


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
