"""Several stations at once: a multicast group (`udp://239.1.2.3:PORT`) or everybody on the network
(`udp://255.255.255.255:PORT`, or a network's own broadcast address). IPv4; routers do not pass it on.

One socket hears, bound to the port of all; another one sends, from a port of its own, by which a station knows its own
frames when the network brings them back.
"""

from __future__ import annotations

import errno
import os
import socket
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv4Address

import trio

from transport.address import Address
from transport.errors import LinkClosed, LinkError, PeerUnreachable
from transport.links.traffic import LayerBytes, Traffic, count_frame

MAX_FRAME_BYTES = 548
RECEIVE_BYTES = 2048
REMEMBERED_FRAMES = 1024
"""Whose senders can be asked for."""
_LAYERS = (LayerBytes("UDP/IP", 28),)
_NO_NETWORK = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENODEV, errno.EADDRNOTAVAIL)


def is_group(host: str) -> bool:
    """An IPv4 multicast address, or the broadcast address of every network. Names are never groups."""
    try:
        address = IPv4Address(host)
    except ValueError:
        return False
    return address.is_multicast or address == IPv4Address("255.255.255.255")


class UdpGroupLink:
    """Made by `open_group`."""

    def __init__(self, address: Address, hears: trio.socket.SocketType, sends: trio.socket.SocketType) -> None:
        self.name = address.text
        self.layers = _LAYERS
        self.max_frame_bytes = MAX_FRAME_BYTES
        self.tag_bytes = 8
        self.ready = True
        self.sent = Traffic()
        self.received = Traffic()
        self._hears = hears
        self._sends = sends
        self._own = sends.getsockname()
        self._host = address.host
        self._sources: OrderedDict[bytes, tuple[str, int]] = OrderedDict()

    async def wait_ready(self) -> None:
        await trio.lowlevel.checkpoint()

    async def send(self, frame: bytes) -> None:
        try:
            await self._sends.send(frame)
        except (trio.ClosedResourceError, OSError) as error:
            raise self._explained(error) from None
        self.sent = count_frame(self.sent, frame, self.layers)

    def drain_s(self) -> float:
        return 0.0

    async def receive(self) -> bytes:
        while True:
            try:
                frame, source = await self._hears.recvfrom(RECEIVE_BYTES)
            except (trio.ClosedResourceError, OSError) as error:
                raise self._explained(error) from None
            if source != self._own:
                self._sources.setdefault(frame, source)  # who copies a frame comes later than who made it
                if len(self._sources) > REMEMBERED_FRAMES:
                    self._sources.popitem(last=False)
                self.received = count_frame(self.received, frame, self.layers)
                return frame

    def protect(self, make_keep_alive: Callable[[], bytes]) -> None:
        """A group is learnt from nobody and needs no keep-alive: see peers.py."""

    def source(self, frame: bytes) -> tuple[str, int] | None:
        return self._sources.get(frame)

    def vouch(self, frame: bytes) -> None:
        """Whoever speaks, the group is answered."""

    async def aclose(self) -> None:
        self._hears.close()
        self._sends.close()
        await trio.lowlevel.checkpoint()

    def _explained(self, error: trio.ClosedResourceError | OSError) -> LinkError | LinkClosed:
        if isinstance(error, trio.ClosedResourceError) or error.errno == errno.EBADF:
            return LinkClosed(f"{self.name} was closed")
        reason = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in (*_NO_NETWORK, errno.ECONNREFUSED):
            return PeerUnreachable(f"{self._host} cannot be reached ({reason})", "check the network")
        return LinkError(f"{self.name} failed ({reason})", "check the network and open the link again")


async def open_group(address: Address, host: str) -> UdpGroupLink:
    """Join the group `host`, a numeric address. Raises LinkError: no network, or a port that something else has."""
    multicast = IPv4Address(host).is_multicast
    hears = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sends = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sends.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        await sends.connect((host, address.port))
        hears.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # several stations on one machine
        # Bound to the group, a socket does not hear what is meant for others that use the same port.
        await hears.bind((host if multicast else "", address.port))
        if multicast:
            own = sends.getsockname()[0]
            member = socket.inet_aton(host) + socket.inet_aton(own)
            hears.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    except OSError as error:
        hears.close()
        sends.close()
        if error.errno == errno.EADDRINUSE:
            cause, cure = f"UDP port {address.port} is in use", "close that program or choose another port"
        elif error.errno in _NO_NETWORK:
            cause, cure = f"there is no network to reach {host} on", "connect to one"
        else:
            cause, cure = f"{host} cannot be used ({error.strerror})", "choose another group, such as 239.1.2.3"
        raise LinkError(cause, cure) from None
    return UdpGroupLink(address, hears, sends)
