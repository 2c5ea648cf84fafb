"""UDP between two stations: one frame a datagram, and no retransmission.

One end calls (`udp://HOST:PORT`), the other waits (`udp://:PORT`). Several stations meet in a group (udp_group.py).

The waiting end receives from everybody. It sends to whoever last began an over or, once that one has been silent for
half a minute, to whoever sent the last valid frame. On a protected channel only frames that are vouched for count.
"""

from __future__ import annotations

import errno
import math
import socket
from collections.abc import Callable
from functools import partial

import trio

from transport.address import Address
from transport.errors import LinkClosed, LinkError, NoPeerYet, PeerUnreachable
from transport.link_kinds import UDP_IPV4, UDP_IPV6, LayerBytes
from transport.link_options import UdpSettings
from transport.links.datagrams import DatagramLink, SocketAddress, enlarge_buffer, send_again
from transport.links.route_watch import RouteWatch, local_address
from transport.links.udp_group import UdpGroupLink, is_group, open_group
from transport.protocol.frames import Type
from transport.protocol.open_frames import peek_type

KEEP_ALIVE_S = 20.0
"""Silence after which a keep-alive is sent; home routers forget a UDP path after 30 s and more."""
UNHEARD_S = 60.0
"""Silence after which the peer's name is looked up again: three keep-alives were missed."""
PEER_KEPT_S = 30.0
"""Silence after which the waiting end may take another peer: one and a half keep-alives."""


class UdpLink(DatagramLink):
    """A link to one other station. `open_udp` makes it."""

    unreachable_cure = "check the address and the network"

    def __init__(
        self,
        address: Address[UdpSettings],
        sock: trio.socket.SocketType,
        calls: bool,
        layers: tuple[LayerBytes, ...],
    ) -> None:
        super().__init__(address, layers)
        self._socket = sock
        self._calls = calls
        self._peer: SocketAddress | None = None
        self._peer_heard_s = -math.inf
        self._sent_s = -math.inf
        self._found_peer = trio.Event()
        self._heard_s = self._resolved_s = trio.current_time()
        self._rebound = trio.Event()
        self.route = RouteWatch(self._rebind)
        self._scope = trio.CancelScope()
        self._make_keep_alive: Callable[[], bytes] | None = None
        if calls:
            self._found_peer.set()

    @property
    def ready(self) -> bool:
        """Return whether there is somebody to send to: a waiting end has none until it was called."""
        return self._found_peer.is_set()

    async def wait_ready(self) -> None:
        """Return as soon as somebody has called."""
        await self._found_peer.wait()

    async def send(self, frame: bytes) -> None:
        """Send one frame to the peer."""
        try:
            if self._calls:
                await send_again(partial(self._socket.send, frame))
            elif self._peer is not None:
                await send_again(partial(self._socket.sendto, frame, self._peer))
            else:
                cure = f"start `gossamer talk udp://THIS-MACHINE:{self._settings.port}` on the other one"
                raise NoPeerYet(f"nobody has called {self.name} yet", cure)
        except (trio.ClosedResourceError, OSError) as error:
            raise self._explained(error) from None
        self._sent_s = trio.current_time()
        self._count_sent(frame)

    async def receive(self) -> bytes:
        """Return the next frame, from whomever it comes."""
        self.route.check()
        try:
            frame, source = await self._inbox.fetch(self._socket)
        except (trio.ClosedResourceError, OSError) as error:
            self.route.check()
            raise self._explained(error) from None
        self._heard_s = trio.current_time()
        if self._make_keep_alive is not None:
            self._sources.remember(frame, source)
        elif not self._calls:
            self._learn_peer(frame, source, trio.current_time())
        self._count_received(frame)
        return frame

    def protect(self, make_keep_alive: Callable[[], bytes]) -> None:
        """Learn, from now on, only from frames that are vouched for, and make every keep-alive anew."""
        self._make_keep_alive = make_keep_alive

    def source(self, frame: bytes) -> SocketAddress | None:
        """Return who sent these bytes; None at the calling end, which hears one station only."""
        return None if self._calls else self._sources.source(frame)

    def vouch(self, frame: bytes) -> None:
        """Take note that these bytes, received a moment ago, are authentic and new."""
        source = self.source(frame)
        if source is not None:
            self._learn_peer(frame, source, trio.current_time())

    async def aclose(self) -> None:
        """Close the socket and end the keep-alives."""
        self._closed = True
        self._scope.cancel()
        self.route.close()
        self._socket.close()
        await trio.lowlevel.checkpoint()

    async def keep_alive(self, frame: bytes) -> None:
        """Send the frame at once, so that a waiting end knows of this one, then after every 20 s of silence."""
        with self._scope:
            while True:
                with trio.move_on_at(self._sent_s + KEEP_ALIVE_S):
                    await self._rebound.wait()
                self._rebound = trio.Event()
                now = trio.current_time()
                if now < self._sent_s + KEEP_ALIVE_S:
                    continue  # something else was sent meanwhile
                self._sent_s = now
                try:
                    if self.ready:
                        await self.send(self._make_keep_alive() if self._make_keep_alive else frame)
                except PeerUnreachable:
                    continue  # whoever uses the link is told by `receive` or its own `send`
                except LinkClosed:
                    return

    async def _rebind(self) -> str:
        """Connect anew where this machine's address has changed, or the peer's name leads elsewhere."""
        now, target, own = trio.current_time(), self._socket.getpeername(), self._socket.getsockname()[0]
        changed = local_address(self._socket.family, target) != own
        if not changed and now < max(self._heard_s, self._resolved_s) + UNHEARD_S:
            return ""
        self._resolved_s = now
        fresh, _ = await _connected(self._settings)
        if fresh is None:
            return ""
        if (fresh.getpeername(), fresh.getsockname()[0]) == (target, own):
            fresh.close()
            return ""
        if fresh.getpeername() != target:
            news = f"{self._settings.host} is {fresh.getpeername()[0]} now"
        else:
            news = f"this machine is {fresh.getsockname()[0]} now"
        self.route.tell(news)
        old, self._socket = self._socket, fresh
        self.layers = (UDP_IPV4 if fresh.family == socket.AF_INET else UDP_IPV6,)
        old.close()
        self._sent_s = -math.inf  # so that the peer learns of it by a keep-alive at once
        self._rebound.set()
        return news

    def _learn_peer(self, frame: bytes, source: SocketAddress, now: float) -> None:
        kind = peek_type(frame)
        if kind is None or not source[1]:  # nothing can be sent to port 0
            return
        if source != self._peer and (kind is Type.BEGIN or now > self._peer_heard_s + PEER_KEPT_S):
            self._peer = source
            host = str(source[0])
            self.layers = (UDP_IPV6,) if ":" in host and not host.startswith("::ffff:") else (UDP_IPV4,)
            self._found_peer.set()
        if source == self._peer:
            self._peer_heard_s = now

    def _where(self) -> str:
        return f"{self._settings.host or 'the peer'} port {self._settings.port}"

    def _explained(self, error: trio.ClosedResourceError | OSError) -> LinkError | LinkClosed:
        if not self._closed and isinstance(error, OSError) and error.errno == errno.ECONNREFUSED:
            cure = f"start `gossamer talk udp://:{self._settings.port}` there"
            return PeerUnreachable(f"nobody listens at {self._where()}", cure)
        return super()._explained(error)


async def open_udp(address: Address[UdpSettings], nursery: trio.Nursery, keep_alive: bytes) -> UdpLink | UdpGroupLink:
    """Call the address's host, wait for a peer if it names none, or join a group.

    The task that sends `keep_alive` runs in `nursery`. Raise LinkError: an unknown host, no way to it, or a busy port.
    """
    host = address.settings.host
    if is_group(host):
        group = await open_group(address, host)
        nursery.start_soon(group.route.run, name="UdpGroupLink.route")
        return group
    link = await _call(address) if host else await _wait(address)
    if host:
        nursery.start_soon(link.route.run, name="UdpLink.route")
    if isinstance(link, UdpGroupLink):
        return link
    nursery.start_soon(link.keep_alive, keep_alive, name="UdpLink.keep_alive")
    return link


async def _call(address: Address[UdpSettings]) -> UdpLink | UdpGroupLink:
    sock, target = await _connected(address.settings)
    if sock is None:
        return await open_group(address, target)  # the broadcast address of this machine's network
    return UdpLink(address, sock, True, (UDP_IPV4 if sock.family == socket.AF_INET else UDP_IPV6,))


async def _connected(settings: UdpSettings) -> tuple[trio.socket.SocketType | None, str]:
    """Return a socket that is connected to the peer, and its address; None where that is one of a whole network."""
    host, port = settings.host, settings.port
    try:
        found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (socket.gaierror, UnicodeError):
        raise LinkError(f"'{host}' is no known host", "check the spelling and the network") from None
    reason = "no address"
    # IPv4 first: it is 20 bytes a frame cheaper.
    for family, kind, protocol, _, target in sorted(found, key=lambda entry: entry[0] != socket.AF_INET):
        sock = trio.socket.socket(family, kind, protocol)
        try:
            await sock.connect(target)
        except OSError as error:
            sock.close()
            if error.errno == errno.EACCES and family == socket.AF_INET:
                return None, str(target[0])
            reason = error.strerror or str(error)
            continue
        enlarge_buffer(sock)
        return sock, str(target[0])
    raise LinkError(f"{host} cannot be reached ({reason})", "check the address and the network")


async def _wait(address: Address[UdpSettings]) -> UdpLink:
    port = address.settings.port
    both = socket.has_dualstack_ipv6()
    sock = trio.socket.socket(socket.AF_INET6 if both else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if both:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        await sock.bind(("", port))
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            cause, cure = "is in use (another Gossamer?)", "close that program or choose another port"
        elif error.errno == errno.EACCES:
            cause, cure = "may not be used by you", "choose one from 1024 on"
        else:
            cause, cure = f"cannot be opened ({error.strerror})", "choose another one"
        raise LinkError(f"UDP port {port} {cause}", cure) from None
    enlarge_buffer(sock)
    return UdpLink(address, sock, False, (UDP_IPV4,))
