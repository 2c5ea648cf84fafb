"""The title of a link on the screen, worked out once, when the link is opened."""

from __future__ import annotations

from dataclasses import dataclass

from app.events import StationReady
from transport.address import parse_address
from transport.errors import TransportError


@dataclass(frozen=True)
class LinkTitle:
    """A link in words, and whether what waits on it is counted."""

    words: str = "opening models, devices and the link …"
    rate_is_known: bool = False
    """The link is simulated, so that what is left to send can be counted; a radio does not tell, which leaves an
    estimate."""

    @classmethod
    def of(cls, station: StationReady) -> LinkTitle:
        """Return the title of the link of a station."""
        try:
            address = parse_address(station.link)
        except TransportError:  # a link that was made otherwise has a name and no address
            return cls(station.link)
        rate_bps = address.impairment.rate_bps if address.impairment else None
        if address.kind.within_program:
            carries = f", {rate_bps:.0f} bit/s" if rate_bps else ""
            return cls(f"a {station.station} on this machine{carries}", rate_bps is not None)
        return cls(station.link, rate_bps is not None)
