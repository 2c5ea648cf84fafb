"""A UDP end that waits for a call on a protected channel: who may lead it to a peer."""

from __future__ import annotations

import contextlib
import socket
from typing import cast

import pytest
import trio
import trio.testing

from tests.support.processes import free_port
from transport.address import parse_address
from transport.errors import LinkClosed
from transport.links.base import Link, reply, source_finder
from transport.links.datagrams import REMEMBERED_FRAMES, SourceMemory
from transport.links.registry import open_link
from transport.protection.channel import open_channel
from transport.protection.cipher import Secret
from transport.protocol.frames import Beacon, Begin, Mode
from transport.protocol.open_frames import encode


def is_ready(link: Link) -> bool:
    """Read through a function, so that type checkers do not believe that it stays."""
    return link.ready


async def receive_until_closed(link: Link) -> None:
    """Receive, as the station does, so that what is no frame comes to the link."""
    with contextlib.suppress(LinkClosed):
        while True:
            await link.receive()


def test_a_waiting_end_is_led_to_its_peer_by_authentic_frames_only() -> None:
    """On a protected channel a forged BEGIN from elsewhere teaches nothing, and neither does a copied one."""

    async def main() -> None:
        secret = Secret(Mode.SEALED, bytes(32))
        peer, forger = open_channel(secret, 8, lambda count: bytes(count)), open_channel(None, 8, bytes)
        begin = Begin(1, 0, bytes(8), 0, 1, 1, "Ada")
        port = free_port()
        async with trio.open_nursery() as nursery:
            for options in ("", "?delay=10"):
                link = await open_link(parse_address(f"udp://:{port}{options}"), nursery)
                finder = source_finder(link)
                assert finder is not None
                finder.protect(lambda: b"anew")
                with (
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
                ):
                    for sock in (here, there):
                        sock.bind(("127.0.0.1", 0))
                        sock.settimeout(10)
                    there.sendto(encode(begin), ("127.0.0.1", port))
                    there.sendto(forger.encode(Beacon(0, 0), 0.0, 0), ("127.0.0.1", port))
                    for _ in range(2):
                        with trio.fail_after(10):
                            await link.receive()
                    assert finder.source(encode(begin)) is not None and not is_ready(link)
                    authentic = peer.encode(begin, 0.0, 0)
                    here.sendto(authentic, ("127.0.0.1", port))
                    there.sendto(authentic, ("127.0.0.1", port))
                    for _ in range(2):
                        with trio.fail_after(10):
                            octets = await link.receive()
                        finder.vouch(octets)
                    assert here.getsockname()[1] == cast("tuple", finder.source(octets))[1]
                    assert not is_ready(link)  # who it is has not proven that it receives there
                    proof = await trio.to_thread.run_sync(here.recv, 100)
                    there.sendto(proof, ("127.0.0.1", port))
                    here.sendto(proof, ("127.0.0.1", port))
                    nursery.start_soon(receive_until_closed, link)
                    with trio.fail_after(10):
                        await link.wait_ready()
                    await link.send(b"answer")
                    while (came := await trio.to_thread.run_sync(here.recv, 100)) == proof:
                        pass
                    assert b"answer" == came
                    there.setblocking(False)
                    with pytest.raises(BlockingIOError):
                        there.recv(100)
                    there.setblocking(True)
                    await reply(link, encode(begin), b"refused")  # to the forger alone, who gets no place by it
                    await reply(link, b"never heard", b"refused")
                    assert b"refused" == await trio.to_thread.run_sync(there.recv, 100)
                    await link.send(b"answer again")
                    assert b"answer again" == await trio.to_thread.run_sync(here.recv, 100)
                await link.aclose()

    trio.run(main)


def test_senders_of_so_many_frames_are_remembered_and_no_more() -> None:
    """Of the same bytes from two the first is remembered; the oldest makes room."""
    memory = SourceMemory()
    for number in range(2 * REMEMBERED_FRAMES):
        memory.remember(number.to_bytes(4), (number,))
        assert len(memory._sources) <= REMEMBERED_FRAMES
    newest = 2 * REMEMBERED_FRAMES - 1
    memory.remember(newest.to_bytes(4), ("forger",))
    assert (newest,) == memory.source(newest.to_bytes(4))
    assert memory.source((0).to_bytes(4)) is None
