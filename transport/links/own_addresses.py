"""The addresses of this machine, as others on its networks could call them."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Protocol, TypeAlias

import psutil

from transport.links.route_watch import local_address

IpAddress: TypeAlias = IPv4Address | IPv6Address

_FAR = {socket.AF_INET: ("192.0.2.1", 9), socket.AF_INET6: ("2001:db8::1", 9)}
"""Addresses that nobody has (RFC 5737, RFC 3849): the way to them is the way to everywhere. Nothing is sent there."""


class InterfaceAddress(Protocol):
    """One address of an interface, as psutil tells it."""

    @property
    def family(self) -> int:
        """Kind of the address: IPv4, IPv6 or that of the hardware."""

    @property
    def address(self) -> str:
        """The address as text."""


class InterfaceState(Protocol):
    """The state of an interface, as psutil tells it."""

    @property
    def isup(self) -> bool:
        """Whether the interface is switched on and has a network."""


def own_addresses() -> list[IpAddress]:
    """Return the addresses under which other machines may reach this one, that of the way to everywhere first.

    Blocking, some milliseconds. The list is empty without a network, and where the system does not tell.
    """
    try:
        fitting = callable_addresses(psutil.net_if_addrs(), psutil.net_if_stats())
    except (OSError, psutil.Error):
        return []
    outward = {_outward(family) for family in _FAR}
    return sorted(fitting, key=lambda address: (str(address) not in outward, address.version))


def callable_addresses(
    addresses: Mapping[str, Iterable[InterfaceAddress]], states: Mapping[str, InterfaceState]
) -> list[IpAddress]:
    """Return those of all interfaces' addresses that another machine can call, each once.

    Not among them are loopback, interfaces that are down, and link-local addresses, since those mean nothing without
    the name of the other machine's interface.
    """
    found: dict[IpAddress, None] = {}
    for name, entries in addresses.items():
        if name not in states or not states[name].isup:
            continue
        for entry in entries:
            if entry.family not in _FAR:
                continue
            address = ip_address(entry.address.partition("%")[0])
            if not (address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast):
                found[address] = None
    return list(found)


def _outward(family: int) -> str:
    """Return the address from which this machine sends to everywhere; "" where there is no way."""
    try:
        return local_address(family, _FAR[socket.AddressFamily(family)])
    except OSError:
        return ""
