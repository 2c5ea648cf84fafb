"""The common part of the links over UDP: one frame is one datagram, and every datagram has a sender."""

from __future__ import annotations

import contextlib
import math
import os
import socket
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import trio

from transport.address import Address
from transport.errors import LinkClosed, LinkError, NetworkReport
from transport.link_kinds import IPV4_UDP_BYTES, LayerBytes
from transport.link_options import UdpSettings
from transport.links.base import BaseLink

MAX_FRAME_BYTES = 576 - IPV4_UDP_BYTES
"""Longest frame that every IPv4 path carries in one piece: 548 bytes (RFC 791 asks for datagrams of 576)."""
RECEIVE_BYTES = 2048
"""Longest datagram that is read whole; no frame comes near it."""
RECEIVE_BUFFER_BYTES = 1 << 20
"""Size of the socket's buffer that is asked for; a system gives what it allows, 50 ms of 10,000 frames/s and more."""
WAITING_DATAGRAMS = 4096
"""Datagrams that were read from the socket and wait to be fetched: 0.4 s of 10,000 a second, 8 MB at the most."""
READ_AGAIN_EVERY = 32
"""Datagrams after whose fetching the socket is emptied again, so that a flood does not fill its buffer meanwhile."""
SENT_AGAIN = 10
"""Tries to send a frame, one right after the other.

What a socket says when it is asked to send may be about an earlier datagram, and anybody can forge the ICMP message
that it comes from. Each is told once, so that only a flood of 100,000 a second spoils several tries in a row.
"""
ERRORS_IN_A_ROW = 16
"""Errors one right after the other for which a socket is read on at once.

What the network reports is told once, so only a socket that is at fault itself tells of so many.
"""
ERROR_PAUSE_S = 0.01
"""Pause after an error of the socket before it is looked at again, in seconds.

Forged errors wake a station, and are reported, no more often than that. What came meanwhile is all read afterwards.
"""
REMEMBERED_FRAMES = WAITING_DATAGRAMS + 1024
"""Received frames whose senders can be asked for: what may wait, and be under way in an impairment layer."""

SocketAddress: TypeAlias = tuple[Any, ...]
"""An address as the socket has it: host, port, and for IPv6 two numbers more."""


class SourceMemory:
    """The senders of the frames that were received last."""

    def __init__(self) -> None:
        self._sources: OrderedDict[bytes, SocketAddress] = OrderedDict()

    def remember(self, frame: bytes, source: SocketAddress) -> None:
        """Keep the sender of a frame; of the same bytes from two senders the first, for who copies a frame is later."""
        self._sources.setdefault(frame, source)
        if len(self._sources) > REMEMBERED_FRAMES:
            self._sources.popitem(last=False)

    def source(self, frame: bytes) -> SocketAddress | None:
        """Return who sent these bytes, or None where that was forgotten."""
        return self._sources.get(frame)


class DatagramInbox:
    """The datagrams of one socket, emptied into memory: reading them one by one costs more than checking them."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[bytes, SocketAddress]] = deque(maxlen=WAITING_DATAGRAMS)
        self._problem: OSError | None = None
        self._failed_s = -math.inf
        self._fetched = 0

    async def fetch(self, sock: trio.socket.SocketType) -> tuple[bytes, SocketAddress]:
        """Return the next datagram and its sender. Raise trio.ClosedResourceError, or OSError: fetch again."""
        self._fetched += 1
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._waiting and self._fetched % READ_AGAIN_EVERY == 0:
            await trio.lowlevel.cancel_shielded_checkpoint()
            self._empty(sock)
        while not self._waiting:
            problem, self._problem = self._problem, None
            if problem is not None:
                raise problem
            await trio.sleep_until(self._failed_s + ERROR_PAUSE_S)
            await trio.lowlevel.wait_readable(_open(sock))
            self._empty(sock)
        return self._waiting.popleft()

    def _empty(self, sock: trio.socket.SocketType) -> None:
        """Read what the socket holds, past its errors, as far as there is room; keep the last one for `fetch`."""
        if sock.fileno() < 0:
            return
        in_a_row = 0
        with borrowed(sock) as plain:
            while len(self._waiting) < WAITING_DATAGRAMS and in_a_row < ERRORS_IN_A_ROW:
                try:
                    self._waiting.append(plain.recvfrom(RECEIVE_BYTES, socket.MSG_DONTWAIT))
                except BlockingIOError:
                    return
                except OSError as error:
                    self._problem, self._failed_s = error, trio.current_time()
                    in_a_row += 1
                else:
                    in_a_row = 0


@contextlib.contextmanager
def borrowed(sock: trio.socket.SocketType) -> Iterator[socket.socket]:
    """Lend a plain socket with the descriptor of trio's, for calls between which nothing else runs."""
    plain = socket.socket(sock.family, sock.type, sock.proto, fileno=sock.fileno())
    try:
        yield plain
    finally:
        plain.detach()


def _open(sock: trio.socket.SocketType) -> trio.socket.SocketType:
    """Return the socket. Raise trio.ClosedResourceError where it was closed."""
    if sock.fileno() < 0:
        raise trio.ClosedResourceError
    return sock


def enlarge_buffer(sock: trio.socket.SocketType) -> None:
    """Ask for a large receive buffer; a system that gives none leaves it as it is."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)


async def send_datagram(
    current: Callable[[], trio.socket.SocketType], octets: bytes, to: SocketAddress | None = None
) -> None:
    """Send a datagram through the socket that `current` returns, again at once where it tells of an error.

    to: None where the socket is connected. Raise trio.ClosedResourceError, or OSError after SENT_AGAIN tries.
    """
    while True:
        await trio.lowlevel.checkpoint_if_cancelled()
        sock = _open(current())
        try:
            with borrowed(sock) as plain:
                _try_to_send(plain, octets, to)
        except BlockingIOError:
            try:
                await trio.lowlevel.wait_writable(sock)
            except trio.ClosedResourceError:
                if sock is current():
                    raise
        else:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return


def _try_to_send(plain: socket.socket, octets: bytes, to: SocketAddress | None) -> None:
    for attempt in range(1, SENT_AGAIN + 1):
        try:
            if to is None:
                plain.send(octets, socket.MSG_DONTWAIT)
            else:
                plain.sendto(octets, socket.MSG_DONTWAIT, to)
        except BlockingIOError:
            raise
        except OSError:
            if attempt == SENT_AGAIN:
                raise
        else:
            return


class DatagramLink(BaseLink):
    """A link whose frames are datagrams.

    No error of its socket ends it: most of them come from the network, where anybody can forge them, and pass.
    """

    unreachable_cure = "check the network"

    def __init__(self, address: Address[UdpSettings], layers: tuple[LayerBytes, ...]) -> None:
        super().__init__(address.text, layers, address.kind.tag_bytes, MAX_FRAME_BYTES)
        self._settings = address.settings
        self._sources = SourceMemory()
        self._inbox = DatagramInbox()
        self._closed = False

    def _where(self) -> str:
        """Return what to call the far end."""
        return self._settings.host

    def _explained(self, error: trio.ClosedResourceError | OSError) -> LinkError | LinkClosed:
        """Return the error of this package that stands for one of the socket's."""
        if self._closed or isinstance(error, trio.ClosedResourceError):
            return self._was_closed()
        reason = os.strerror(error.errno) if error.errno else str(error)
        return NetworkReport(f"{self._where()} cannot be reached ({reason})", self.unreachable_cure)
