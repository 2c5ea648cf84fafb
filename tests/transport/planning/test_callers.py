"""How many callers an uplink carries, reckoned from the bytes of an over."""

from __future__ import annotations

import math

import pytest

from transport.address import parse_address
from transport.planning.callers import MAX_CALLERS, callers_carried

HEADER_BYTES, TAG_BYTES, IP_UDP_BYTES = 4, 8, 28
"""Bytes around everything in a sealed frame over IPv4."""
BEGIN_BYTES = HEADER_BYTES + 17 + len("Adalbert") + TAG_BYTES + IP_UDP_BYTES


def copy_bps(k: int) -> float:
    """Return the bit rate of one caller's copy of an over: 2.56 s of speech in frames of k packets, and one BEGIN."""
    frames = 8 // k
    voice_bytes = HEADER_BYTES + 32 * k + TAG_BYTES + IP_UDP_BYTES
    return 8 * (frames * voice_bytes + BEGIN_BYTES) / (frames * k * 0.32)


@pytest.mark.parametrize(
    ("options", "k", "rate_bps", "callers"),
    [
        ("rate=2400", 1, 2400, 1),
        ("rate=4300", 1, 4300, 2),
        ("rate=8000", 1, 8000, 3),
        ("rate=8000&k=2", 2, 8000, 5),
        ("rate=8000&k=4", 4, 8000, 6),
        ("rate=33000", 1, 33_000, 15),
    ],
)
def test_every_caller_costs_a_copy_of_every_frame(options: str, k: int, rate_bps: int, callers: int) -> None:
    """As many as fit into 95 % of the uplink; where the address does not say k, each may choose the dearest, 1."""
    assert callers == math.floor(0.95 * rate_bps / copy_bps(k))
    assert callers == callers_carried(parse_address(f"udp://:?{options}"))


@pytest.mark.parametrize("options", ["", "?loss=0.1", "?rate=64000", "?rate=1000000"])
def test_no_uplink_carries_more_than_a_station_serves(options: str) -> None:
    """Nor one of which nobody knows how fast it is."""
    assert MAX_CALLERS == callers_carried(parse_address(f"udp://:{options}"))


def test_one_is_served_however_slow_the_link_is() -> None:
    """Overs are gathered there, and played late."""
    assert copy_bps(1) > 600
    assert 1 == callers_carried(parse_address("udp://:?rate=600"))
