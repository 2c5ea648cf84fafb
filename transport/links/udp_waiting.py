"""A UDP end that waits for callers, and is the place where they meet: what one says, all hear.

It hears everybody. It sends to all who have a place on the line (callers.py), and passes on to the others what one of
them sends, byte by byte as it came. On a protected channel only frames that are vouched for count.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections import deque
from collections.abc import Callable

import trio

from transport.address import Address
from transport.errors import LinkError, NoPeerYet
from transport.link_kinds import UDP_IPV4, UDP_IPV6, LayerBytes
from transport.link_options import UdpSettings
from transport.links.callers import LEAVE_BYTES, MARK, OF_ONE_HOST, PROOF_BYTES, Admission, Callers
from transport.links.datagrams import DatagramLink, SocketAddress, enlarge_buffer, send_datagram
from transport.planning.callers import MAX_CALLERS, callers_carried
from transport.protocol.frames import Type
from transport.protocol.open_frames import CHECK_BYTES, HEADER_BYTES, STAMP_BYTES, peek_type

PASSED_ON_WAITING = 256
"""Datagrams that wait to be passed on: those of a second of what all callers may send. The oldest make room."""


class UdpWaitingLink(DatagramLink):
    """A link to all who call this machine. `open_waiting` makes it."""

    def __init__(self, address: Address[UdpSettings], sock: trio.socket.SocketType) -> None:
        super().__init__(address, (UDP_IPV4,))
        self._socket = sock
        self._protected = False
        self._keep_alive_bytes = HEADER_BYTES + CHECK_BYTES + 1
        self._called = trio.Event()
        self._was_called = False
        self._on_call: Callable[[], None] = lambda: None
        self._outgoing: deque[tuple[bytes, SocketAddress]] = deque(maxlen=PASSED_ON_WAITING)
        self._more = trio.Event()
        self._scope = trio.CancelScope()
        self.callers = Callers(callers_carried(address), os.urandom(32))

    @property
    def ready(self) -> bool:
        """Return whether somebody is on the line."""
        return bool(self.callers.present(trio.current_time()))

    @property
    def copies(self) -> int:
        """How many times a frame goes out: once for each caller."""
        return len(self.callers.present(trio.current_time()))

    async def wait_ready(self) -> None:
        """Return as soon as somebody is on the line."""
        while not self.ready:
            self._called = trio.Event()
            await self._called.wait()

    async def send(self, frame: bytes) -> None:
        """Send one frame to every caller. A caller who cannot be reached costs the others nothing."""
        await trio.lowlevel.checkpoint_if_cancelled()
        callers = self.callers.present(trio.current_time())
        problem: Exception | None = None
        if self._closed:
            raise self._was_closed()
        if not callers:
            cause = "nobody is on the line any more" if self._was_called else f"nobody has called {self.name} yet"
            raise NoPeerYet(cause, "whoever calls with the command that was shown here hears you")
        reached = 0
        for caller in callers:
            try:
                await self._send_to(frame, caller)
            except (trio.ClosedResourceError, OSError) as error:
                problem = self._explained(error)
            else:
                reached += 1
        if not reached and problem is not None:
            raise problem

    async def receive(self) -> bytes:
        """Return the next frame, from whomever it comes."""
        while True:
            try:
                frame, source = await self._inbox.fetch(self._socket)
            except (trio.ClosedResourceError, OSError) as error:
                raise self._explained(error) from None
            now = trio.current_time()
            if frame[:1] == MARK and len(frame) in (PROOF_BYTES, LEAVE_BYTES):
                self._received.add(frame, _layers(source))
                self._take_proof(frame, source, now)
            elif not self.callers.is_refused(source, now) and (self._protected or self.callers.bears(source, now)):
                self._received.add(frame, _layers(source))
                if self._protected:
                    self._sources.remember(frame, source)
                else:
                    self._take(frame, source, now)
                return frame

    def tell_calls(self, on_call: Callable[[], None]) -> None:
        """Tell `on_call` of every caller that gets a place from now on: it has proven that it can be reached."""
        self._on_call = on_call

    def protect(self, make_keep_alive: Callable[[], bytes]) -> None:
        """Serve, from now on, only those whose frames are vouched for; a waiting end sends no keep-alives."""
        self._protected = True
        self._keep_alive_bytes = HEADER_BYTES + STAMP_BYTES + 1 + self.tag_bytes
        self.callers.per_host = self.callers.places

    def source(self, frame: bytes) -> SocketAddress | None:
        """Return who sent these bytes, received a moment ago; None where that was forgotten."""
        return self._sources.source(frame)

    def vouch(self, frame: bytes) -> None:
        """Take note that these bytes, received a moment ago, are authentic and new."""
        source = self.source(frame)
        if source is not None:
            self._take(frame, source, trio.current_time())

    async def reply(self, heard: bytes, frame: bytes) -> None:
        """Send a frame to whoever sent `heard`, who gets no place by it; lose it if that is forgotten."""
        if not self._protected:
            await self.send(frame)
        elif (source := self.source(heard)) is not None and source[1]:
            with contextlib.suppress(OSError):  # a stranger who cannot be reached is no fault of this link
                await self._send_to(frame, source)

    async def aclose(self) -> None:
        """Close the socket, and pass nothing on any more."""
        self._closed = True
        self._scope.cancel()
        self._socket.close()
        await trio.lowlevel.checkpoint()

    async def pass_on(self) -> None:
        """Send what waits for others than all callers: frames passed on, and tokens. Run until closed."""
        with self._scope:
            while True:
                while not self._outgoing:
                    self._more = trio.Event()
                    await self._more.wait()
                frame, caller = self._outgoing.popleft()
                try:
                    await self._send_to(frame, caller)
                except (trio.ClosedResourceError, OSError):
                    continue  # that caller is told by nobody else: it leaves by its silence

    def _take(self, frame: bytes, source: SocketAddress, now: float) -> None:
        """Take a valid frame: pass it on, or ask its sender for proof that it receives."""
        kind = peek_type(frame)
        if kind is None or not source[1]:  # nothing can be sent to port 0
            return
        if not self.callers.heard(source, now):
            self._queue(self.callers.challenge(source, now), source)
        elif not (kind is Type.BEACON and len(frame) == self._keep_alive_bytes):
            for other in self.callers.to_pass_on(source, now):
                self._queue(frame, other)

    def _take_proof(self, octets: bytes, source: SocketAddress, now: float) -> None:
        if len(octets) == LEAVE_BYTES:
            self.callers.left(source, octets)
            return
        answer = self.callers.returned(source, octets, now)
        if answer is Admission.ADMITTED:
            self.layers = _layers(source)
            self._called.set()
            self._was_called = True
            self._on_call()
        elif answer is Admission.FULL:
            self._queue(MARK + bytes([min(self.callers.places, MAX_CALLERS)]), source)
        elif answer is Admission.HOST_FULL:
            self._queue(MARK + bytes([OF_ONE_HOST | min(self.callers.per_host, MAX_CALLERS)]), source)

    def _queue(self, octets: bytes, to: SocketAddress) -> None:
        if octets:
            self._outgoing.append((octets, to))
            self._more.set()

    async def _send_to(self, frame: bytes, caller: SocketAddress) -> None:
        await send_datagram(lambda: self._socket, frame, caller)
        self._sent.add(frame, _layers(caller))

    def _where(self) -> str:
        return f"the callers of port {self._settings.port}"


def _layers(source: SocketAddress) -> tuple[LayerBytes, ...]:
    """Return what is around a frame to or from this address."""
    host = str(source[0])
    return (UDP_IPV6,) if ":" in host and not host.startswith("::ffff:") else (UDP_IPV4,)


async def open_waiting(address: Address[UdpSettings], nursery: trio.Nursery) -> UdpWaitingLink:
    """Wait for callers at the address's port, on IPv4 and IPv6. Raise LinkError: a port that something else has."""
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
    link = UdpWaitingLink(address, sock)
    nursery.start_soon(link.pass_on, name="UdpWaitingLink.pass_on")
    return link
