"""TNCs that vanish without closing: noticed within seconds; nothing that was said meanwhile goes on the air later."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import serial
import trio

from tests.support.namespaces import Namespaces, inside, ip
from tests.support.overs import numbered_packet
from tests.support.wires import Plug
from transport.errors import PeerUnreachable
from transport.framing.cobs import COBS_MARK, cobs_encode
from transport.links.registry import open_link
from transport.protocol.frames import Voice
from transport.protocol.open_frames import encode

PATIENCE_S = 60
NOTICED_S = 8.0
VOICE = encode(Voice(1, 1, (numbered_packet(1),)))
LATE = encode(Voice(1, 2, (numbered_packet(2),)))


def listener_in(name: str) -> socket.socket:
    with inside(name):
        return socket.create_server(("198.18.1.2", 8001))


async def accepted(server: socket.socket) -> socket.socket:
    stream, _ = await trio.to_thread.run_sync(server.accept)
    return stream


@pytest.mark.parametrize("talking", [True, False])
def test_a_tnc_whose_cable_is_pulled(namespaces: Namespaces, talking: bool) -> None:
    """Talking or silent, the user is told within seconds; what was said is dropped, and the TNC is reached again."""

    async def main() -> None:
        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                link = await open_link("kiss://198.18.1.2?call=N0CALL&radio=fsk9600", nursery)
                before = await accepted(server)
                await link.send(VOICE)
                assert await trio.to_thread.run_sync(before.recv, 4096)
                ip("-n", namespaces.there, "link", "set", "tnc1", "down")
                pulled_s = trio.current_time()
                if talking:
                    await link.send(LATE)
                with pytest.raises(PeerUnreachable, match="does not answer any more: look after it"):
                    await link.receive()
                assert trio.current_time() - pulled_s < NOTICED_S
                with pytest.raises(PeerUnreachable, match="does not answer any more"):
                    await link.send(LATE)
                ip("-n", namespaces.there, "link", "set", "tnc1", "up")
                after = await accepted(server)
                await link.wait_ready()
                before.settimeout(1.0)
                assert not await trio.to_thread.run_sync(what_came, before)
                await link.send(VOICE)
                assert await trio.to_thread.run_sync(after.recv, 4096)
                await link.aclose()
                before.close()
                after.close()

    namespaces.connect("tnc", "198.18.1")
    with listener_in(namespaces.there) as server, inside(namespaces.here):
        trio.run(main)


def what_came(stream: socket.socket) -> bytes:
    """What the old connection brings within a second: nothing, whether it is reset or silent."""
    try:
        return stream.recv(4096)
    except OSError:
        return b""


def test_a_tnc_that_takes_nothing() -> None:
    """A program that stands still while its connection is alive: given up in seconds, and not fed later."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server, trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                link = await open_link(f"kiss://127.0.0.1:{server.getsockname()[1]}?call=N0CALL", nursery)
                stuck = await accepted(server)
                port: Any = link._port  # type: ignore[attr-defined]  # of the class behind the protocol
                with pytest.raises(PeerUnreachable, match="does not answer any more"):
                    while True:
                        began_s = trio.current_time()
                        await port.write(bytes(1 << 20))
                assert 2.5 < trio.current_time() - began_s < NOTICED_S
                with pytest.raises(PeerUnreachable, match="does not answer any more"):
                    await link.receive()
                (await accepted(server)).close()
                stuck.close()
                await link.aclose()

    trio.run(main)


def test_a_serial_port_that_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given up in seconds, and from then on at once, until it takes bytes again; what waited is dropped.

    A pseudo-terminal does not count what waits in it, so the count of a stuck adapter stands in for it.
    """
    waiting = 0

    async def main() -> None:
        monkeypatch.setattr(serial.Serial, "out_waiting", property(lambda port: waiting))
        nonlocal waiting
        plug = Plug(tmp_path / "ttyRADIO")
        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                link = await open_link(f"serial://{plug.path}?baud=4000000&settle=0", nursery)
                with pytest.raises(PeerUnreachable, match="ttyRADIO takes no bytes: look after the device"):
                    while True:
                        began_s = trio.current_time()
                        await link.send(VOICE)
                assert 2.5 < trio.current_time() - began_s < NOTICED_S
                began_s, waiting = trio.current_time(), 1
                for _ in range(5):
                    with pytest.raises(PeerUnreachable, match="takes no bytes"):
                        await link.send(LATE)
                assert trio.current_time() - began_s < 1.0
                waiting = 0
                await link.send(VOICE)
                came = b""
                with trio.move_on_after(0.5):
                    while True:
                        came += await plug.read_some()
                assert came.endswith(COBS_MARK + cobs_encode(VOICE) + COBS_MARK)
                assert cobs_encode(LATE) not in came
                await link.aclose()

    trio.run(main)
