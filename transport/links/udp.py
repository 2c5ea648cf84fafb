"""UDP: one frame a datagram, and no retransmission. This is the end that calls (`udp://HOST:PORT`).

The end that waits for callers (`udp://:PORT`) is in udp_waiting.py, groups of stations on one network in udp_group.py.
"""

from __future__ import annotations

import contextlib
import errno
import math
import socket
from collections.abc import Callable

import trio

from transport.address import Address
from transport.errors import LineFull, LinkClosed, LinkError, NetworkReport, PeerUnreachable
from transport.link_kinds import UDP_IPV4, UDP_IPV6, LayerBytes
from transport.link_options import UdpSettings
from transport.links.callers import FULL_BYTES, MARK, OF_ONE_HOST, PROOF_BYTES
from transport.links.datagrams import DatagramLink, SocketAddress, enlarge_buffer, send_datagram
from transport.links.route_watch import RouteWatch, local_address
from transport.links.udp_group import UdpGroupLink, is_group, open_group
from transport.links.udp_waiting import UdpWaitingLink, open_waiting
from transport.protection.rate_limit import TokenBucket

KEEP_ALIVE_S = 20.0
"""Silence after which a keep-alive is sent; home routers forget a UDP path after 30 s and more."""
UNHEARD_S = 60.0
"""Silence after which the peer's name is looked up again: three keep-alives were missed."""
PROOFS_PER_S, PROOFS_AT_ONCE = 1.0, 4.0
"""Tokens a second that are returned to the waiting end, and how many at once: it sends one, when it is called."""


class UdpLink(DatagramLink):
    """A link to a station that waits, and through it to all who have called it. `open_udp` makes it."""

    unreachable_cure = "check the address and the network"

    def __init__(
        self, address: Address[UdpSettings], sock: trio.socket.SocketType, layers: tuple[LayerBytes, ...]
    ) -> None:
        super().__init__(address, layers)
        self._socket = sock
        self._sent_s = -math.inf
        self._proof = b""
        """Token that was returned to the waiting end, and takes our leave of it."""
        self._proofs = TokenBucket(PROOFS_PER_S, PROOFS_AT_ONCE)
        self._heard_s = self._resolved_s = trio.current_time()
        self._rebound = trio.Event()
        self.route = RouteWatch(self._rebind)
        self._scope = trio.CancelScope()
        self._make_keep_alive: Callable[[], bytes] | None = None

    async def send(self, frame: bytes) -> None:
        """Send one frame to the peer."""
        try:
            await send_datagram(lambda: self._socket, frame)
        except (trio.ClosedResourceError, OSError) as error:
            raise self._explained(error) from None
        self._sent_s = trio.current_time()
        self._count_sent(frame)

    async def receive(self) -> bytes:
        """Return the next frame of the peer. Raise LineFull where it has no place for this station."""
        while True:
            self.route.check()
            try:
                frame, _ = await self._inbox.fetch(self._socket)
            except (trio.ClosedResourceError, OSError) as error:
                self.route.check()
                raise self._explained(error) from None
            self._heard_s = trio.current_time()
            self._count_received(frame)
            if frame[:1] == MARK and len(frame) == PROOF_BYTES:
                await self._prove(frame)
            elif frame[:1] == MARK and len(frame) == FULL_BYTES:
                places, of_one_host = frame[1] & ~OF_ONE_HOST, bool(frame[1] & OF_ONE_HOST)
                raise LineFull(self._where(), places, of_one_address=of_one_host)
            else:
                return frame

    def protect(self, make_keep_alive: Callable[[], bytes]) -> None:
        """Make every keep-alive anew from now on."""
        self._make_keep_alive = make_keep_alive

    def source(self, frame: bytes) -> SocketAddress | None:
        """Return None: a calling end hears one address only."""
        return None

    def vouch(self, frame: bytes) -> None:
        """Do nothing: whom this end sends to, its address says."""

    async def _prove(self, proof: bytes) -> None:
        """Return what the waiting end has sent to see whether this station receives at its address."""
        if self._proofs.take(trio.current_time()):
            self._proof = proof
            with contextlib.suppress(trio.ClosedResourceError, OSError):  # the next keep-alive asks for another one
                await send_datagram(lambda: self._socket, proof)
                self._count_sent(proof)

    async def reply(self, heard: bytes, frame: bytes) -> None:
        """Send a frame to the peer: a calling end hears nobody else."""
        await self.send(frame)

    async def aclose(self) -> None:
        """Take leave, close the socket and end the keep-alives."""
        self._closed = True
        if self._proof:
            with contextlib.suppress(trio.ClosedResourceError, OSError):
                await send_datagram(lambda: self._socket, self._proof + MARK)
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

    def _where(self) -> str:
        return f"{self._settings.host} port {self._settings.port}"

    def _explained(self, error: trio.ClosedResourceError | OSError) -> LinkError | LinkClosed:
        if not self._closed and isinstance(error, OSError) and error.errno == errno.ECONNREFUSED:
            cure = f"start `gossamer talk udp://:{self._settings.port}` there"
            return NetworkReport(f"nobody listens at {self._where()}", cure)
        return super()._explained(error)


async def open_udp(
    address: Address[UdpSettings], nursery: trio.Nursery, keep_alive: bytes
) -> UdpLink | UdpWaitingLink | UdpGroupLink:
    """Call the address's host, wait for callers if it names none, or join a group.

    The task that sends `keep_alive` runs in `nursery`. Raise LinkError: an unknown host, no way to it, or a busy port.
    """
    host = address.settings.host
    if address.settings.waits:
        return await open_waiting(address, nursery)
    link = await open_group(address, host) if is_group(host) else await _call(address)
    nursery.start_soon(link.route.run, name=f"{type(link).__name__}.route")
    if isinstance(link, UdpLink):
        nursery.start_soon(link.keep_alive, keep_alive, name="UdpLink.keep_alive")
    return link


async def _call(address: Address[UdpSettings]) -> UdpLink | UdpGroupLink:
    sock, target = await _connected(address.settings)
    if sock is None:
        return await open_group(address, target)  # the broadcast address of this machine's network
    return UdpLink(address, sock, (UDP_IPV4 if sock.family == socket.AF_INET else UDP_IPV6,))


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
