"""How often a station may say that it is there."""

from __future__ import annotations

import pytest

from transport.address import parse_address
from transport.planning.beacons import BEACON_SHARE, beacon_pace
from transport.planning.planner import link_model

BEACON_BYTES = 4 + 12 + 4 + 1 + 24
"""Header, stamp, a radio's tag, what it says, and the longest name."""


@pytest.mark.parametrize(
    "link",
    [
        "serial:///dev/x?radio=hc-12",
        "kiss://h?call=N0CALL-1",
        "kiss://h?call=N0CALL-1&radio=lora-sf8",
        "kiss://h?call=N0CALL-1&txdelay=2550&txtail=2550&rate=300",
    ],
)
def test_on_a_radio_beacons_take_no_more_than_their_share(link: str) -> None:
    """One per cent of the airtime, keying included, and of the duty cycle where there is one; another one's coming
    changes nothing."""
    address = parse_address(link)
    pace = beacon_pace(address, 24)
    assert pace.gap_s == pace.every_s >= 600.0
    duty = address.radio.duty if address.radio is not None and address.radio.duty else 1.0
    way = link_model(address).way
    slowest_s = max(stage.time_s(BEACON_BYTES) for stage in way.stages)
    airtime_s = slowest_s + way.keying.tx_delay_s + way.keying.tx_tail_s
    assert airtime_s / pace.every_s <= BEACON_SHARE * duty


def test_on_a_thin_network_they_are_rarer() -> None:
    """On IP every three minutes; where the rate is known and low, more rarely."""
    network = beacon_pace(parse_address("udp://h"), 8)
    assert (180.0, 3.0) == (network.every_s, network.gap_s)
    thin = beacon_pace(parse_address("udp://h?rate=100"), 8)
    octets = 28 + 4 + 12 + 8 + 1 + 8
    assert (8 * octets, 8 * octets / 5) == pytest.approx((thin.every_s, thin.gap_s))
