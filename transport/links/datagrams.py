"""The common part of the links over UDP: one frame is one datagram, and every datagram has a sender."""

from __future__ import annotations

import errno
import os
from collections import OrderedDict
from typing import Any, TypeAlias

import trio

from transport.address import Address
from transport.errors import LinkClosed, LinkError, PeerUnreachable
from transport.link_kinds import IPV4_UDP_BYTES, LayerBytes
from transport.link_options import UdpSettings
from transport.links.base import BaseLink

MAX_FRAME_BYTES = 576 - IPV4_UDP_BYTES
"""Longest frame that every IPv4 path carries in one piece: 548 bytes (RFC 791 asks for datagrams of 576)."""
RECEIVE_BYTES = 2048
"""Longest datagram that is read whole; no frame comes near it."""
REMEMBERED_FRAMES = 1024
"""Received frames whose senders can be asked for: what may be under way in an impairment layer."""
UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN)
"""Errors of a network that may come back."""

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


class DatagramLink(BaseLink):
    """A link whose frames are datagrams."""

    unreachable: tuple[int, ...] = UNREACHABLE
    """Numbers of the errors after which the link can be used again."""
    unreachable_cure = "check the network"

    def __init__(self, address: Address[UdpSettings], layers: tuple[LayerBytes, ...]) -> None:
        super().__init__(address.text, layers, address.kind.tag_bytes, MAX_FRAME_BYTES)
        self._settings = address.settings
        self._sources = SourceMemory()
        self._closed = False

    def _where(self) -> str:
        """Return what to call the far end."""
        return self._settings.host

    def _explained(self, error: trio.ClosedResourceError | OSError) -> LinkError | LinkClosed:
        """Return the error of this package that stands for one of the socket's."""
        if self._closed or isinstance(error, trio.ClosedResourceError):
            return self._was_closed()
        reason = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in self.unreachable:
            return PeerUnreachable(f"{self._where()} cannot be reached ({reason})", self.unreachable_cure)
        return LinkError(f"{self.name} failed ({reason})", "check the network and open the link again")
