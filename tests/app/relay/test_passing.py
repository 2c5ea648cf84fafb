"""Frames of a sealed channel through a relay that has not got the passphrase."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import trio

from app import events
from app.relay.reports import OverNotRelayed, OverRelayed, RelayProblem
from tests.support.air import Air, WatchedRelay, clock, play, relaying
from tests.support.overs import over_frames
from tests.support.station import ADA, Station, clip, running
from transport.address import parse_address
from transport.planning.planner import link_model
from transport.protection.channel import ProtectedChannel
from transport.protection.cipher import Secret
from transport.protocol.frames import PACKET_S, TAG_BYTES_IP, TAG_BYTES_RADIO, Mode, Repeat, Type

pytestmark = pytest.mark.usefixtures("cheap_keys")

PACKETS = 8
OVER = clip(PACKETS * 0.32 - 0.1)


def station(name: str, air: Air, **changes) -> Station:
    settings = replace(ADA, name=name, link=air.name, passphrase="secret", **changes)
    return Station(settings, link=air.member(), clock=clock, speaks_clips=False)


def test_frames_that_fit_go_on_as_they_are() -> None:
    """Every frame byte by byte and once; the receipt and a message too; no BEACON."""
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = station("Ada", near, addressee="Bob"), station("Bob", far)
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            await trio.sleep(6.0)
            ada.engine.play_clip(OVER)
            played = await bob.until(events.OverPlayed)
            assert ("Ada", PACKETS, 0, True) == (played.sender, played.packets, played.lost, played.complete)
            assert PACKETS == (await ada.until(events.OverConfirmed)).heard
            ada.engine.send_text("QTH?", "Bob", confirm=True)
            await ada.until(events.TextConfirmed)

    play(main)
    assert ada.encoder.packets == bob.decoder.packets
    said = {frame for _, member, frame in near.frames if member == 0 and frame[0] & 15 != Type.BEACON}
    there = [frame for _, member, frame in far.frames if member == 1]
    assert said == set(there) and 1 == len(there) - len(said)  # END came twice
    assert [(PACKETS, True)] == [(one.packets, one.complete) for one in hill.only(OverRelayed)]


def test_copies_go_on_with_the_packets() -> None:
    """Frames with coarse copies go on as VOICE does, byte by byte, also for a relay that heard none before them."""
    near, far = Air("udp://near"), Air("udp://far")
    talker, _ = near.member(), far.member()
    hill = WatchedRelay("Hill", near, far)
    channel = ProtectedChannel(Secret(Mode.SEALED, bytes(32)), TAG_BYTES_IP, os.urandom)
    frames = over_frames(7, 2, repeat=Repeat.COPIES)
    lost = frames[1]

    async def main() -> None:
        async with relaying([near, far], hill):
            for frame in frames:
                if frame is not lost:
                    await talker.send(channel.encode(frame, trio.current_time(), clock()))
                await trio.sleep(2 * PACKET_S)

    play(main)
    said = [frame for _, member, frame in near.frames]
    assert 3 == sum(frame[0] & 15 == Type.VOICE_WITH_COPIES for frame in said)
    assert said == [frame for _, _, frame in far.frames]
    assert [(5, True)] == [(one.packets, one.complete) for one in hill.only(OverRelayed)]


@pytest.mark.parametrize(("k", "repeat"), [(6, Repeat.COPIES), (4, Repeat.PACKETS)])
def test_frames_that_fit_no_longer_end_an_over(k: int, repeat: Repeat) -> None:
    """The first one repeats nothing, and fits the radio; with what the second one repeats it is too long for it."""
    near, far = (Air(f"kiss://{name}?call=N0CALL&radio=lora-sf7") for name in ("near", "far"))
    talker, _ = near.member(), far.member()
    hill = WatchedRelay("Hill", near, far)
    for link in hill.links.values():
        link.tag_bytes = TAG_BYTES_RADIO
    channel = ProtectedChannel(Secret(Mode.SEALED, bytes(32)), TAG_BYTES_RADIO, os.urandom)

    async def main() -> None:
        async with relaying([near, far], hill):
            for frame in over_frames(4 * k, k, repeat=repeat):
                await talker.send(channel.encode(frame, trio.current_time(), clock()))
                await trio.sleep(k * PACKET_S)

    play(main)
    limit = link_model(parse_address(far.name)).max_frame_bytes
    assert limit and all(len(frame) <= limit for _, _, frame in far.frames)
    assert 3 >= len(far.frames)  # BEGIN, the first VOICE, maybe BEGIN again
    (problem,) = hill.only(RelayProblem)
    assert f"longer than the {limit} bytes that the radio there takes" in problem.cause
    assert [(k, False)] == [(one.packets, one.complete) for one in hill.only(OverRelayed)]


def test_three_of_them_in_a_triangle() -> None:
    """No link has a frame more than once from the relays together, but for an over that two began at once."""
    airs = [Air(f"udp://link{number}", delay_s=0.01 + 0.02 * number) for number in range(3)]
    people = [station(name, air, presence="off") for name, air in zip(("Ada", "Bob", "Cid"), airs, strict=True)]
    relays = [WatchedRelay(f"R{one}", airs[one], airs[other]) for one, other in ((0, 1), (1, 2), (2, 0))]

    async def main() -> None:
        async with relaying(airs, *relays), running(*people):
            await trio.sleep(2.0)
            people[0].engine.play_clip(OVER)
            for one in people[1:]:
                played = await one.until(events.OverPlayed)
                assert (PACKETS, 0, True) == (played.packets, played.lost, played.complete)
            await trio.sleep(10.0)

    play(main)
    for air in airs:
        voices = [frame for _, _, frame in air.frames if frame[0] & 15 == Type.VOICE]
        assert PACKETS == len(set(voices)) and len(voices) <= 2 * PACKETS
    assert 0 == sum(frame[0] & 15 == Type.VOICE for _, member, frame in airs[0].frames if member != 0)


@pytest.mark.parametrize(
    ("far", "why"),
    [
        ("udp://far?rate=1500", "1 packets a frame make that link"),
        ("serial:///dev/null?baud=57600", "their tags have 8 bytes, and 4 there"),
        ("mqtt://broker.example/far", "a sealed channel's topic on a broker follows from the passphrase"),
    ],
)
def test_what_does_not_fit_needs_the_passphrase(far: str, why: str) -> None:
    """It says so once, and why; nothing of the over is said there."""
    near, there = Air("udp://near"), Air(far)
    ada = station("Ada", near)
    hill = WatchedRelay("Hill", near, there)
    ear = there.member()
    if far.startswith("serial"):
        ear.tag_bytes = 4
        hill.links[far].tag_bytes = 4

    async def main() -> None:
        async with relaying([near, there], hill), running(ada):
            await trio.sleep(2.0)
            for number in range(2):
                ada.engine.play_clip(OVER)
                await ada.until(events.OverSent, number + 1)

    play(main)
    (problem,) = hill.only(RelayProblem)
    assert why in problem.cause and "--passphrase" in problem.cure
    assert [] == [frame for _, member, frame in there.frames if frame[0] & 15 == Type.VOICE]
    assert [] == hill.only(OverRelayed) == hill.only(OverNotRelayed)


def test_a_busy_link_is_left_alone() -> None:
    """Sealed frames cannot wait: the over is not carried, and that is reported."""
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = station("Ada", near), station("Bob", far)
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            await trio.sleep(2.0)
            bob.engine.play_clip(OVER)
            ada.engine.play_clip(OVER)
            await trio.sleep(10.0)

    play(main)
    assert 2 == len(hill.only(OverNotRelayed))
    assert [] == ada.only(events.OverBegan) == bob.only(events.OverBegan)


def test_an_over_begins_late_on_a_link_that_was_busy() -> None:
    """What comes of it once nobody talks there any more is passed on; it is reported once, and is not complete."""
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = station("Ada", near), station("Bob", far)
    ear = station("Eve", far)
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob, ear):
            await trio.sleep(2.0)
            bob.engine.play_clip(OVER)
            ada.engine.play_clip(clip(24 * 0.32 - 0.1))
            await ada.until(events.OverSent)
            played = await ear.until(events.OverPlayed, 2)
            assert ("Ada", 24) == (played.sender, played.packets) and 0 < played.lost < 12

    play(main)
    assert [] == ada.only(events.OverBegan)
    assert 2 == len(hill.only(OverNotRelayed))
    (relayed,) = hill.only(OverRelayed)
    assert 12 <= relayed.packets < 24 and not relayed.complete
