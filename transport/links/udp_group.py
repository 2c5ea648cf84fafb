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
from transport.links.datagrams import DatagramLink, SocketAddress, enlarge_buffer, send_datagram
from transport.links.route_watch import RouteWatch, local_address

_NO_NETWORK = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.ENODEV, errno.EADDRNOTAVAIL)


def is_group(host: str) -> bool:
    """Tell whether this is an IPv4 multicast address or the broadcast address of every network. Names are no groups."""
    try:
        address = IPv4Address(host)
    except ValueError:
        return False
    return address.is_multicast or address == IPv4Address("255.255.255.255")


class UdpGroupLink(DatagramLink):
    """A link to all stations of a group. `open_group` makes it."""

    def __init__(
        self, address: Address[UdpSettings], hears: trio.socket.SocketType, sends: trio.socket.SocketType
    ) -> None:
        super().__init__(address, (UDP_IPV4,))
        self._hears = hears
        self._sends = sends
        self._own = {sends.getsockname()}
        self._group = str(sends.getpeername()[0])
        self.route = RouteWatch(self._rebind)

    async def send(self, frame: bytes) -> None:
        """Send one frame to the group."""
        try:
            await send_datagram(lambda: self._sends, frame)
        except (trio.ClosedResourceError, OSError) as error:
            raise self._explained(error) from None
        self._count_sent(frame)

    async def receive(self) -> bytes:
        """Return the next frame of another station."""
        while True:
            self.route.check()
            try:
                frame, source = await self._inbox.fetch(self._hears)
            except (trio.ClosedResourceError, OSError) as error:
                self.route.check()
                raise self._explained(error) from None
            if source not in self._own:
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

    async def reply(self, heard: bytes, frame: bytes) -> None:
        """Send a frame to the group, in which everybody hears everything."""
        await self.send(frame)

    async def aclose(self) -> None:
        """Close both sockets."""
        self._closed = True
        self.route.close()
        self._hears.close()
        self._sends.close()
        await trio.lowlevel.checkpoint()

    async def _rebind(self) -> str:
        """Join again where this machine's address has changed, or the interface is another one under the same name."""
        target = (self._group, self._settings.port)
        now, before = local_address(socket.AF_INET, target), self._sends.getsockname()[0]
        if now == before and (not IPv4Address(self._group).is_multicast or not self._joins_again(before)):
            return ""
        hears, sends = await _group_sockets(*target)
        news = (
            f"this machine is {now} now"
            if now != before
            else f"the network of {now} was away, {self._group} is joined again"
        )
        self.route.tell(news)
        old = (self._hears, self._sends)
        self._hears, self._sends = hears, sends
        self._own = {sends.getsockname(), old[1].getsockname()}  # a frame of the old one may be under way
        for sock in old:
            sock.close()
        return news

    def _joins_again(self, own: str) -> bool:
        """Tell whether the group can be joined, which fails while this socket is a member."""
        try:
            _join(self._hears, self._group, own)
        except OSError as error:
            return error.errno != errno.EADDRINUSE
        return True


def _join(sock: trio.socket.SocketType, group: str, own: str) -> None:
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton(own))


async def open_group(address: Address[UdpSettings], host: str) -> UdpGroupLink:
    """Join the group `host`, a numeric address. Raise LinkError: no network, or a port that something else has."""
    return UdpGroupLink(address, *await _group_sockets(host, address.settings.port))


async def _group_sockets(host: str, port: int) -> tuple[trio.socket.SocketType, trio.socket.SocketType]:
    """Return the socket that hears the group and the one that sends to it. Raise LinkError."""
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
            _join(hears, host, sends.getsockname()[0])
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
    enlarge_buffer(hears)
    return hears, sends
