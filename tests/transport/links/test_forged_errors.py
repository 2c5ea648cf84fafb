"""Errors of the network that anybody can forge: none of them ends a link, or costs the frame that is being sent."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest
import trio
import trio.testing

from tests.support.overs import numbered_packet
from tests.support.processes import free_port
from transport.errors import LinkClosed, NoPeerYet, PeerUnreachable
from transport.links.datagrams import ERROR_PAUSE_S
from transport.links.registry import KEEP_ALIVE, open_link
from transport.links.udp import KEEP_ALIVE_S
from transport.protocol.frames import Begin, Voice
from transport.protocol.open_frames import encode

VOICE = encode(Voice(1, 1, (numbered_packet(1),)))
BEGIN = encode(Begin(1, 0, bytes(8), 0, 1, 1, "Eve"))
ICMP_ERRORS = ("ENOPROTOOPT", "ECONNREFUSED", "EMSGSIZE", "EOPNOTSUPP", "ENETUNREACH", "EHOSTDOWN", "ENONET", "EACCES")
OTHER_ERRORS = ("EPROTO", "EHOSTUNREACH", "EPERM", "EINVAL", "ENOBUFS", "ENETDOWN", "ENODEV", "EADDRNOTAVAIL")
PATIENCE_S = 30


class FailingSocket:
    """A socket whose next calls fail, with the errors in turn."""

    def __init__(self, sock: Any, errors: Iterator[int]) -> None:
        self._sock, self._errors = sock, errors

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def _fail(self) -> None:
        number = next(self._errors, 0)
        if number:
            raise OSError(number, os.strerror(number))

    async def recvfrom(self, size: int) -> Any:
        self._fail()
        return await self._sock.recvfrom(size)

    async def send(self, frame: bytes) -> Any:
        self._fail()
        return await self._sock.send(frame)


async def caller_and_far(nursery: trio.Nursery, far: socket.socket) -> Any:
    """A calling end, and the plain socket that it calls."""
    far.bind(("127.0.0.1", 0))
    far.settimeout(PATIENCE_S)
    link: Any = await open_link(f"udp://127.0.0.1:{far.getsockname()[1]}", nursery)
    assert KEEP_ALIVE == (await trio.to_thread.run_sync(far.recvfrom, 2048))[0]
    return link


@pytest.mark.parametrize("name", ICMP_ERRORS + OTHER_ERRORS)
def test_no_error_ends_a_calling_end(name: str) -> None:
    """What `receive` and `send` raise is PeerUnreachable; afterwards frames go both ways, as if nothing had been."""

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far, trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery, aclosing(await caller_and_far(nursery, far)) as link:
                plain = link._socket
                link._socket = FailingSocket(plain, iter([getattr(errno, name)]))
                with pytest.raises(PeerUnreachable):
                    await link.receive()
                link._socket = FailingSocket(plain, iter([getattr(errno, name)] * 3))
                with pytest.raises(PeerUnreachable):
                    await link.send(VOICE)
                link._socket = FailingSocket(plain, iter([getattr(errno, name)] * 2))
                await link.send(VOICE)  # an error about an earlier datagram costs this one nothing
                assert VOICE == (await trio.to_thread.run_sync(far.recvfrom, 2048))[0]
                far.sendto(VOICE, link._socket.getsockname())
                assert VOICE == await link.receive()

    trio.run(main)


def test_errors_without_end_are_told_now_and_then() -> None:
    """A socket that fails at every read is read again after a pause: the station is not kept busy by it."""

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far, trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery, aclosing(await caller_and_far(nursery, far)) as link:
                link._socket = FailingSocket(link._socket, iter([errno.EPROTO] * 10_000))
                began_s, told = trio.current_time(), 0
                while trio.current_time() < began_s + 10 * ERROR_PAUSE_S:
                    with pytest.raises(PeerUnreachable):
                        await link.receive()
                    told += 1
                assert told <= 11

    trio.run(main)


def test_the_keep_alive_goes_on_after_every_error(virtual_time: trio.testing.MockClock) -> None:
    """A forged error does not end the keep-alive of a caller who only listens."""

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.bind(("127.0.0.1", 0))
            far.settimeout(PATIENCE_S)
            async with trio.open_nursery() as nursery:
                link: Any = await open_link(f"udp://127.0.0.1:{far.getsockname()[1]}", nursery)
                link._socket = FailingSocket(link._socket, iter([errno.EPROTO] * 4))
                for _ in range(5):
                    await trio.sleep(KEEP_ALIVE_S)
                assert KEEP_ALIVE == far.recvfrom(2048)[0]
                await link.aclose()

    trio.run(main, clock=virtual_time)


def test_nobody_is_answered_at_port_0() -> None:
    """A BEGIN from UDP port 0 is heard; its sender becomes nobody's peer, and takes the place of none."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link: Any = await open_link(f"udp://:{free_port()}", nursery)
            now, nobody, caller = trio.current_time(), ("::ffff:127.0.0.1", 0, 0, 0), ("::ffff:127.0.0.1", 9, 0, 0)
            link._take(BEGIN, nobody, now)
            with pytest.raises(NoPeerYet):
                await link.send(VOICE)
            link._take(BEGIN, caller, now)
            assert [caller] == [to for _, to in link._outgoing]
            link._take_proof(link._outgoing[0][0], caller, now)
            link._take(BEGIN, nobody, now + 1.0)
            assert 1 == len(link._outgoing)
            await link.send(VOICE)
            await link.aclose()
            with pytest.raises(LinkClosed):
                await link.receive()

    trio.run(main)


def forged_icmp(kind: int, code: int, here: tuple[str, int], there: tuple[str, int]) -> bytes:
    """An ICMP message about a datagram that `here` would have sent to `there`."""
    addresses = socket.inet_aton(here[0]) + socket.inet_aton(there[0])
    about = struct.pack(">BBHHHBBH", 0x45, 0, 64, 0, 0, 64, socket.IPPROTO_UDP, 0) + addresses
    about += struct.pack(">HHHH", here[1], there[1], 44, 0)
    message = struct.pack(">BBHI", kind, code, 0, 0) + about
    total = sum(struct.unpack(f">{len(message) // 2}H", message))
    total = (total & 0xFFFF) + (total >> 16)
    return message[:2] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + message[4:]


@pytest.mark.parametrize(("kind", "code"), [(3, 1), (3, 2), (3, 3), (3, 4), (3, 8), (3, 13), (12, 0)])
def test_a_forged_icmp_message_ends_nothing(kind: int, code: int) -> None:
    """A real ICMP message of each kind, sent by somebody else: the frame sent next arrives, and the link lives."""
    try:
        forger = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    except PermissionError:
        pytest.skip("forging ICMP needs a raw socket, which only root may open")

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far, forger, trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery, aclosing(await caller_and_far(nursery, far)) as link:
                forged = forged_icmp(kind, code, link._socket.getsockname(), far.getsockname())
                for _ in range(3):
                    forger.sendto(forged, ("127.0.0.1", 0))
                    await link.send(VOICE)
                    assert VOICE == (await trio.to_thread.run_sync(far.recvfrom, 2048))[0]
                far.sendto(VOICE, link._socket.getsockname())
                while True:
                    try:
                        assert VOICE == await link.receive()
                    except PeerUnreachable:
                        continue
                    break

    trio.run(main)
