"""How often a station may say that it is there: the airtime of a BEACON against that of the link. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transport.address import Address
from transport.planning.planner import link_model
from transport.protocol.frames import TAG_BYTES_IP
from transport.protocol.open_frames import CHECK_BYTES, HEADER_BYTES, STAMP_BYTES

BEACON_SHARE = 0.01
"""Largest share of the airtime that the BEACONs of one station take in the long run."""
CHANGE_SHARE = 0.05
"""Share that they take at the most for a while on IP, when others come and go."""
EVERY_S = 180.0
"""Time between two BEACONs on IP, in seconds, if the share allows that."""
RADIO_EVERY_S = 600.0
"""The same on radios."""
GAP_S = 3.0
"""Shortest time between two BEACONs on IP, in seconds."""
MISSED = 2
"""BEACONs that may be missed before a station counts as gone..."""
LATE_S = 60.0
"""...and how much later than that it does, in seconds."""


@dataclass(frozen=True, slots=True)
class BeaconPace:
    """The pace at which a station says that it is there."""

    every_s: float
    """Time after which it says so again, in seconds."""
    gap_s: float
    """Shortest time between two BEACONs, in seconds."""

    @property
    def kept_s(self) -> float:
        """Silence after which a station counts as gone, in seconds, if it keeps the same pace."""
        return MISSED * self.every_s + LATE_S


def on_radio(address: Address[Any]) -> bool:
    """Tell whether a link is a radio, or what may be one: everything but IP, where a transmitter would be keyed."""
    return address.kind.tag_bytes != TAG_BYTES_IP


def beacon_pace(address: Address[Any], name_bytes: int) -> BeaconPace:
    """Return the pace for a station whose name has so many bytes, planned for a sealed channel.

    On a radio BEACON_SHARE is never exceeded, and it is a share of the duty cycle where there is one.
    """
    link = link_model(address)
    octets = HEADER_BYTES + max(CHECK_BYTES, STAMP_BYTES + link.tag_bytes) + 1 + name_bytes
    keying = link.way.keying
    airtime_s = max(stage.time_s(octets) for stage in link.way.stages) + keying.on_air_s
    least_s = airtime_s / (BEACON_SHARE * (link.duty or 1.0))
    if on_radio(address):
        every_s = max(RADIO_EVERY_S, least_s)
        return BeaconPace(every_s, every_s)
    return BeaconPace(max(EVERY_S, least_s), max(GAP_S, airtime_s / CHANGE_SHARE))
