"""What a station that waits tells its user to tell a friend."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
import trio
import trio.testing

from app.events import StationReady
from app.settings.model import Settings
from app.station.invitation import MAX_INVITATIONS, invitations
from tests.support.processes import free_port
from tests.support.station import Station, in_virtual_time
from transport.address import parse_address
from transport.protocol.frames import Mode

OWN = [ip_address("192.168.1.20"), ip_address("2001:db8::20")]


@pytest.mark.parametrize(
    ("link", "changes", "expected"),
    [
        ("udp://:", {}, ("gossamer talk udp://192.168.1.20", "gossamer talk 'udp://[2001:db8::20]'")),
        ("udp://:7800?delay=20", {}, ("gossamer talk udp://192.168.1.20", "gossamer talk 'udp://[2001:db8::20]'")),
        ("udp://:9", {}, ("gossamer talk udp://192.168.1.20:9", "gossamer talk 'udp://[2001:db8::20]:9'")),
        (
            "udp://:?k=2&repeat=1",
            {},
            (
                "gossamer talk 'udp://192.168.1.20?k=2&repeat=1'",
                "gossamer talk 'udp://[2001:db8::20]?k=2&repeat=1'",
            ),
        ),
        (
            "udp://:?repeat=coarse",
            {},
            (
                "gossamer talk 'udp://192.168.1.20?repeat=coarse'",
                "gossamer talk 'udp://[2001:db8::20]?repeat=coarse'",
            ),
        ),
        (
            "udp://:",
            {"passphrase": "five words", "channel": "the harbour"},
            (
                "gossamer talk udp://192.168.1.20 --passphrase --channel 'the harbour'",
                "gossamer talk 'udp://[2001:db8::20]' --passphrase --channel 'the harbour'",
            ),
        ),
        (
            "udp://:",
            {"passphrase": "five words", "mode": Mode.HAM},
            (
                "gossamer talk udp://192.168.1.20 --passphrase --mode ham",
                "gossamer talk 'udp://[2001:db8::20]' --passphrase --mode ham",
            ),
        ),
        ("udp://192.0.2.7", {}, ()),
        ("udp://239.1.2.3", {}, ()),
        ("parrot://", {}, ()),
    ],
)
def test_the_command_that_calls_this_station(link: str, changes: dict, expected: tuple[str, ...]) -> None:
    """One for each address, with all that both ends must agree on, and never with the passphrase itself."""
    settings = replace(Settings(link=link), **changes)
    assert expected == invitations(settings, parse_address(link), OWN)


def test_a_machine_with_many_addresses() -> None:
    """The first few are told: the likeliest come first."""
    own = [ip_address(f"10.0.0.{number}") for number in range(1, 50)]
    told = invitations(Settings(), parse_address("udp://:"), own)
    assert (MAX_INVITATIONS, "gossamer talk udp://10.0.0.1") == (len(told), told[0])


def test_a_waiting_station_tells(monkeypatch: pytest.MonkeyPatch, virtual_time: trio.testing.MockClock) -> None:
    """Its host is told with the first event, before anybody has called."""
    monkeypatch.setattr("app.station.opening.own_addresses", lambda: OWN)
    port = free_port()

    async def play(station: Station) -> None:
        (ready,) = station.only(StationReady)
        assert (f"gossamer talk udp://192.168.1.20:{port}", 2) == (ready.invitations[0], len(ready.invitations))

    in_virtual_time(virtual_time, play, Station(Settings(link=f"udp://:{port}", name="Ada")))
