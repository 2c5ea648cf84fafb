"""Which of a machine's addresses others can call."""

from __future__ import annotations

import socket
from typing import NamedTuple

import psutil
import pytest

from transport.links.own_addresses import callable_addresses, own_addresses


class Entry(NamedTuple):
    """An address of an interface."""

    family: int
    address: str


class State(NamedTuple):
    """The state of an interface."""

    isup: bool


V4, V6, HARDWARE = int(socket.AF_INET), int(socket.AF_INET6), 17
INTERFACES = {
    "lo": [Entry(V4, "127.0.0.1"), Entry(V6, "::1")],
    "wlan0": [
        Entry(HARDWARE, "02:00:00:00:00:01"),
        Entry(V4, "192.168.1.20"),
        Entry(V6, "2001:db8::20"),
        Entry(V6, "fd00::20"),
        Entry(V6, "fe80::1%wlan0"),
    ],
    "eth0": [Entry(V4, "10.0.0.7")],
    "eth1": [Entry(V4, "169.254.3.4"), Entry(V4, "192.168.1.20")],
    "gone": [Entry(V4, "10.9.9.9")],
}
STATES = {"lo": State(True), "wlan0": State(True), "eth0": State(False), "eth1": State(True)}


def test_only_addresses_that_others_can_call() -> None:
    """Not loopback, not link-local, not of an interface that is down or has just gone; each once."""
    found = [str(address) for address in callable_addresses(INTERFACES, STATES)]
    assert ["192.168.1.20", "2001:db8::20", "fd00::20"] == found


def test_the_way_to_everywhere_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several addresses the one from which this machine sends to everywhere is the likeliest, then IPv4."""
    both = {"docker0": [Entry(V6, "fd01::1"), Entry(V4, "172.17.0.1")], "wlan0": [Entry(V4, "192.168.1.20")]}
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: both)
    monkeypatch.setattr(psutil, "net_if_stats", lambda: {name: State(True) for name in both})

    def outward(family: int, target: tuple) -> str:
        if family == socket.AF_INET:
            return "192.168.1.20"
        raise OSError("no IPv6 here")

    monkeypatch.setattr("transport.links.own_addresses.local_address", outward)
    assert ["192.168.1.20", "172.17.0.1", "fd01::1"] == [str(address) for address in own_addresses()]


def test_a_system_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox that hides its interfaces leaves nothing to tell, and is no error."""

    def refuse() -> None:
        raise PermissionError

    monkeypatch.setattr(psutil, "net_if_addrs", refuse)
    assert [] == own_addresses()


def test_this_machine() -> None:
    """Whatever is found here is an address that a socket can be bound to."""
    for address in own_addresses():
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((str(address), 0))
