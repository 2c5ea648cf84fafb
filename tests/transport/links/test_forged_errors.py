"""Errors of the network that anybody can forge: none of them ends a link, or costs the frame that is being sent."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import Any

import pytest
import trio
import trio.testing

from tests.support.icmp import forged_icmp, forger
from tests.support.overs import numbered_packet
from tests.support.processes import free_port
from transport.errors import LinkClosed, NoPeerYet, PeerUnreachable
from transport.links import datagrams
from transport.links.datagrams import ERROR_PAUSE_S, ERRORS_IN_A_ROW, SENT_AGAIN
from transport.links.registry import KEEP_ALIVE, open_link
from transport.links.udp import KEEP_ALIVE_S
from transport.protocol.frames import Begin, Voice
from transport.protocol.open_frames import encode

VOICE = encode(Voice(1, 1, (numbered_packet(1),)))
BEGIN = encode(Begin(1, 0, bytes(8), 0, 1, 1, "Eve"))
ICMP_ERRORS = ("ENOPROTOOPT", "ECONNREFUSED", "EMSGSIZE", "EOPNOTSUPP", "ENETUNREACH", "EHOSTDOWN", "ENONET", "EACCES")
OTHER_ERRORS = ("EPROTO", "EHOSTUNREACH", "EPERM", "EINVAL", "ENOBUFS", "ENETDOWN", "ENODEV", "EADDRNOTAVAIL")
PATIENCE_S = 30


class Errors:
    """Errors that the sockets of links tell of: `numbers` in turn, one whenever one of them is asked for anything."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.numbers: list[int] = []
        self._borrowed = datagrams.borrowed
        monkeypatch.setattr(datagrams, "borrowed", self.borrowed)

    @contextmanager
    def borrowed(self, sock: trio.socket.SocketType) -> Iterator[Any]:
        with self._borrowed(sock) as plain:
            yield FailingSocket(plain, self.numbers)


class FailingSocket:
    """A socket whose next calls fail, with the errors in turn."""

    def __init__(self, sock: socket.socket, numbers: list[int]) -> None:
        self._sock, self._numbers = sock, numbers

    def _fail(self) -> None:
        if self._numbers:
            number = self._numbers.pop(0)
            raise OSError(number, os.strerror(number))

    def recvfrom(self, size: int, flags: int) -> Any:
        self._fail()
        return self._sock.recvfrom(size, flags)

    def send(self, frame: bytes, flags: int) -> int:
        self._fail()
        return self._sock.send(frame, flags)


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> Errors:
    """The errors of this test's sockets."""
    return Errors(monkeypatch)


async def caller_and_far(nursery: trio.Nursery, far: socket.socket) -> Any:
    """A calling end, and the plain socket that it calls."""
    far.bind(("127.0.0.1", 0))
    far.settimeout(PATIENCE_S)
    link: Any = await open_link(f"udp://127.0.0.1:{far.getsockname()[1]}", nursery)
    assert KEEP_ALIVE == (await trio.to_thread.run_sync(far.recvfrom, 2048))[0]
    return link


@pytest.mark.parametrize("name", ICMP_ERRORS + OTHER_ERRORS)
def test_no_error_ends_a_calling_end(name: str, errors: Errors) -> None:
    """What `receive` and `send` raise is PeerUnreachable; afterwards frames go both ways, as if nothing had been."""
    number = getattr(errno, name)

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far, trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery, aclosing(await caller_and_far(nursery, far)) as link:
                errors.numbers += [number] * SENT_AGAIN
                with pytest.raises(PeerUnreachable):
                    await link.send(VOICE)
                errors.numbers += [number] * (SENT_AGAIN - 1)
                await link.send(VOICE)  # an error about an earlier datagram costs this one nothing
                assert VOICE == (await trio.to_thread.run_sync(far.recvfrom, 2048))[0]
                errors.numbers += [number] * ERRORS_IN_A_ROW
                far.sendto(VOICE, link._socket.getsockname())
                with pytest.raises(PeerUnreachable):
                    await link.receive()
                assert VOICE == await link.receive()
                errors.numbers += [number] * (ERRORS_IN_A_ROW - 1)
                far.sendto(VOICE, link._socket.getsockname())
                assert VOICE == await link.receive()  # nor is it waited for
                with pytest.raises(PeerUnreachable):
                    await link.receive()

    trio.run(main)


def test_errors_without_end_are_told_now_and_then(errors: Errors) -> None:
    """A socket that fails at every read is read again after a pause: the station is not kept busy by it."""

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far, trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery, aclosing(await caller_and_far(nursery, far)) as link:
                errors.numbers += [errno.EPROTO] * 10_000
                far.sendto(VOICE, link._socket.getsockname())
                began_s, told = trio.current_time(), 0
                while trio.current_time() < began_s + 10 * ERROR_PAUSE_S:
                    with pytest.raises(PeerUnreachable):
                        await link.receive()
                    told += 1
                assert told <= 11
                errors.numbers.clear()

    trio.run(main)


def test_the_keep_alive_goes_on_after_every_error(virtual_time: trio.testing.MockClock, errors: Errors) -> None:
    """A forged error does not end the keep-alive of a caller who only listens."""

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.bind(("127.0.0.1", 0))
            far.settimeout(PATIENCE_S)
            async with trio.open_nursery() as nursery:
                link: Any = await open_link(f"udp://127.0.0.1:{far.getsockname()[1]}", nursery)
                errors.numbers += [errno.EPROTO] * (2 * SENT_AGAIN)
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


@pytest.mark.parametrize(("kind", "code"), [(3, 1), (3, 2), (3, 3), (3, 4), (3, 8), (3, 13), (12, 0)])
def test_a_forged_icmp_message_ends_nothing(kind: int, code: int) -> None:
    """A real ICMP message of each kind, sent by somebody else: the frame sent next arrives, and the link lives."""

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far, forger() as raw, trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery, aclosing(await caller_and_far(nursery, far)) as link:
                forged = forged_icmp(kind, code, link._socket.getsockname(), far.getsockname())
                for _ in range(3):
                    raw.sendto(forged, ("127.0.0.1", 0))
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


def test_an_error_before_every_look_hides_no_datagram() -> None:
    """However many messages come, there is one before each look at the socket at the worst: the frame is there too."""

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far, forger() as raw, trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery, aclosing(await caller_and_far(nursery, far)) as link:
                here = link._socket.getsockname()
                forged = forged_icmp(3, 2, here, far.getsockname())
                for _ in range(10):
                    far.sendto(VOICE, here)
                    heard = b""
                    for _ in range(2):
                        raw.sendto(forged, ("127.0.0.1", 0))
                        with suppress(PeerUnreachable):
                            heard = heard or await link.receive()
                    assert VOICE == heard

    trio.run(main)


@pytest.mark.parametrize("steps", range(6))
@pytest.mark.parametrize("sends", [False, True])
def test_an_error_in_the_moment_of_the_end_is_none_of_the_command(steps: int, sends: bool) -> None:
    """A task that is cancelled while its link tells of an error, and is closed, ends as cancelled."""

    async def use(link: Any) -> None:
        while True:
            with suppress(PeerUnreachable):
                await (link.send(VOICE) if sends else link.receive())

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far, forger() as raw:
            async with trio.open_nursery() as outer:
                link = await caller_and_far(outer, far)
                raw.sendto(forged_icmp(3, 2, link._socket.getsockname(), far.getsockname()), ("127.0.0.1", 0))
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(use, link)
                    for _ in range(steps):
                        await trio.lowlevel.checkpoint()
                    nursery.cancel_scope.cancel()
                    await link.aclose()

    trio.run(main)
