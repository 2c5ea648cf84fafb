"""Several stations on one network: multicast and broadcast."""

from __future__ import annotations

import socket

import pytest
import trio

from tests.support.overs import numbered_packet
from tests.support.processes import free_port
from transport.errors import LinkClosed, LinkError
from transport.links.registry import open_link
from transport.links.udp_group import UdpGroupLink, is_group
from transport.protocol.frames import Voice
from transport.protocol.open_frames import encode

PATIENCE_S = 30


def run(main) -> None:
    async def limited() -> None:
        with trio.fail_after(PATIENCE_S):
            await main()

    trio.run(limited)


def voice(number: int) -> bytes:
    return encode(Voice(number, 1, (numbered_packet(number),)))


@pytest.mark.parametrize("host", ["239.1.2.3", "255.255.255.255"])
def test_three_stations(host: str) -> None:
    """Everybody hears everybody, and nobody hears himself."""

    async def main() -> None:
        port = free_port()
        async with trio.open_nursery() as nursery:
            try:
                stations = [await open_link(f"udp://{host}:{port}", nursery) for _ in range(3)]
            except LinkError as problem:
                pytest.skip(f"no network to try it on: {problem}")
            for number, station in enumerate(stations):
                assert (True, 8) == (station.ready, station.tag_bytes)
                await station.send(voice(number))
            for number, station in enumerate(stations):
                assert isinstance(station, UdpGroupLink)
                expected = {voice(other) for other in range(3) if other != number}
                heard = [await station.receive(), await station.receive()]
                assert expected == set(heard)
                assert 3 == 1 + len({station.source(octets) for octets in heard})
                assert (1, 2) == (station.sent.frames, station.received.frames)
            for station in stations:
                await station.aclose()

    run(main)


def test_closing() -> None:
    """Who waits for a frame gets LinkClosed, and so does who sends."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            try:
                link = await open_link(f"udp://239.1.2.3:{free_port()}", nursery)
            except LinkError as problem:
                pytest.skip(f"no network to try it on: {problem}")
            async with trio.open_nursery() as closer:
                closer.start_soon(link.aclose)
                with pytest.raises(LinkClosed):
                    await link.receive()
            with pytest.raises(LinkClosed):
                await link.send(voice(1))

    run(main)


def test_a_port_that_is_taken() -> None:
    """A program that does not share its port keeps it."""

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("", 0))
            async with trio.open_nursery() as nursery:
                with pytest.raises(LinkError, match=r"is in use: close that program|there is no network"):
                    await open_link(f"udp://255.255.255.255:{other.getsockname()[1]}", nursery)

    run(main)


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("224.0.0.1", True),
        ("239.255.255.255", True),
        ("255.255.255.255", True),
        ("192.0.2.7", False),
        ("", False),
        ("ff02::1", False),
        ("radio.local", False),
    ],
)
def test_what_is_a_group(host: str, answer: bool) -> None:
    """By its address; a name is never one."""
    assert answer == is_group(host)
