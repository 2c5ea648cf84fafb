"""Packet-radio TNCs: KISS and AX.25 over TCP and over a serial port, with a TNC that the test plays."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from tests.support.overs import numbered_packet
from tests.support.wires import Plug
from transport.errors import LinkClosed, LinkError, PeerUnreachable
from transport.framing.ax25 import NO_LAYER_3, Callsign, UiFrame, encode_ui, parse_callsign
from transport.framing.kiss import KissCommand, kiss_encode
from transport.links.registry import open_link
from transport.protocol.frames import Voice
from transport.protocol.open_frames import encode

PATIENCE_S = 60
VOICE = encode(Voice(1, 1, (numbered_packet(1),)))
GOSMR = Callsign("GOSMR")


def heard(sender: str, payload: bytes = VOICE, *, to: Callsign = GOSMR, protocol: int = NO_LAYER_3) -> bytes:
    """What a TNC says when this was on the channel."""
    return kiss_encode(encode_ui(UiFrame(to, parse_callsign(sender), protocol, payload)))


def run(main) -> None:
    async def limited() -> None:
        with trio.fail_after(PATIENCE_S):
            await main()

    trio.run(limited)


class Tnc:
    """A TNC program with one client at a time, on a port that stays the same when it is started again."""

    def __init__(self) -> None:
        self.port = 0
        self._listener: trio.SocketListener | None = None
        self._stream: trio.SocketStream | None = None

    @property
    def listener(self) -> trio.SocketListener:
        assert self._listener is not None, "start it first"
        return self._listener

    @property
    def stream(self) -> trio.SocketStream:
        assert self._stream is not None, "accept somebody first"
        return self._stream

    async def start(self) -> None:
        [self._listener] = await trio.open_tcp_listeners(self.port, host="127.0.0.1")
        self.port = self.listener.socket.getsockname()[1]

    async def accept(self) -> None:
        self._stream = await self.listener.accept()

    async def stop(self) -> None:
        await self.stream.aclose()
        await self.listener.aclose()

    async def read(self, count: int) -> bytes:
        octets = b""
        while len(octets) < count:
            octets += await self.stream.receive_some(count - len(octets))
        return octets


async def opened(tnc: Tnc, nursery: trio.Nursery, settings: str = "call=N0CALL-1"):
    """A link to the TNC, which has accepted it."""
    link = await open_link(f"kiss://127.0.0.1:{tnc.port}?{settings}", nursery)
    await tnc.accept()
    return link


def test_frames_both_ways() -> None:
    """A frame goes out in KISS and AX.25 with our callsign, and comes in from anybody who speaks Gossamer."""

    async def main() -> None:
        tnc = Tnc()
        await tnc.start()
        async with trio.open_nursery() as nursery:
            link = await opened(tnc, nursery)
            assert (True, 4) == (link.ready, link.tag_bytes)
            await link.send(VOICE)
            assert heard("N0CALL-1") == await tnc.read(len(heard("N0CALL-1")))
            assert (32, 8, 20) == (link.sent.voice, link.sent.header, link.sent.carrier)
            await tnc.stream.send_all(heard("AB1CDE"))
            assert VOICE == await link.receive()
            await link.aclose()
            await tnc.stop()

    run(main)


def test_what_is_not_for_us() -> None:
    """Other protocols, other destinations, our own frames come back, no AX.25, no data: rubbish, and counted so."""
    foreign = [
        heard("AB1CDE", protocol=0xCC),
        heard("AB1CDE", to=Callsign("APRS")),
        heard("N0CALL-1"),
        kiss_encode(b"no AX.25 at all"),
        kiss_encode(b"\x0a", KissCommand.TXDELAY),
    ]

    async def main() -> None:
        tnc = Tnc()
        await tnc.start()
        async with trio.open_nursery() as nursery:
            link = await opened(tnc, nursery)
            for octets in foreign:
                await tnc.stream.send_all(octets)
                assert b"" == await link.receive()
            await tnc.stream.send_all(heard("AB1CDE", to=parse_callsign("N0CALL-1")))
            assert VOICE == await link.receive()
            assert len(foreign) + 1 == link.received.frames
            await link.aclose()
            await tnc.stop()

    run(main)


def test_a_destination_of_ones_own() -> None:
    """dest= names who the frames are for; theirs come under that name, or to our callsign."""

    async def main() -> None:
        tnc = Tnc()
        await tnc.start()
        async with trio.open_nursery() as nursery:
            link = await opened(tnc, nursery, "call=n0call-1&dest=net5")
            await link.send(VOICE)
            expected = heard("N0CALL-1", to=Callsign("NET5"))
            assert expected == await tnc.read(len(expected))
            for to, octets in ((GOSMR, b""), (Callsign("NET5"), VOICE), (Callsign("N0CALL", 1), VOICE)):
                await tnc.stream.send_all(heard("AB1CDE", to=to))
                assert octets == await link.receive()
            await link.aclose()
            await tnc.stop()

    run(main)


@pytest.mark.parametrize("port", [0, 1, 12, 15])
def test_another_radio_of_the_tnc(port: int) -> None:
    """kissport= says which of a TNC's radios is meant: settings and frames go there, others are not heard."""

    def on(number: int, sender: str) -> bytes:
        return kiss_encode(encode_ui(UiFrame(GOSMR, parse_callsign(sender), NO_LAYER_3, VOICE)), port=number)

    async def main() -> None:
        tnc = Tnc()
        await tnc.start()
        async with trio.open_nursery() as nursery:
            link = await opened(tnc, nursery, f"call=N0CALL-1&txdelay=100&kissport={port}")
            await link.send(VOICE)
            expected = kiss_encode(b"\x0a", KissCommand.TXDELAY, port) + on(port, "N0CALL-1")
            assert expected == await tnc.read(len(expected))
            await tnc.stream.send_all(on((port + 1) % 16, "AB1CDE") + on(port, "AB1CDE"))
            assert [b"", VOICE] == [await link.receive(), await link.receive()]
            await link.aclose()
            await tnc.stop()

    run(main)


def test_a_tnc_that_is_started_again() -> None:
    """Both who receives and who sends is told; the TNC is reached and told its settings again as soon as it is back."""
    greeting = bytes.fromhex("c0 01 0a c0  c0 02 ff c0  c0 03 01 c0  c0 04 02 c0")

    async def main() -> None:
        tnc = Tnc()
        await tnc.start()
        async with trio.open_nursery() as nursery:
            link = await opened(tnc, nursery, "call=N0CALL-1&txdelay=100&txtail=20&slottime=10&persist=255")
            assert greeting == await tnc.read(len(greeting))
            await tnc.stop()
            with pytest.raises(PeerUnreachable, match=r"the TNC at 127\.0\.0\.1 port .* hung up: start it again"):
                await link.receive()
            assert not link.ready
            with pytest.raises(PeerUnreachable):
                await link.send(VOICE)
            await tnc.start()
            await tnc.accept()
            await link.wait_ready()
            assert greeting == await tnc.read(len(greeting))
            await link.send(VOICE)
            assert heard("N0CALL-1") == await tnc.read(len(heard("N0CALL-1")))
            await link.aclose()
            await tnc.stop()

    run(main)


def test_over_a_serial_port(tmp_path: Path) -> None:
    """The same TNC at the end of a cable, which may be pulled."""

    async def main() -> None:
        plug = Plug(tmp_path / "ttyTNC")
        async with trio.open_nursery() as nursery:
            link = await open_link(f"kiss://{plug.path}?baud=9600&call=N0CALL-1&radio=fsk9600&txdelay=50", nursery)
            assert bytes.fromhex("c0 01 05 c0") == await plug.read(4)
            await link.send(VOICE)
            assert heard("N0CALL-1") == await plug.read(len(heard("N0CALL-1")))
            await plug.write(b"\x00boot text\r\n" + heard("AB1CDE"))
            assert [b"", VOICE] == [await link.receive(), await link.receive()]
            plug.unplug()
            with pytest.raises(PeerUnreachable, match="ttyTNC was unplugged"):
                await link.receive()
            await link.aclose()

    run(main)


def test_the_pace_of_the_air() -> None:
    """What a TNC queues for the air is known from its radio: 1200 bit/s unless the address says something else."""

    async def main() -> None:
        tnc = Tnc()
        await tnc.start()
        for settings, slowest_s, longest_s in (("", 0.40, 0.42), ("&radio=fsk9600", 0.050, 0.052)):
            async with trio.open_nursery() as nursery:
                link = await opened(tnc, nursery, "call=N0CALL-1" + settings)
                before_s = trio.current_time()
                await link.send(VOICE)
                assert slowest_s < link.drain_s() + trio.current_time() - before_s < longest_s
                await link.aclose()

    run(main)


def test_links_that_cannot_be_opened() -> None:
    """Nobody there, no such host: one line with the cause and the cure."""

    async def main() -> None:
        tnc = Tnc()
        await tnc.start()
        await tnc.listener.aclose()
        async with trio.open_nursery() as nursery:
            for host in ("127.0.0.1", "no-such-host.invalid"):
                with pytest.raises(LinkError, match=f"no TNC answers at {host} port .*: start it there") as caught:
                    await open_link(f"kiss://{host}:{tnc.port}?call=N0CALL", nursery)
                assert "\n" not in str(caught.value)

    run(main)


def test_closing() -> None:
    """Who waits for a frame gets LinkClosed, and so does who sends."""

    async def main() -> None:
        tnc = Tnc()
        await tnc.start()
        async with trio.open_nursery() as nursery:
            link = await opened(tnc, nursery)
            async with trio.open_nursery() as closer:
                closer.start_soon(link.aclose)
                with pytest.raises(LinkClosed):
                    await link.receive()
            with pytest.raises(LinkClosed):
                await link.send(VOICE)
        await tnc.stop()

    run(main)
