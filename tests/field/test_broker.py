"""A broker with a thin line to each of two stations, 4 kbit/s in both directions: a channel at the k of the planner."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.field.conversation import Station, converse, planned_k
from tests.support.broker import Broker
from tests.support.namespaces import inside, ip

pytestmark = [pytest.mark.field, pytest.mark.mosquitto]

RATE_BPS = 4000
BURST_BYTES = 300
"""Little more than the longest frame with all that is around it: what is saved up in a pause is soon gone."""
OVER_S = 15.0
AIR, HOUSE = "gossamer-air", "gossamer-house"
"""The namespace of the stations and that of the broker."""
LINES = {"Ada": "198.18.81", "Bob": "198.18.82"}
"""The line of each station: its own end is .1, the broker's is .2."""


@pytest.fixture
def house() -> Iterator[None]:
    """Two namespaces, a pair of virtual Ethernet cards for each station, and a token bucket in each direction."""
    if shutil.which("ip") is None or shutil.which("tc") is None:
        pytest.skip("ip and tc not found (Debian: iproute2)")
    try:
        for name in (AIR, HOUSE):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        for number, network in enumerate(LINES.values()):
            near, far = f"air{number}", f"house{number}"
            ip("link", "add", near, "netns", AIR, "type", "veth", "peer", "name", far, "netns", HOUSE)
            for name, card, last in ((AIR, near, 1), (HOUSE, far, 2)):
                ip("netns", "exec", name, "sysctl", "-qw", f"net.ipv6.conf.{card}.disable_ipv6=1")
                ip("-n", name, "addr", "add", f"{network}.{last}/24", "dev", card)
                ip("-n", name, "link", "set", card, "up")
                bucket = ["tbf", "rate", f"{RATE_BPS}bit", "burst", str(BURST_BYTES), "limit", "6000"]
                command = ["tc", "-n", name, "qdisc", "add", "dev", card, "root", *bucket]
                subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        _remove()
        pytest.skip(f"no network namespaces, virtual Ethernet or token bucket here: {error.stderr.strip()}")
    yield
    _remove()


def _remove() -> None:
    for name in (AIR, HOUSE):
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


def test_a_conversation_over_a_broker(house: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No packet is lost and the delay does not grow, though TCP acknowledges each frame on the same lines."""
    with inside(HOUSE):
        broker = Broker(tmp_path, host="0.0.0.0")
    links = {name: f"mqtt://{network}.2:{broker.port}/thin" for name, network in LINES.items()}
    k = planned_k(f"{links['Ada']}?rate={RATE_BPS}")
    ada, bob = (Station(name, f"{link}?k={k}") for name, link in links.items())
    try:
        with inside(AIR):
            # A line as thin as this carries for some seconds that both have come; then somebody talks.
            outcomes = trio.run(partial(converse, ada, bob, OVER_S, warm_up=True))
    finally:
        broker.kill()
    with capsys.disabled():
        print(f"\na broker, {RATE_BPS} bit/s to each of two stations")
        for outcome in outcomes:
            print(f"  {outcome}")
    for outcome in outcomes:
        assert (k, 0, 0) == (outcome.k, outcome.lost, outcome.damaged)
        assert abs(outcome.growth_s) < 0.5
        assert outcome.wire_bps < RATE_BPS
