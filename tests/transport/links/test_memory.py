"""The link inside one program, and the counting of bytes by layer."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.support.overs import numbered_packet
from transport.errors import LinkClosed
from transport.link_kinds import LayerBytes
from transport.links.memory import QUEUED_FRAMES, memory_pair
from transport.links.traffic import Traffic, count_frame
from transport.protocol.frames import TAG_BYTES, Beacon, Mode, Voice, VoiceWithCopies
from transport.protocol.open_frames import encode

VOICE = encode(Voice(1, 1, (numbered_packet(1),) * 2))
BEACON = encode(Beacon(1, 1))


def test_both_ways_and_counted() -> None:
    """Each end receives what the other sent, and both count it by layer."""

    async def main() -> None:
        a, b = memory_pair("a", "b", (LayerBytes("framing", 3), LayerBytes("UDP/IP", 28)))
        await a.wait_ready()
        await a.send(VOICE)
        await a.send(BEACON)
        await b.send(BEACON)
        assert (VOICE, BEACON, BEACON) == (await b.receive(), await b.receive(), await a.receive())
        assert Traffic(2, voice=64, header=8, signals=len(BEACON), framing=6, carrier=56) == a.sent == b.received
        assert Traffic(1, signals=len(BEACON), framing=3, carrier=28) == a.received == b.sent
        assert len(VOICE) + len(BEACON) + 62 == a.sent.total

    trio.run(main)


def test_traffic_in_between() -> None:
    """Two counts subtracted give what passed in between; rubbish counts as signals, and coarse copies apart."""
    before = count_frame(Traffic(), VOICE, ())
    after = count_frame(count_frame(before, VOICE, (LayerBytes("AX.25", 18),)), b"rubbish", ())
    assert Traffic(2, voice=64, header=8, signals=7, carrier=18) == after - before
    with_copies = VoiceWithCopies(7, 2, (bytes(32),), copies=(bytes(8),) * 6)
    octets = encode(with_copies)
    assert Traffic(1, voice=32, copies=48, header=9) == count_frame(Traffic(), octets, ())
    sealed = bytes([Mode.SEALED << 4 | octets[0] & 15]) + octets[1:4] + octets[6:-2] + bytes(max(TAG_BYTES))
    assert Traffic(1, voice=32, copies=48, header=13) == count_frame(Traffic(), sealed, ())


def test_closed() -> None:
    """When one end closes, both are told so, whatever they do next."""

    async def main() -> None:
        a, b = memory_pair()
        await a.aclose()
        for link in (a, b):
            with pytest.raises(LinkClosed):
                await link.receive()
            with pytest.raises(LinkClosed):
                await link.send(BEACON)

    trio.run(main)


def test_an_end_that_does_not_listen() -> None:
    """Frames that nobody fetches are lost in the end, and never stop the sender."""

    async def main() -> None:
        a, b = memory_pair()
        for _ in range(QUEUED_FRAMES + 10):
            await a.send(BEACON)
        received = 0
        with trio.move_on_after(1):
            while True:
                await b.receive()
                received += 1
        assert (QUEUED_FRAMES, QUEUED_FRAMES + 10) == (received, a.sent.frames)

    trio.run(main, clock=MockClock(autojump_threshold=0))
