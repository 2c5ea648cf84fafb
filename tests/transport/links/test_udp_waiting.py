"""A UDP end that waits, and several callers: what one says all hear, and nobody can take the line from the others."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from tests.support.overs import numbered_packet
from tests.support.processes import free_port
from transport.errors import LineFull, LinkClosed, PeerUnreachable
from transport.links.base import Link, source_finder
from transport.links.callers import FROM_ONE_HOST, MARK, PROOF_BYTES, RELAYED_AT_ONCE, Callers
from transport.links.registry import KEEP_ALIVE, open_link
from transport.protection.channel import open_channel
from transport.protection.cipher import Secret
from transport.protocol.frames import Beacon, Begin, Mode, Voice
from transport.protocol.open_frames import encode

PATIENCE_S = 30
"""For things that take milliseconds on a machine with nothing else to do."""


def voice(number: int) -> bytes:
    """A VOICE frame that is told from others."""
    return encode(Voice(1, number, (numbered_packet(number),)))


class End:
    """One end of the line, and what it has heard but keep-alives."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.heard: list[bytes] = []
        self.problems: list[PeerUnreachable] = []

    async def run(self) -> None:
        with contextlib.suppress(LinkClosed):
            while True:
                try:
                    frame = await self.link.receive()
                except PeerUnreachable as problem:
                    self.problems.append(problem)
                    continue
                if frame != KEEP_ALIVE:
                    self.heard.append(frame)

    async def hears(self, count: int) -> list[bytes]:
        """Return what was heard, once it is so much."""
        while len(self.heard) < count:
            await trio.sleep(0.002)
        return self.heard


@asynccontextmanager
async def line(callers: int, options: str = "") -> AsyncGenerator[list[End], None]:
    """A waiting end, the first, and its callers, all with a place."""
    port = free_port()
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            ends = [End(await open_link(f"udp://:{port}{options}", nursery))]
            nursery.start_soon(ends[0].run)
            for number in range(callers):
                ends.append(End(await open_link(f"udp://127.0.0.1:{port}", nursery)))
                nursery.start_soon(ends[-1].run)
                while len(places(ends[0].link)) <= number:
                    await trio.sleep(0.002)
            yield ends
            for end in ends:
                await end.link.aclose()
            nursery.cancel_scope.cancel()


def places(link: Any) -> list:
    """The callers who are on the line of a waiting end."""
    callers: Callers = getattr(link, "inner", link).callers
    return callers.present(trio.current_time())


def test_a_third_caller_takes_the_line_from_nobody() -> None:
    """A waits, B calls and talks, C sends once and leaves: what A says next reaches B, and what B says all."""

    async def main() -> None:
        async with line(2) as (ada, bob, cid):
            await bob.link.send(voice(1))
            assert [voice(1)] == await cid.hears(1) == await ada.hears(1)
            await cid.link.send(encode(Begin(2, 0, bytes(8), 0, 1, 1, "Cid")))
            await bob.hears(1)
            await cid.link.aclose()
            while len(places(ada.link)) > 1:
                await trio.sleep(0.002)
            await ada.link.send(voice(2))
            assert voice(2) == (await bob.hears(2))[1]

    trio.run(main)


def test_what_the_waiting_end_says_all_hear() -> None:
    """Each a copy of its own, which is counted; keep-alives are passed on to nobody."""

    async def main() -> None:
        async with line(3) as (ada, *others):
            tokens = ada.link.sent.frames
            await ada.link.send(voice(7))
            for end in others:
                assert [voice(7)] == await end.hears(1)
            assert (tokens + 3, 3 * 32) == (ada.link.sent.frames, ada.link.sent.voice)
            await others[0].link.send(KEEP_ALIVE)
            await others[0].link.send(encode(Beacon(1, 2, "Bob")))
            assert [voice(7), encode(Beacon(1, 2, "Bob"))] == await others[1].hears(2)
            assert [voice(7)] == others[0].heard

    trio.run(main)


def test_a_full_line_says_so() -> None:
    """The one who finds no place is told how many there are; those who are on the line stay."""

    async def main() -> None:
        async with line(1, "?rate=2400") as (ada, bob):
            port = ada.link.name.split(":")[2].split("?")[0]
            async with trio.open_nursery() as nursery:
                cid = End(await open_link(f"udp://127.0.0.1:{port}", nursery))
                nursery.start_soon(cid.run)
                while not cid.problems:
                    await trio.sleep(0.002)
                assert isinstance(cid.problems[0], LineFull)
                assert f"127.0.0.1 port {port} has no place free, it serves 1: call again later" in str(cid.problems[0])
                await cid.link.send(voice(1))
                await ada.link.send(voice(2))
                assert [voice(2)] == await bob.hears(1)
                assert ([], []) == (ada.heard, cid.heard)
                await cid.link.aclose()

    trio.run(main)


def test_a_host_with_all_its_places_is_told_how_many_those_are() -> None:
    """Others find a place there, so the number of all places would be no reason."""

    async def main() -> None:
        async with line(FROM_ONE_HOST) as (ada, *_):
            port = ada.link.name.split(":")[2]
            async with trio.open_nursery() as nursery:
                cid = End(await open_link(f"udp://127.0.0.1:{port}", nursery))
                nursery.start_soon(cid.run)
                while not cid.problems:
                    await trio.sleep(0.002)
                said = f"127.0.0.1 port {port} has no place free for this address, it serves 4 of one address without a"
                assert str(cid.problems[0]).startswith(said)
                await cid.link.aclose()

    trio.run(main)


def test_with_a_rate_every_copy_takes_its_time() -> None:
    """Two callers: a frame keeps the wire of a waiting end busy for twice as long."""

    async def main() -> None:
        async with line(2, "?rate=64000") as (ada, *_):
            await ada.link.send(bytes(100))
            assert 2 * 8 * 128 / 64000 == pytest.approx(ada.link.drain_s(), abs=0.005)

    trio.run(main)


def test_who_does_not_prove_that_he_receives_gets_no_more_than_he_sends() -> None:
    """A forged address: whatever is sent in its name, and whatever is said on the line, fewer bytes come than went."""

    async def main() -> None:
        async with line(1) as (ada, bob):
            port = int(ada.link.name.split(":")[2])
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim:
                victim.bind(("127.0.0.1", 0))
                victim.setblocking(False)
                sent = 0
                for number in range(20):
                    frame = KEEP_ALIVE if number % 2 else encode(Begin(3, 0, bytes(8), 0, 1, 1, "X"))
                    sent += len(frame)
                    victim.sendto(frame, ("127.0.0.1", port))  # as a forger would, in its name
                    victim.sendto(os.urandom(30), ("127.0.0.1", port))
                    await ada.link.send(voice(number))
                    await bob.link.send(voice(100 + number))
                    await trio.sleep(0.002)
                came = []
                with contextlib.suppress(BlockingIOError):
                    while True:
                        came.append(victim.recv(2048))
                assert came and {PROOF_BYTES} == {len(octets) for octets in came} and {MARK} == {o[:1] for o in came}
                assert sum(map(len, came)) <= sent
                assert 1 == len(places(ada.link))

    trio.run(main)


def test_a_flood_by_one_caller_leaves_the_line_to_the_others() -> None:
    """Thousands of frames of one: the others hear a few of them, and each other as before."""

    async def main() -> None:
        async with line(3) as (ada, bob, cid, eve):
            for number in range(2000):
                await eve.link.send(voice(1000 + number))
                if number % 50 == 0:
                    await trio.sleep(0)
            await bob.link.send(voice(1))
            await ada.link.send(voice(2))
            while not {voice(1), voice(2)} <= {*cid.heard}:
                await trio.sleep(0.002)
            floods = [frame for frame in cid.heard if frame not in (voice(1), voice(2))]
            assert len(floods) <= 2 * RELAYED_AT_ONCE
            assert 3 == len(places(ada.link))

    trio.run(main)


def test_on_a_sealed_channel_only_checked_frames_are_passed_on() -> None:
    """Frames that nobody vouches for go nowhere and make no caller, even of one that returns a token of its own."""

    async def main() -> None:
        port = free_port()
        secret = Secret(Mode.SEALED, bytes(32))
        bobs = open_channel(secret, 8, os.urandom)
        async with trio.open_nursery() as nursery:
            link = await open_link(f"udp://:{port}", nursery)
            finder = source_finder(link)
            assert finder is not None
            finder.protect(lambda: b"")
            with contextlib.ExitStack() as stack:
                bob, cid, eve = (
                    stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(3)
                )
                for sock in (bob, cid, eve):
                    sock.bind(("127.0.0.1", 0))
                    sock.settimeout(5)
                ada = ("127.0.0.1", port)

                async def hear(sock: socket.socket, octets: bytes, *, vouched: bool) -> None:
                    sock.sendto(octets, ada)
                    assert octets == await link.receive()
                    if vouched:
                        finder.vouch(octets)
                    await trio.sleep(0.01)

                async def call(sock: socket.socket) -> None:
                    await hear(sock, bobs.encode(Beacon(0, 0), 0.0, 0), vouched=True)
                    sock.sendto(await trio.to_thread.run_sync(sock.recv, 100), ada)
                    with trio.move_on_after(0.2):
                        await link.receive()

                with trio.fail_after(PATIENCE_S):
                    await call(bob)
                    await call(cid)
                    assert 2 == len(places(link))
                    forged = bobs.encode(Beacon(0, 0), 0.0, 0)[:-1] + b"!"
                    await hear(eve, forged, vouched=False)
                    await hear(cid, forged[:-1] + b"?", vouched=False)
                    genuine = bobs.encode(Begin(1, 0, bytes(8), 0, 1, 1, "Bob"), 0.0, 0)
                    await hear(bob, genuine, vouched=True)
                    assert genuine == await trio.to_thread.run_sync(cid.recv, 100)
                    eve.setblocking(False)
                    with pytest.raises(BlockingIOError):
                        eve.recv(100)
                    assert 2 == len(places(link))
            await link.aclose()

    trio.run(main)
