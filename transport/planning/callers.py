"""How many callers a waiting end can serve: everybody hears everybody through its uplink. No I/O, no clock."""

from __future__ import annotations

from typing import Any

from transport.address import Address
from transport.planning.planner import MAX_SHARE, plan

MAX_CALLERS = 16
"""Most callers that one station serves, whatever its uplink: more belong on a broker, which is made for it."""


def callers_carried(address: Address[Any]) -> int:
    """Return how many callers the uplink `rate=` of a waiting end carries, 1 to MAX_CALLERS; MAX_CALLERS without one.

    Every frame of an over goes out once for each caller. It is planned for sealed frames of as many packets as the
    address says, and of one packet where it does not, since each caller chooses its own k. One caller is served however
    slow the link is: overs are then gathered and played late.
    """
    if address.impairment is None or address.impairment.rate_bps is None:
        return MAX_CALLERS
    share = plan(address, sealed=True)[(address.k or 1) - 1].share
    return max(1, min(MAX_CALLERS, int(MAX_SHARE / share)))
