"""Strangers against a relay without the key, in virtual time: frames that bear the number of a genuine over, or say in
another way that they are part of it, take none of its packets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from app import events
from app.relay.passed_over import MAX_BEGINS
from app.relay.passing import BEGINS_AT_ONCE
from app.relay.reports import RelayFigures
from tests.support.air import Air, WatchedRelay, play, relaying, sealed_pair
from tests.support.attacker import forged
from tests.support.station import CODEC_ID, clip, running
from transport.links.memory import MemoryLink
from transport.protocol.frames import NONCE_BYTES, PACKET_BYTES, PACKET_S, Type
from transport.protocol.open_frames import encode
from transport.protocol.over import OverSender

pytestmark = pytest.mark.usefixtures("cheap_keys")


def overheard(near: Air, intruder: MemoryLink, made: Callable[[bytes], list[bytes]]) -> Callable[[], Awaitable[None]]:
    """Return what sends, after each frame of the first member of an air, the frames that are made of it."""

    async def run() -> None:
        async for _, frame in near.said_by(0):
            for other in made(frame):
                await intruder.send(other)

    return run


def begins_of(number: int, sequence: int = 0) -> Callable[[bytes], list[bytes]]:
    """Return what makes of a BEGIN so many others of this number with its number of the over."""

    def made(frame: bytes) -> list[bytes]:
        if frame[0] & 15 != Type.BEGIN:
            return []
        start = frame[:2] + sequence.to_bytes(2)
        return [start + bytes([one]) * NONCE_BYTES + frame[4 + NONCE_BYTES :] for one in range(number)]

    return made


def voices_ahead(frame: bytes) -> list[bytes]:
    """Return, of a BEGIN, the next twenty VOICE of its over, with other speech."""
    if frame[0] & 15 != Type.BEGIN:
        return []
    return [forged(Type.VOICE, sequence, over=frame[1]) for sequence in range(1, 20)]


def another_size(packets: int) -> Callable[[bytes], list[bytes]]:
    """Return what makes of a BEGIN, and of every VOICE, the next VOICE of its over with so many packets."""

    def made(frame: bytes) -> list[bytes]:
        if frame[0] & 15 not in (Type.BEGIN, Type.VOICE):
            return []
        return [forged(Type.VOICE, int.from_bytes(frame[2:4]) + 1, packets, over=frame[1])]

    return made


def far_ahead(frame: bytes) -> list[bytes]:
    """Return, of every third VOICE, one of its over as far ahead as it can be."""
    sequence = int.from_bytes(frame[2:4])
    if frame[0] & 15 != Type.VOICE or sequence % 3:
        return []
    return [forged(Type.VOICE, sequence + ahead, over=frame[1]) for ahead in (61, 64, 67)]


def another_over(frame: bytes) -> list[bytes]:
    """Return, of a BEGIN, an over of four frames with another number that takes all that may be ahead of time."""
    if frame[0] & 15 != Type.BEGIN:
        return []
    over = frame[1] ^ 1
    voices = [forged(Type.VOICE, sequence, 6, over=over) for sequence in (1, 15)]
    return [forged(Type.BEGIN, 0, over=over), *voices, forged(Type.END, 16, over=over)]


def end_and_begin(sequence: int, *sizes: int) -> Callable[[bytes], list[bytes]]:
    """Return what makes of every fourth VOICE an END, and a BEGIN of this number, with VOICEs of these sizes behind it.

    All with the number of the over, and the END with its nonce.
    """
    nonces: dict[int, bytes] = {}

    def made(frame: bytes) -> list[bytes]:
        over, number = frame[1], int.from_bytes(frame[2:4])
        if frame[0] & 15 == Type.BEGIN:
            nonces[over] = frame[4 : 4 + NONCE_BYTES]
        if frame[0] & 15 != Type.VOICE or number not in (2, 6, 20):
            return []
        end = forged(Type.END, number + 2, over=over, nonce=nonces[over])
        voices = [forged(Type.VOICE, sequence + 1 + one, size, over=over) for one, size in enumerate(sizes)]
        return [end, forged(Type.BEGIN, sequence, over=over), *voices]

    return made


def begins_again() -> Callable[[bytes], list[bytes]]:
    """Return what makes of a VOICE ten BEGINs with the nonce of the last one that came, and other numbers."""
    nonces = [bytes(NONCE_BYTES)]

    def made(frame: bytes) -> list[bytes]:
        if frame[0] & 15 == Type.BEGIN:
            nonces.append(frame[4 : 4 + NONCE_BYTES])
        if frame[0] & 15 != Type.VOICE:
            return []
        number = 10 * int.from_bytes(frame[2:4])
        overs = [(frame[1] + number + one) & 0xFF for one in range(10)]
        return [forged(Type.BEGIN, one, over=over, nonce=nonces[-1]) for one, over in enumerate(overs)]

    return made


MADE = {
    "END and a last BEGIN": end_and_begin(0xFFFF),
    "END, BEGIN, VOICE": end_and_begin(40000, 6),
    "END, a BEGIN again": end_and_begin(0, 1, 1),
    "BEGINs of its nonce": begins_again(),
    "a BEGIN": begins_of(1),
    "two BEGINs": begins_of(2),
    "fifty BEGINs": begins_of(50),
    "a last BEGIN": begins_of(1, 0xFFFF),
    "a BEGIN ahead": begins_of(1, 66),
    "VOICEs ahead": voices_ahead,
    "VOICEs far ahead": far_ahead,
    "longer VOICEs": another_size(12),
    "long VOICEs": another_size(4),
    "short VOICEs": another_size(1),
    "another over": another_over,
}


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_frames_with_the_number_of_an_over_take_nothing_of_it(made: Callable[[bytes], list[bytes]], k: int) -> None:
    """Which of those with its number is genuine the relay cannot tell, so it passes on each: the station can."""
    near, far = Air(f"udp://near?k={k}"), Air(f"udp://far?k={k}")
    ada, bob = sealed_pair(near, far)
    attack = overheard(near, near.member(), made)
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob), trio.open_nursery() as nursery:
            await trio.sleep(8.0)
            nursery.start_soon(attack)
            ada.engine.play_clip(clip(60 * PACKET_S - 0.1))
            played = await bob.until(events.OverPlayed, 1, 60.0)
            assert (60, 0) == (played.packets, played.lost)
            nursery.cancel_scope.cancel()

    play(main)
    said = [frame for _, member, frame in far.frames if member == 1]
    assert 2 * 80 >= sum(frame[0] & 15 == Type.VOICE for frame in said)
    assert MAX_BEGINS + BEGINS_AT_ONCE + 30 >= sum(frame[0] & 15 == Type.BEGIN for frame in said)


@pytest.mark.parametrize("sequence", [0, 0xFFFF])
def test_a_forged_begin_before_that_of_an_over_takes_nothing_of_it(sequence: int) -> None:
    """Nor do those of all numbers, said every second."""
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = sealed_pair(near, far)
    intruder = near.member()
    hill = WatchedRelay("Hill", near, far)

    async def guess() -> None:
        while True:
            for over in range(256):
                await intruder.send(forged(Type.BEGIN, sequence, over=over))
            await trio.sleep(1.0)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob), trio.open_nursery() as nursery:
            await trio.sleep(8.0)
            nursery.start_soon(guess)
            await trio.sleep(2.5)
            ada.engine.play_clip(clip(12 * PACKET_S - 0.1))
            played = await bob.until(events.OverPlayed, 1, 30.0)
            assert (12, 0) == (played.packets, played.lost)
            nursery.cancel_scope.cancel()

    play(main)


@pytest.mark.parametrize("packets", [1, 12])
def test_forged_frames_of_another_size_end_no_over_of_frames_that_fit(packets: int) -> None:
    """On a link that does not carry one packet a frame, the over goes on behind each frame that does not fit."""
    near, far = Air("udp://near?k=4"), Air("udp://far?rate=1500&k=4")
    ada, _ = near.member(), far.member()
    eve = near.member()
    hill = WatchedRelay("Hill", near, far)
    over = [forged(Type.VOICE, 1 + number, 4) for number in range(6)]

    async def main() -> None:
        async with relaying([near, far], hill):
            await trio.sleep(2.0)
            await ada.send(forged(Type.BEGIN, 0))
            for number, frame in enumerate(over):
                await trio.sleep(4 * PACKET_S)
                await eve.send(forged(Type.VOICE, 1 + number, packets))
                await trio.sleep(0.1)
                await ada.send(frame)
            await trio.sleep(5.0)

    play(main)
    said = [frame for _, member, frame in far.frames if member == 1]
    assert set(over) <= set(said)


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("early_s", [0.0, 15.0])
def test_a_forged_open_over_closes_no_link(early_s: float, sealed: bool) -> None:
    """Whatever takes the ear of a link ends the over of the other kind that was followed there, and its way on."""
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = sealed_pair(near, far)
    intruder = near.member()
    hill = WatchedRelay("Hill", near, far)
    sender = OverSender(over=77, nonce=bytes(8), utc_s=0, codec_id=CODEC_ID, k=1, sender="Eve")
    frames = [encode(frame) for frame in (sender.begin(), *sender.voice([bytes(PACKET_BYTES)], damaged=False))]
    if sealed:
        frames += [forged(kind, sequence) for sequence, kind in enumerate((Type.BEGIN, Type.VOICE, Type.END))]

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            await trio.sleep(8.0)
            if early_s:
                for frame in frames:
                    await intruder.send(frame)
                await trio.sleep(early_s)
            for number in range(2):
                ada.engine.play_clip(clip(12 * PACKET_S - 0.1))
                await trio.sleep(0.1)
                for frame in frames if not early_s else ():
                    await intruder.send(frame)
                await ada.until(events.OverSent, number + 1)
                await trio.sleep(15.0)

    play(main)
    played = [(one.packets, one.lost) for one in bob.only(events.OverPlayed) if one.sender == "Ada"]
    assert (12, 0) == played[-1]
    assert 8 <= sum(packets - lost for packets, lost in played[:1])
    assert "idle" == hill.only(RelayFigures)[-1].links[1].state.value


@pytest.mark.parametrize(
    "there", [(), (Type.BEGIN,), (Type.BEGIN, Type.VOICE)], ids=["END", "BEGIN there", "VOICE there"]
)
def test_an_over_comes_back_to_a_link_that_was_busy_when_it_went_on(there: tuple[Type, ...]) -> None:
    """After an END that was another's, and with somebody else on the other link at that moment."""
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = sealed_pair(near, far)
    intruder, other = near.member(), far.member()
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            await trio.sleep(8.0)
            ada.engine.play_clip(clip(60 * PACKET_S - 0.1))
            await bob.until(events.OverBegan)
            begin = next(frame for _, _, frame in near.frames if frame[0] & 15 == Type.BEGIN)
            await trio.sleep(1.0)
            _, _, said = near.frames[-1]
            await intruder.send(forged(Type.END, said[3] + 2, over=said[1], nonce=begin[4:12]))
            await trio.sleep(0.05)
            for sequence, kind in enumerate(there):
                await other.send(forged(kind, sequence, over=said[1] ^ 1))
            await ada.until(events.OverSent)
            await trio.sleep(5.0)

    play(main)
    assert 60 - 14 <= len(set(ada.encoder.packets) & set(bob.decoder.packets))


@pytest.mark.parametrize("packets", [1, 6])
def test_an_open_over_that_the_floor_has_lost_sight_of_ends_in_seconds(packets: int) -> None:
    """A BEGIN of another kind behind it has the floor follow that one; nobody else tells of its silence."""
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = sealed_pair(near, far)
    intruder = near.member()
    hill = WatchedRelay("Hill", near, far)
    sender = OverSender(over=77, nonce=bytes(8), utc_s=0, codec_id=CODEC_ID, k=1, sender="Eve")
    opened = [sender.begin()] + [
        one for _ in range(packets) for one in sender.voice([bytes(PACKET_BYTES)], damaged=False)
    ]

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            await trio.sleep(8.0)
            for frame in opened:
                await intruder.send(encode(frame))
                await trio.sleep(PACKET_S)
                await intruder.send(forged(Type.BEGIN, 0))
            await trio.sleep(20.0)
            ada.engine.play_clip(clip(12 * PACKET_S - 0.1))
            await ada.until(events.OverSent)
            await trio.sleep(15.0)

    play(main)
    assert set(ada.encoder.packets) <= set(bob.decoder.packets)
    assert ["idle", "idle"] == [link.state.value for link in hill.only(RelayFigures)[-1].links]
