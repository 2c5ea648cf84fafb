"""UDP: two links, two processes, and everything that can be wrong with an address or a peer."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.support.overs import numbered_packet
from tests.support.processes import free_port
from transport.errors import LinkClosed, LinkError, NoPeerYet, PeerUnreachable
from transport.links.registry import KEEP_ALIVE, open_link
from transport.links.udp import KEEP_ALIVE_S
from transport.protocol.frames import Beacon, Voice
from transport.protocol.open_frames import decode, encode

VOICE = encode(Voice(1, 1, (numbered_packet(1),)))
PATIENCE_S = 30
"""For things that take milliseconds on a machine with nothing else to do."""


def run(main, *arguments) -> None:
    """Run an async test with a limit on its real time."""

    async def limited() -> None:
        with trio.fail_after(PATIENCE_S):
            await main(*arguments)

    trio.run(limited)


async def receive_but(link, unwanted: bytes) -> bytes:
    """The next frame that is not this one."""
    while (frame := await link.receive()) == unwanted:
        pass
    return frame


async def keep(link, heard: list[bytes]) -> None:
    """Keep what is received, until the link is closed."""
    with contextlib.suppress(LinkClosed):
        while True:
            heard.append(await link.receive())


async def receive_until_closed(link) -> None:
    """Receive on and on, whether somebody is there or not."""
    while True:
        try:
            await link.receive()
        except PeerUnreachable:
            continue


def test_a_caller_and_a_waiting_end() -> None:
    """The waiting end learns of the caller by the keep-alive that it sends at once; then frames go both ways."""

    async def main() -> None:
        port = free_port()
        async with trio.open_nursery() as nursery:
            waiting = await open_link(f"udp://:{port}", nursery)
            assert [False] == [waiting.ready]
            with pytest.raises(NoPeerYet, match="nobody has called"):
                await waiting.send(VOICE)
            caller = await open_link(f"udp://127.0.0.1:{port}?k=2", nursery)
            assert (True, f"udp://127.0.0.1:{port}?k=2") == (caller.ready, caller.name)
            assert KEEP_ALIVE == await waiting.receive()
            heard: list[bytes] = []
            nursery.start_soon(keep, caller, heard)
            nursery.start_soon(keep, waiting, heard)
            await waiting.wait_ready()
            assert [True] == [waiting.ready]
            await waiting.send(VOICE)
            while len(heard) < 1:
                await trio.sleep(0.001)
            await caller.send(VOICE)
            while len(heard) < 2:
                await trio.sleep(0.001)
            assert [VOICE, VOICE] == heard
            # A token beside the frame, and in return.
            assert (2, 32, 8, 8, 56) == (
                waiting.sent.frames,
                waiting.sent.voice,
                waiting.sent.header,
                waiting.sent.signals,
                waiting.sent.carrier,
            )
            assert (3, 84) == (waiting.received.frames, waiting.received.carrier)
            await caller.aclose()
            await waiting.aclose()

    run(main)


def test_an_impaired_link_without_a_peer() -> None:
    """The impairment layer does not swallow the fact that there is nobody to send to."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            waiting = await open_link(f"udp://:{free_port()}?delay=1000", nursery)
            with pytest.raises(NoPeerYet):
                await waiting.send(VOICE)
            await waiting.aclose()

    run(main)


def test_rubbish_makes_no_peer() -> None:
    """Bytes that are no frame are handed on, to be counted, but do not make their sender the peer."""

    async def main() -> None:
        port = free_port()
        async with trio.open_nursery() as nursery:
            waiting = await open_link(f"udp://:{port}", nursery)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.sendto(b"rubbish", ("127.0.0.1", port))
                assert b"rubbish" == await waiting.receive()
                assert not waiting.ready
                stranger.sendto(b"", ("127.0.0.1", port))
                assert b"" == await waiting.receive()
            await waiting.aclose()

    run(main)


def test_nobody_listens() -> None:
    """A caller whose peer's machine answers that nobody listens is told so; when somebody does, the link works."""

    async def main() -> None:
        port = free_port()
        async with trio.open_nursery() as nursery:
            caller = await open_link(f"udp://127.0.0.1:{port}", nursery)
            with pytest.raises(PeerUnreachable, match=f"nobody listens at 127.0.0.1 port {port}: start `gossamer talk"):
                await caller.receive()
            waiting = await open_link(f"udp://:{port}", nursery)
            await caller.send(VOICE)
            assert VOICE == await waiting.receive()
            await caller.aclose()
            await waiting.aclose()

    run(main)


def test_links_that_cannot_be_opened() -> None:
    """A busy port and an unknown host are LinkErrors of one line that name the cause and the cure."""

    async def main() -> None:
        port = free_port()
        async with trio.open_nursery() as nursery:
            waiting = await open_link(f"udp://:{port}", nursery)
            with pytest.raises(LinkError, match=f"^UDP port {port} is in use .*choose another port$"):
                await open_link(f"udp://:{port}", nursery)
            for host in ("no-such-host.invalid", "a..b", "x" * 80):
                with pytest.raises(LinkError, match="is no known host: check the spelling"):
                    await open_link(f"udp://{host}:{port}", nursery)
            with pytest.raises(LinkError, match="no link to another machine"):
                await open_link("parrot://", nursery)
            await waiting.aclose()

    run(main)


def test_closing_tells_who_waits() -> None:
    """A receiver gets LinkClosed when the link is closed, and so does a later `send`; no task is left behind."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = await open_link(f"udp://:{free_port()}?loss=0.1", nursery)
            bare = await open_link(f"udp://127.0.0.1:{free_port()}", nursery)
            for each in (link, bare):
                async with trio.open_nursery() as closer:
                    closer.start_soon(each.aclose)
                    with pytest.raises(LinkClosed):
                        await receive_until_closed(each)
            with pytest.raises(LinkClosed):
                await bare.send(VOICE)

    run(main)


def test_keep_alive() -> None:
    """A keep-alive goes out at once and then after every 20 s in which nothing else was sent."""

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.bind(("127.0.0.1", 0))
            far.settimeout(PATIENCE_S)
            beacon = encode(Beacon(1, 2, "Ada"))
            async with trio.open_nursery() as nursery:
                link = await open_link(f"udp://127.0.0.1:{far.getsockname()[1]}", nursery, keep_alive=beacon)
                times: list[float] = []
                for _ in range(3):
                    await trio.sleep(0)
                    while link.sent.frames == len(times):
                        await trio.sleep(1)
                    times.append(trio.current_time())
                    assert beacon == far.recv(100)
                await trio.sleep(KEEP_ALIVE_S / 2)
                await link.send(VOICE)
                assert VOICE == far.recv(100)
                await trio.sleep(KEEP_ALIVE_S - 2)
                assert 4 == link.sent.frames
                await trio.sleep(4)
                assert 5 == link.sent.frames
                assert times[1] - times[0] == pytest.approx(KEEP_ALIVE_S, abs=2)
                await link.aclose()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


ECHO = """
import sys, trio
from transport.links.registry import open_link
from transport.protocol.frames import Voice
from transport.protocol.open_frames import decode

async def main():
    async with trio.open_nursery() as nursery:
        link = await open_link(sys.argv[1], nursery)
        print("ready", flush=True)
        sent = []

        async def answer(octets):
            await link.wait_ready()
            await link.send(octets)
            sent.append(octets)
            if len(sent) == 20:
                nursery.cancel_scope.cancel()

        while True:
            octets = await link.receive()
            if isinstance(decode(octets), Voice):
                nursery.start_soon(answer, octets)

trio.run(main)
"""


def test_two_processes() -> None:
    """Two processes exchange twenty frames over UDP, each of which comes back as it was sent."""

    async def main() -> None:
        port = free_port()
        other = subprocess.Popen(
            [sys.executable, "-c", ECHO, f"udp://:{port}"],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        try:
            assert other.stdout is not None
            assert b"ready\n" == await trio.to_thread.run_sync(other.stdout.readline, abandon_on_cancel=True)
            async with trio.open_nursery() as nursery:
                link = await open_link(f"udp://localhost:{port}", nursery)
                for number in range(20):
                    octets = encode(Voice(1, number, (numbered_packet(number),)))
                    await link.send(octets)
                    frame = decode(await receive_but(link, KEEP_ALIVE))
                    assert Voice(1, number, (numbered_packet(number),)) == frame
                await link.aclose()
            assert 0 == await trio.to_thread.run_sync(other.wait, abandon_on_cancel=True)
        finally:
            other.kill()
            other.communicate()

    run(main)
