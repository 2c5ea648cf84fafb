"""One frame a datagram, no retransmission. One end calls (`udp://HOST:PORT`), the other waits (`udp://:PORT`); several
meet in a group (udp_group.py).

The waiting end sends to whoever last began an over, or, once that one has been silent for half a minute, to whoever
sent the last valid frame. It receives from everybody. On a protected channel only frames that are vouched for count.
"""

from __future__ import annotations

import errno
import math
import os
import socket
from collections import OrderedDict
from collections.abc import Callable

import trio

from transport.address import Address
from transport.errors import LinkClosed, LinkError, NoPeerYet, PeerUnreachable
from transport.links.traffic import LayerBytes, Traffic, count_frame
from transport.links.udp_group import UdpGroupLink, is_group, open_group
from transport.protocol.frames import Type
from transport.protocol.open_frames import peek_type

KEEP_ALIVE_S = 20.0
"""Home routers forget a UDP path after 30 s and more."""
PEER_KEPT_S = 30.0
"""The waiting end stays with its peer this long after the last frame: one and a half keep-alives."""
MAX_FRAME_BYTES = 548
"""What every IPv4 path carries in one piece: 576 - 28."""
RECEIVE_BYTES = 2048
UNVOUCHED_FRAMES = 1024
"""Whose senders are remembered until somebody vouches for them: what may be under way in an impairment layer."""

_IPV4_LAYERS = (LayerBytes("UDP/IP", 28),)
_IPV6_LAYERS = (LayerBytes("UDP/IP", 48),)
_UNREACHABLE = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)


class UdpLink:
    """Made by `open_udp`."""

    def __init__(
        self, address: Address, sock: trio.socket.SocketType, calls: bool, layers: tuple[LayerBytes, ...]
    ) -> None:
        self.name = address.text
        self.layers = layers
        self.max_frame_bytes = MAX_FRAME_BYTES
        self.tag_bytes = 8
        self.sent = Traffic()
        self.received = Traffic()
        self._address = address
        self._socket = sock
        self._calls = calls
        self._peer: tuple[str | int, ...] | None = None
        self._peer_heard_s = -math.inf
        self._sent_s = -math.inf
        self._found_peer = trio.Event()
        self._scope = trio.CancelScope()
        self._closed = False
        self._make_keep_alive: Callable[[], bytes] | None = None
        self._unvouched: OrderedDict[bytes, tuple[str | int, ...]] | None = None
        if calls:
            self._found_peer.set()

    @property
    def ready(self) -> bool:
        return self._found_peer.is_set()

    async def wait_ready(self) -> None:
        await self._found_peer.wait()

    async def send(self, frame: bytes) -> None:
        try:
            if self._calls:
                await self._socket.send(frame)
            elif self._peer is not None:
                await self._socket.sendto(frame, self._peer)
            else:
                raise NoPeerYet(
                    f"nobody has called {self.name} yet",
                    f"start `gossamer talk udp://THIS-MACHINE:{self._address.port}` on the other one",
                )
        except (trio.ClosedResourceError, OSError) as error:
            raise self._explained(error) from None
        self._sent_s = trio.current_time()
        self.sent = count_frame(self.sent, frame, self.layers)

    def drain_s(self) -> float:
        return 0.0

    async def receive(self) -> bytes:
        try:
            frame, source = await self._socket.recvfrom(RECEIVE_BYTES)
        except (trio.ClosedResourceError, OSError) as error:
            raise self._explained(error) from None
        if self._unvouched is not None:
            self._unvouched.setdefault(frame, source)  # who copies a frame comes later than who made it
            if len(self._unvouched) > UNVOUCHED_FRAMES:
                self._unvouched.popitem(last=False)
        elif not self._calls:
            self._learn_peer(frame, source, trio.current_time())
        self.received = count_frame(self.received, frame, self.layers)
        return frame

    def protect(self, make_keep_alive: Callable[[], bytes]) -> None:
        self._make_keep_alive = make_keep_alive
        self._unvouched = OrderedDict()

    def source(self, frame: bytes) -> tuple[str | int, ...] | None:
        return None if self._calls or self._unvouched is None else self._unvouched.get(frame)

    def vouch(self, frame: bytes) -> None:
        source = self.source(frame)
        if source is not None:
            self._learn_peer(frame, source, trio.current_time())

    async def aclose(self) -> None:
        self._closed = True
        self._scope.cancel()
        self._socket.close()
        await trio.lowlevel.checkpoint()

    async def keep_alive(self, frame: bytes) -> None:
        """Send the frame at once (so that a waiting end knows of us), then whenever nothing was sent for 20 s."""
        with self._scope:
            while True:
                await trio.sleep_until(self._sent_s + KEEP_ALIVE_S)
                now = trio.current_time()
                if now < self._sent_s + KEEP_ALIVE_S:
                    continue  # something else was sent meanwhile
                self._sent_s = now
                try:
                    if self.ready:
                        await self.send(self._make_keep_alive() if self._make_keep_alive else frame)
                except PeerUnreachable:
                    continue  # whoever uses the link is told by `receive` or its own `send`
                except (LinkError, LinkClosed):
                    return

    def _learn_peer(self, frame: bytes, source: tuple[str | int, ...], now: float) -> None:
        kind = peek_type(frame)
        if kind is None:
            return
        if source != self._peer and (kind is Type.BEGIN or now > self._peer_heard_s + PEER_KEPT_S):
            self._peer = source
            host = str(source[0])
            self.layers = _IPV6_LAYERS if ":" in host and not host.startswith("::ffff:") else _IPV4_LAYERS
            self._found_peer.set()
        if source == self._peer:
            self._peer_heard_s = now

    def _explained(self, error: trio.ClosedResourceError | OSError) -> LinkError | LinkClosed:
        if self._closed or isinstance(error, trio.ClosedResourceError):
            return LinkClosed(f"{self.name} was closed")
        where = f"{self._address.host or 'the peer'} port {self._address.port}"
        if error.errno == errno.ECONNREFUSED:
            cure = f"start `gossamer talk udp://:{self._address.port}` there"
            return PeerUnreachable(f"nobody listens at {where}", cure)
        reason = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in _UNREACHABLE:
            return PeerUnreachable(f"{where} cannot be reached ({reason})", "check the address and the network")
        return LinkError(f"{self.name} failed ({reason})", "check the network and open the link again")


async def open_udp(address: Address, nursery: trio.Nursery, keep_alive: bytes) -> UdpLink | UdpGroupLink:
    """Call the address's host, or wait for a peer if it names none, or join a group. The keep-alive task runs in
    `nursery`.

    Raises LinkError: an unknown host, no way to it, or a busy port.
    """
    if is_group(address.host):
        return await open_group(address, address.host)
    link = await _call(address) if address.host else await _wait(address)
    if isinstance(link, UdpGroupLink):
        return link
    nursery.start_soon(link.keep_alive, keep_alive, name="UdpLink.keep_alive")
    return link


async def _call(address: Address) -> UdpLink | UdpGroupLink:
    try:
        found = await trio.socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)
    except (socket.gaierror, UnicodeError):
        raise LinkError(f"'{address.host}' is no known host", "check the spelling and the network") from None
    reason = "no address"
    # IPv4 first: it is 20 bytes a frame cheaper.
    for family, kind, protocol, _, target in sorted(found, key=lambda entry: entry[0] != socket.AF_INET):
        sock = trio.socket.socket(family, kind, protocol)
        try:
            await sock.connect(target)
        except OSError as error:
            sock.close()
            if error.errno == errno.EACCES and family == socket.AF_INET:
                return await open_group(address, str(target[0]))  # the broadcast address of a network of ours
            reason = error.strerror or str(error)
            continue
        return UdpLink(address, sock, True, _IPV4_LAYERS if family == socket.AF_INET else _IPV6_LAYERS)
    raise LinkError(f"{address.host} cannot be reached ({reason})", "check the address and the network")


async def _wait(address: Address) -> UdpLink:
    both = socket.has_dualstack_ipv6()
    sock = trio.socket.socket(socket.AF_INET6 if both else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if both:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        await sock.bind(("", address.port))
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            cause, cure = "is in use (another Gossamer?)", "close that program or choose another port"
        elif error.errno == errno.EACCES:
            cause, cure = "may not be used by you", "choose one from 1024 on"
        else:
            cause, cure = f"cannot be opened ({error.strerror})", "choose another one"
        raise LinkError(f"UDP port {address.port} {cause}", cure) from None
    return UdpLink(address, sock, False, _IPV4_LAYERS)
