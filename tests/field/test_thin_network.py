"""Two network namespaces with 1500 bit/s between them: UDP at the k that the planner takes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from app.station.parts import open_station_link
from tests.field.conversation import Outcome, Station, converse, planned_k
from tests.support.namespaces import inside
from transport.links import udp
from transport.links.route_watch import local_address

pytestmark = pytest.mark.field

RATE_BPS = 1500
BURST_BYTES = 200
"""Little more than the longest frame: what is saved up in a pause is soon gone."""
OVER_S = 15.0
NAMES = ("gossamer-one", "gossamer-other")
ADDRESSES = ("198.18.77.1", "198.18.77.2")


def ip(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *words], capture_output=True, text=True)


@pytest.fixture
def network() -> Iterator[None]:
    """Two namespaces, a pair of virtual Ethernet cards, a token bucket in both directions."""
    if shutil.which("ip") is None or shutil.which("tc") is None:
        pytest.skip("ip and tc not found (Debian: iproute2)")
    for name in NAMES:
        made = ip("netns", "add", name)
        if made.returncode and "exists" not in made.stderr:
            pytest.skip(f"no network namespaces here: {made.stderr.strip()}")
    try:
        made = ip("link", "add", "gsm0", "netns", NAMES[0], "type", "veth", "peer", "name", "gsm1", "netns", NAMES[1])
        if made.returncode:
            pytest.skip(f"no virtual Ethernet here: {made.stderr.strip()}")
        for name, card, address in zip(NAMES, ("gsm0", "gsm1"), ADDRESSES, strict=True):
            assert not ip("-n", name, "addr", "add", f"{address}/24", "dev", card).returncode
            # What a card sends of its own accord would take seconds of this link.
            ip("netns", "exec", name, "sysctl", "-qw", f"net.ipv6.conf.{card}.disable_ipv6=1")
            assert not ip("-n", name, "link", "set", card, "up").returncode
        for name, card, other in zip(NAMES, ("gsm0", "gsm1"), reversed(ADDRESSES), strict=True):
            peer = ip("-n", next(each for each in NAMES if each != name), "-br", "link").stdout.split()
            mac = next(word for word in peer if word.count(":") == 5 and not word.startswith("00:00"))
            assert not ip("-n", name, "neigh", "replace", other, "lladdr", mac, "dev", card).returncode
            bucket = ["tbf", "rate", f"{RATE_BPS}bit", "burst", str(BURST_BYTES), "limit", "3000"]
            command = ["tc", "-n", name, "qdisc", "add", "dev", card, "root", *bucket]
            shaped = subprocess.run(command, capture_output=True, text=True)
            if shaped.returncode:
                pytest.skip(f"no token bucket here: {shaped.stderr.strip()}")
        yield
    finally:
        for name in NAMES:
            ip("netns", "del", name)


def opener(name: str):
    async def open_inside(address, nursery, ports):
        with inside(name):
            return await open_station_link(address, nursery, ports)

    return open_inside


@pytest.fixture
def caller_stays_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the calling end ask its own namespace from which address it would send: this process is in another one."""

    def asked_inside(family: int, target: Any) -> str | None:
        with inside(NAMES[1]):
            return local_address(family, target)

    monkeypatch.setattr(udp, "local_address", asked_inside)


@pytest.mark.usefixtures("network", "caller_stays_inside")
def test_a_conversation_over_1500_bits_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    """With k from the planner no packet is lost and the delay does not grow. With k = 1, which the planner refuses
    here, it grows with every second; the over is then gathered, and played whole."""
    k = planned_k(f"udp://{ADDRESSES[0]}:7800?rate={RATE_BPS}")
    assert k > 1
    planned, refused = hold_conversation(k, OVER_S), hold_conversation(1, OVER_S)
    with capsys.disabled():
        print(f"\n{RATE_BPS} bit/s between two namespaces")
        for outcome in planned + refused:
            print(f"  {outcome}")
    for outcome in planned:
        assert (k, 0, 0) == (outcome.k, outcome.lost, outcome.damaged)
        assert abs(outcome.growth_s) < 0.5
    for outcome in refused:
        assert (1, 0, 0) == (outcome.k, outcome.lost, outcome.damaged)
        assert outcome.growth_s > 2.0


def hold_conversation(k: int, over_s: float) -> list[Outcome]:
    waits = Station("Ada", f"udp://:7800?k={k}", opener(NAMES[0]))
    calls = Station("Bob", f"udp://{ADDRESSES[0]}:7800?k={k}", opener(NAMES[1]))
    return trio.run(converse, waits, calls, over_s)
