"""Several stations at once over UDP: a multicast group, or everybody on a network.

A group is `udp://239.1.2.3:PORT`, a network `udp://255.255.255.255:PORT` or its own broadcast address. IPv4 only;
routers do not pass such datagrams on.

Two sockets serve one station. One hears, bound to the port that all share; the other sends, from a port of its own, by
which a station knows its own frames when the network brings them back.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from ipaddress import IPv4Address

import trio

from transport.address import Address
from transport.errors import LinkError
from transport.link_kinds import UDP_IPV4
from transport.link_options import UdpSettings
from transport.links.datagrams import RECEIVE_BYTES, UNREACHABLE, DatagramLink, SocketAddress

_NO_NETWORK = (*UNREACHABLE, errno.ENODEV, errno.EADDRNOTAVAIL)


def is_group(host: str) -> bool:
    """Tell whether this is an IPv4 multicast address or the broadcast address of every network. Names are no groups."""
    try:
        address = IPv4Address(host)
    except ValueError:
        return False
    return address.is_multicast or address == IPv4Address("255.255.255.255")


class UdpGroupLink(DatagramLink):
    """A link to all stations of a group. `open_group` makes it."""

    unreachable = (*_NO_NETWORK, errno.ECONNREFUSED)

    def __init__(
        self, address: Address[UdpSettings], hears: trio.socket.SocketType, sends: trio.socket.SocketType
    ) -> None:
        super().__init__(address, (UDP_IPV4,))
        self._hears = hears
        self._sends = sends
        self._own = sends.getsockname()

    async def send(self, frame: bytes) -> None:
        """Send one frame to the group."""
        try:
            await self._sends.send(frame)
        except (trio.ClosedResourceError, OSError) as error:
            raise self._explained(error) from None
        self._count_sent(frame)

    async def receive(self) -> bytes:
        """Return the next frame of another station."""
        while True:
            try:
                frame, source = await self._hears.recvfrom(RECEIVE_BYTES)
            except (trio.ClosedResourceError, OSError) as error:
                raise self._explained(error) from None
            if source != self._own:
                self._sources.remember(frame, source)
                self._count_received(frame)
                return frame

    def protect(self, make_keep_alive: Callable[[], bytes]) -> None:
        """Do nothing: a group has no peer to learn, and needs no keep-alive."""

    def source(self, frame: bytes) -> SocketAddress | None:
        """Return who sent these bytes, received a moment ago; None where that was forgotten."""
        return self._sources.source(frame)

    def vouch(self, frame: bytes) -> None:
        """Do nothing: whoever speaks, the group is answered."""

    async def aclose(self) -> None:
        """Close both sockets."""
        self._closed = True
        self._hears.close()
        self._sends.close()
        await trio.lowlevel.checkpoint()


async def open_group(address: Address[UdpSettings], host: str) -> UdpGroupLink:
    """Join the group `host`, a numeric address. Raise LinkError: no network, or a port that something else has."""
    port = address.settings.port
    multicast = IPv4Address(host).is_multicast
    hears = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sends = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sends.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        await sends.connect((host, port))
        hears.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # several stations on one machine
        # Bound to the group, a socket does not hear what is meant for others that use the same port.
        await hears.bind((host if multicast else "", port))
        if multicast:
            own = sends.getsockname()[0]
            member = socket.inet_aton(host) + socket.inet_aton(own)
            hears.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    except OSError as error:
        hears.close()
        sends.close()
        if error.errno == errno.EADDRINUSE:
            cause, cure = f"UDP port {port} is in use", "close that program or choose another port"
        elif error.errno in _NO_NETWORK:
            cause, cure = f"there is no network to reach {host} on", "connect to one"
        else:
            cause, cure = f"{host} cannot be used ({error.strerror})", "choose another group, such as 239.1.2.3"
        raise LinkError(cause, cure) from None
    return UdpGroupLink(address, hears, sends)
