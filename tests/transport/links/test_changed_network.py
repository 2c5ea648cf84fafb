"""Networks that change under an open link: another local address, an interface that is made again."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trio

from tests.support.broker import Broker
from tests.support.namespaces import Namespaces, inside, ip
from tests.support.overs import numbered_packet
from transport.errors import LinkRemade, PeerUnreachable
from transport.links import udp
from transport.links.registry import KEEP_ALIVE, open_link
from transport.links.route_watch import LOOK_EVERY_S
from transport.protocol.frames import Voice
from transport.protocol.open_frames import encode

PATIENCE_S = 60
AGAIN_S = 6.0
VOICE = encode(Voice(1, 1, (numbered_packet(1),)))
GROUP = "udp://239.1.2.3:7801"


async def remade(link) -> str:
    """What is said of the link when it is bound anew, within seconds."""
    with trio.fail_after(AGAIN_S):
        while True:
            try:
                await link.receive()
            except LinkRemade as news:
                return str(news)
            except PeerUnreachable:
                continue


def test_another_local_address(namespaces: Namespaces) -> None:
    """The first interface goes and the route leads over the second: the call goes on from there, and this is said."""

    async def main() -> None:
        with inside(namespaces.there):
            far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        far.bind(("198.18.9.9", 7800))
        far.settimeout(PATIENCE_S)
        with far, trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                link = await open_link("udp://198.18.9.9:7800", nursery)
                assert "198.18.1.1" == (await trio.to_thread.run_sync(far.recvfrom, 2048))[1][0]
                namespaces.cut("one")
                ip("-n", namespaces.here, "route", "add", "198.18.9.9/32", "via", "198.18.2.2")
                assert "this machine is 198.18.2.1 now: the link goes on from there" == await remade(link)
                _, source = await trio.to_thread.run_sync(far.recvfrom, 2048)
                assert "198.18.2.1" == source[0]  # a keep-alive, at once
                await link.send(VOICE)
                assert VOICE == (await trio.to_thread.run_sync(far.recvfrom, 2048))[0]
                far.sendto(VOICE, source)
                assert VOICE == await link.receive()
                await link.aclose()

    namespaces.connect("one", "198.18.1")
    namespaces.connect("two", "198.18.2")
    ip("-n", namespaces.there, "addr", "add", "198.18.9.9/32", "dev", "lo")
    ip("-n", namespaces.here, "route", "add", "198.18.9.9/32", "via", "198.18.1.2")
    with inside(namespaces.here):
        trio.run(main)


@pytest.mark.mosquitto
def test_a_broker_behind_another_address(namespaces: Namespaces, tmp_path: Path) -> None:
    """The interface over which the broker was called goes: it is called anew over the other one, and the talk goes on
    long before the connection's own silence would tell."""

    async def main() -> None:
        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                one, other = [await open_link(f"mqtt://198.18.9.9:{broker.port}/moves", nursery) for _ in range(2)]
                namespaces.cut("one")
                ip("-n", namespaces.here, "route", "add", "198.18.9.9/32", "via", "198.18.2.2")
                for link in (one, other):
                    with (
                        trio.fail_after(AGAIN_S),
                        pytest.raises(PeerUnreachable, match=r"this machine is 198\.18\.2\.1 now"),
                    ):
                        await link.receive()
                    await link.wait_ready()
                await one.send(VOICE)
                assert VOICE == await other.receive()
                for link in (one, other):
                    await link.aclose()

    namespaces.connect("one", "198.18.1")
    namespaces.connect("two", "198.18.2")
    ip("-n", namespaces.there, "addr", "add", "198.18.9.9/32", "dev", "lo")
    ip("-n", namespaces.here, "route", "add", "198.18.9.9/32", "via", "198.18.1.2")
    with inside(namespaces.there):
        broker = Broker(tmp_path, host="0.0.0.0")
    try:
        with inside(namespaces.here):
            trio.run(main)
    finally:
        broker.kill()


def member(name: str, own: str) -> socket.socket:
    """Another station's socket in the group, at this address."""
    with inside(name):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("239.1.2.3", 7801))
        sock.setsockopt(
            socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.1.2.3") + socket.inet_aton(own)
        )
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
    sock.settimeout(PATIENCE_S)
    return sock


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("198.18.1", "the network of 198.18.1.1 was away, 239.1.2.3 is joined again: the link goes on from there"),
        ("198.18.3", "this machine is 198.18.3.1 now: the link goes on from there"),
    ],
)
def test_an_interface_that_is_made_again(namespaces: Namespaces, network: str, said: str) -> None:
    """With the old address or a new one, the group is heard and reached again, and it is said once."""

    async def main() -> None:
        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                link = await open_link(GROUP, nursery)
                await link.send(VOICE)
                with member(namespaces.there, "198.18.1.2") as other:
                    other.sendto(VOICE, ("239.1.2.3", 7801))
                    assert VOICE == await link.receive()
                namespaces.cut("cable")
                await trio.sleep(LOOK_EVERY_S + 0.5)  # no network at all: nothing ends
                namespaces.connect("cable", network)
                group_routes(namespaces)
                assert said == await remade(link)
                with member(namespaces.there, f"{network}.2") as other:
                    await link.send(VOICE)
                    assert VOICE == (await trio.to_thread.run_sync(other.recvfrom, 2048))[0]
                    other.sendto(VOICE, ("239.1.2.3", 7801))
                    assert VOICE == await link.receive()
                with trio.move_on_after(2 * LOOK_EVERY_S):
                    pytest.fail(f"{await link.receive()!r}: nothing else was to come")
                await link.aclose()

    namespaces.connect("cable", "198.18.1")
    group_routes(namespaces)
    with inside(namespaces.here):
        trio.run(main)


def test_a_name_that_leads_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that is not heard any more is looked up again, and called where its name leads now."""
    leads_to = ["127.0.0.1"]

    async def found(host: str, port: int, **how: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_DGRAM, 0, "", (leads_to[-1], port))]

    async def main() -> None:
        with trio.fail_after(PATIENCE_S), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as moved:
            moved.bind(("127.0.0.2", 0))
            moved.settimeout(PATIENCE_S)
            async with trio.open_nursery() as nursery:
                link = await open_link(f"udp://bob.example:{moved.getsockname()[1]}", nursery)
                leads_to.append("127.0.0.2")
                assert "bob.example is 127.0.0.2 now: the link goes on from there" == await remade(link)
                await link.send(VOICE)
                frames = {(await trio.to_thread.run_sync(moved.recvfrom, 2048))[0] for _ in range(2)}
                assert {KEEP_ALIVE, VOICE} == frames
                await link.aclose()

    monkeypatch.setattr(udp, "UNHEARD_S", 1.0)
    monkeypatch.setattr(trio.socket, "getaddrinfo", found)
    trio.run(main)


def group_routes(namespaces: Namespaces) -> None:
    for name, card in ((namespaces.here, "cable0"), (namespaces.there, "cable1")):
        ip("-n", name, "route", "add", "239.0.0.0/8", "dev", card)
