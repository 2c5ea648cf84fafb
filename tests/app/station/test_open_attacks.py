"""What anybody can do on an open channel, in virtual time: nothing of it deafens, fills or exhausts a station."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from app.station.conversation import PONGS_AT_ONCE, PONGS_PER_S, RECEIPT_FRESH_S
from app.station.listener import SILENT_OVERS_PER_S
from app.station.messages import TEXTS_AT_ONCE, TEXTS_PER_S
from app.station.transmitter import ANSWER_SHARE, ANSWERS_AT_ONCE, ANSWERS_PER_S, MAX_WAITING, Transmitter
from tests.support.overs import over_frames
from tests.support.station import ADA, BOB, CODEC_ID, Station, clip, running
from transport.address import parse_address
from transport.errors import FrameError
from transport.links.memory import MemoryLink, memory_pair
from transport.planning.airtime_budget import WINDOW_S, AirtimeBudget
from transport.planning.planner import link_model
from transport.protocol.frames import PACKET_S, Begin, End, Frame, Ping, Pong, Receipt, Text, Voice
from transport.protocol.open_frames import decode, encode

RADIO = "kiss://far?call=N0CALL&radio=lora-sf7"
SECONDS = 14


def nonces() -> Iterator[bytes]:
    """Nonces that never come again."""
    return (number.to_bytes(8) for number in range(1, 1 << 62))


async def say(link: MemoryLink, frames: Sequence[Frame], spacing_s: float = PACKET_S) -> None:
    """Send an over at the pace of speech, or another."""
    for frame in frames:
        if isinstance(frame, Voice):
            await trio.sleep(spacing_s)
        await link.send(encode(frame))


def over_of(sender: str, packets: int, over: int = 7, nonce: bytes = bytes(8), codec_id: int = CODEC_ID) -> list[Frame]:
    """All frames of an over that the test's codec understands."""
    frames = over_frames(packets, over=over, nonce=nonce, sender=sender)
    return [replace(frame, codec_id=codec_id) if isinstance(frame, Begin) else frame for frame in frames]


async def collect(link: MemoryLink, into: list[tuple[float, Frame]]) -> None:
    """Keep what a station sends, and when, until cancelled."""
    while True:
        octets = await link.receive()
        try:
            into.append((trio.current_time(), decode(octets)))
        except FrameError:
            continue


@pytest.mark.parametrize("kind", [Pong, Receipt])
@trio_test
async def test_answers_have_a_budget(virtual_time: trio.testing.MockClock, kind: type) -> None:
    """Whoever asks 300 times a second is answered twice a second; an over of this station's own waits for none."""
    here, there = memory_pair()
    bob = Station(BOB, link=there)
    sent: list[tuple[float, Frame]] = []
    async with running(bob), trio.open_nursery() as nursery:
        nursery.start_soon(collect, here, sent)
        for number, nonce in zip(range(300 * SECONDS), nonces(), strict=False):
            if kind is Pong:
                await here.send(encode(Ping(number & 0xFF, number & 0xFFFF, number)))
            else:
                begin = Begin(number & 0xFF, 0, nonce, 0, CODEC_ID, 1, "Eve", "Bob")
                await say(here, [begin, End(number & 0xFF, 1, 0)])
            await trio.sleep(1 / 300)
        answers = [frame for _, frame in sent if isinstance(frame, kind)]
        assert 0 < len(answers) <= ANSWERS_AT_ONCE + ANSWERS_PER_S * SECONDS + 1
        await trio.sleep(10)
        bob.engine.play_clip(clip(1.0))
        await bob.until(events.OverSent)
        nursery.cancel_scope.cancel()


@trio_test
async def test_who_asks_for_many_receipts_takes_none_from_a_talker(virtual_time: trio.testing.MockClock) -> None:
    """TEXTs and empty overs to Bob, four a second: an over to him of which he heard something is confirmed."""
    here, there = memory_pair()
    bob = Station(BOB, link=there)
    sent: list[tuple[float, Frame]] = []
    async with running(bob), trio.open_nursery() as nursery:
        nursery.start_soon(collect, here, sent)
        for number, nonce in zip(range(40), nonces(), strict=False):
            await here.send(encode(Text(1, number, "Eve", "hi", "Bob")))
            await say(here, [Begin(2, 0, nonce, 0, CODEC_ID, 1, "Eve", "Bob"), End(2, 1, 0)])
            if number == 35:
                voice: list[Frame] = [
                    Begin(3, 0, nonce, 0, CODEC_ID, 1, "Ada", "Bob"),
                    Voice(3, 1, (bytes(32),)),
                    End(3, 2, 1),
                ]
                await say(here, voice)
            await trio.sleep(0.25)
        await trio.sleep(2)
        nursery.cancel_scope.cancel()
    receipts = [frame for _, frame in sent if isinstance(frame, Receipt)]
    assert Receipt(3, 2, 1) in receipts
    assert len(receipts) <= ANSWERS_AT_ONCE + ANSWERS_PER_S * 12 + 2


class ThinLink:
    """A link that takes a second for each frame."""

    layers = ()

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def drain_s(self) -> float:
        return 0.0

    async def send(self, octets: bytes) -> None:
        await trio.sleep(1.0)
        self.frames.append(octets)


@trio_test
async def test_answers_take_a_share_of_the_airtime_and_come_behind_what_is_said(
    virtual_time: trio.testing.MockClock,
) -> None:
    """On a link that takes a second for a frame, a minute of pings costs some ten of them, and own frames go first."""
    link: Any = ThinLink()
    transmitter = Transmitter(link, encode, AirtimeBudget(link_model(parse_address("udp://far"))))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transmitter.run, lambda problem: None)
        for number in range(600):
            transmitter.answer(Pong(1, number, number))
            await trio.sleep(0.1)
        assert 5 <= len(link.frames) <= 11
        assert transmitter.unanswered + len(link.frames) + transmitter.waiting == 600
        await transmitter.drained()
        transmitter.send(Text(1, 1, "Bob", "first"))
        await trio.sleep(60.5)  # the budget is paid, and the first frame is out
        transmitter.send(Text(1, 2, "Bob", "second"))
        transmitter.answer(Pong(1, 1, 1))
        transmitter.send(Text(1, 3, "Bob", "third"))
        await transmitter.drained()
        assert [Text, Text, Text, Pong] == [type(decode(octets)) for octets in link.frames[-4:]]
        nursery.cancel_scope.cancel()


@trio_test
async def test_a_radio_without_airtime_left_answers_nothing(virtual_time: trio.testing.MockClock) -> None:
    """Once an hour's airtime is used up by what was said, nobody gets an answer before some of it is free again."""
    link: Any = ThinLink()
    model = link_model(parse_address(RADIO))
    air = AirtimeBudget(model)
    transmitter = Transmitter(link, encode, air)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transmitter.run, lambda problem: None)
        said = 0
        while air.left_s(trio.current_time()) >= 0.1:
            transmitter.send(Text(1, said, "Bob", "x" * 80))
            await transmitter.drained()
            said += 1
        for number in range(60):
            transmitter.answer(Pong(1, number, number))
            await trio.sleep(10.0)
        assert (said, 60) == (len(link.frames), transmitter.unanswered)
        await trio.sleep(WINDOW_S)
        transmitter.answer(Pong(1, 1, 1))
        await transmitter.drained()
        assert Pong is type(decode(link.frames[-1]))
        nursery.cancel_scope.cancel()


@trio_test
async def test_pings_do_not_use_up_the_airtime_of_a_radio(virtual_time: trio.testing.MockClock) -> None:
    """In an hour of pings a station spends a tenth of what its duty cycle allows, and a frame, on their answers."""
    here, there = memory_pair()
    model = link_model(parse_address(RADIO))
    air, pongs = AirtimeBudget(model), 0
    bob = Station(replace(BOB, link=RADIO), link=there)
    async with running(bob):
        for number in range(400):
            await here.send(encode(Ping(1, number, number)))
            with trio.move_on_after(9.0):
                while True:
                    pongs += type(decode(await here.receive())) is Pong
    pong_s = air.airtime_s(len(encode(Pong(1, 1, 1))))
    most_s = ANSWER_SHARE * air.share * WINDOW_S
    assert 0.01 == air.share
    assert 0.8 * most_s <= pongs * pong_s <= most_s + pong_s


@trio_test
async def test_a_full_queue_drops_and_counts(virtual_time: trio.testing.MockClock) -> None:
    """Frames beyond the longest queue are lost and counted, and whoever sent them is told; nothing is raised."""
    link: Any = ThinLink()
    transmitter = Transmitter(link, encode, AirtimeBudget(link_model(parse_address("udp://far"))))
    lost: list[float] = []
    for number in range(MAX_WAITING + 10):
        transmitter.send(Text(1, number, "Bob", ""), lost.append, lost.append)
    assert (MAX_WAITING, 10, 10) == (transmitter.waiting, transmitter.dropped, len(lost))


@trio_test
async def test_empty_overs_are_no_more_than_a_line_a_second(virtual_time: trio.testing.MockClock) -> None:
    """2,800 overs without speech are told once a second, sound no tone, and leave the station ready for a real one."""
    here, there = memory_pair()
    bob = Station(replace(BOB, courtesy_tone=True), link=there)
    async with running(bob):
        for number, nonce in zip(range(200 * SECONDS), nonces(), strict=False):
            begin = Begin(number & 0xFF, 0, nonce, 0, CODEC_ID, 1, f"Eve{number}")
            await say(here, [begin, End(number & 0xFF, 1, 0)])
            await trio.sleep(1 / 200)
        told = bob.only(events.OverBegan, events.OverPlayed)
        assert 0 < len(told) <= 2 * (SILENT_OVERS_PER_S * SECONDS + 1)
        assert 0.0 == bob.engine.queued_s
        assert [] == [samples for _, samples in bob.loudspeaker.played if samples.any()]
        await say(here, over_of("Ada", 5, nonce=b"the real"))
        while bob.only(events.OverPlayed)[-1:] == [] or bob.only(events.OverPlayed)[-1].sender != "Ada":
            await bob.until(events.OverPlayed, len(bob.only(events.OverPlayed)) + 1)
        assert (5, 0) == (bob.only(events.OverPlayed)[-1].packets, bob.only(events.OverPlayed)[-1].lost)


@trio_test
async def test_messages_and_pongs_are_shown_at_the_pace_of_a_reader(virtual_time: trio.testing.MockClock) -> None:
    """Of 100 messages a second, and as many answers that nobody asked for, one a second is shown."""
    here, there = memory_pair()
    bob = Station(BOB, link=there)
    async with running(bob):
        for number in range(100 * SECONDS):
            await here.send(encode(Text(number & 0xFF, number, "Eve", "read this")))
            await here.send(encode(Pong(number & 0xFF, number, number)))
            await trio.sleep(0.01)
        for kind, at_once, a_second in (
            (events.TextHeard, TEXTS_AT_ONCE, TEXTS_PER_S),
            (events.PongHeard, PONGS_AT_ONCE, PONGS_PER_S),
        ):
            assert at_once <= len(bob.only(kind)) <= at_once + a_second * SECONDS + 1


@trio_test
async def test_a_message_is_confirmed_if_it_is_shown_and_not_before(virtual_time: trio.testing.MockClock) -> None:
    """Of messages to Bob, none is confirmed that he does not see, and those to others keep none from him."""
    here, there = memory_pair()
    bob = Station(BOB, link=there)
    confirmed: set[int] = set()

    async def hear() -> None:
        while True:
            frame = decode(await here.receive())
            if isinstance(frame, Receipt):
                confirmed.add(frame.over << 16 | frame.sequence)

    async with running(bob), trio.open_nursery() as nursery:
        nursery.start_soon(hear)
        for number in range(100 * SECONDS):
            await here.send(encode(Text(0, number, "Eve", "read this", "Bob" if number % 2 else "")))
            await trio.sleep(0.01)
        await trio.sleep(10.0)
        shown = {event.number for event in bob.only(events.TextHeard) if event.addressee == "Bob"}
        assert confirmed and confirmed <= shown
        for number in range(100 * SECONDS):
            await here.send(encode(Text(1, number, "Eve", "read this")))
            await trio.sleep(0.01)
        await here.send(encode(Text(2, 0, "Ada", "on my way", "Bob")))
        await trio.sleep(1.0)
        assert 2 << 16 in confirmed
        await here.send(encode(Text(2, 0, "Ada", "on my way", "Bob")))
        confirmed.clear()
        await trio.sleep(1.0)
        assert {2 << 16} == confirmed
        assert ["on my way"] == [event.text for event in bob.only(events.TextHeard) if event.sender == "Ada"]
        nursery.cancel_scope.cancel()


@trio_test
async def test_overs_of_other_codecs_are_told_once_a_second(virtual_time: trio.testing.MockClock) -> None:
    """A thousand overs that cannot be played are no thousand lines."""
    here, there = memory_pair()
    bob = Station(BOB, link=there)
    async with running(bob):
        for number, nonce in zip(range(100 * SECONDS), nonces(), strict=False):
            await here.send(encode(Begin(number & 0xFF, 0, nonce, 0, 1, 1, "Eve")))
            await trio.sleep(0.01)
        assert 0 < len(bob.only(events.CodecMismatch)) <= SILENT_OVERS_PER_S * SECONDS + 1


@pytest.mark.parametrize("codec_id", [CODEC_ID, 1])
@pytest.mark.parametrize("ends", [True, False])
@trio_test
async def test_an_over_that_is_superseded_ends(virtual_time: trio.testing.MockClock, codec_id: int, ends: bool) -> None:
    """The same name begins anew, in this codec or another, and ends that over or never does: the first one ends."""
    here, there = memory_pair()
    bob = Station(BOB, link=there)
    async with running(bob):
        await say(here, over_of("Eve", 5)[:6])
        second = over_of("Eve", 0, over=8, nonce=b"another1", codec_id=codec_id)
        await say(here, second if ends else second[:1])
        await bob.until(events.OverPlayed, within_s=10)
        assert ("Eve", False) == (bob.only(events.OverPlayed)[0].sender, bob.only(events.OverPlayed)[0].complete)
        await trio.sleep(10)
        heard = len(bob.heard)
        await trio.sleep(10)
        assert (True, heard) == (bob.engine.idle, len(bob.heard))


@trio_test
async def test_an_over_with_the_number_of_the_one_before_ends(virtual_time: trio.testing.MockClock) -> None:
    """One station's over is still played when another begins one with the same number, and is heard no more: the second
    is given up as any other, instead of being concealed for ever."""
    here, there = memory_pair()
    bob = Station(BOB, link=there)
    async with running(bob):
        await say(here, over_of("Ada", 10), 0.0)
        await say(here, over_of("Eve", 5, nonce=b"the same")[:3], 0.0)
        await bob.until(events.OverPlayed, 2, within_s=30)
        assert ["Ada", "Eve"] == [ended.sender for ended in bob.only(events.OverPlayed)]
        await trio.sleep(1)
        assert bob.engine.idle


@pytest.mark.parametrize("spacing_s", [0.9, 1.7, 2.4])
@trio_test
async def test_a_trickle_of_voice_does_not_deafen(virtual_time: trio.testing.MockClock, spacing_s: float) -> None:
    """Somebody begins and sends a VOICE now and then: another station that begins to talk is heard within seconds."""
    here, there = memory_pair()
    bob = Station(BOB, link=there)
    async with running(bob), trio.open_nursery() as nursery:
        nursery.start_soon(say, here, over_of("Eve", 400, over=9, nonce=b"trickles"), spacing_s)
        await trio.sleep(10)
        await say(here, over_of("Ada", 40))
        with trio.fail_after(20):
            while "Ada" not in [ended.sender for ended in bob.only(events.OverPlayed)]:
                await bob.until(events.OverPlayed, len(bob.only(events.OverPlayed)) + 1)
        [ended] = [ended for ended in bob.only(events.OverPlayed) if ended.sender == "Ada"]
        assert ended.packets - ended.lost >= 30
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("begun", "k"), [(True, 1), (False, 1), (True, 6)])
@trio_test
async def test_a_trickle_of_voice_does_not_lock_the_key(
    virtual_time: trio.testing.MockClock, begun: bool, k: int
) -> None:
    """Somebody sends a VOICE of one packet every 2.4 s, with a BEGIN before, which says any k, or without: the key is
    refused for seconds."""
    here, there = memory_pair()
    bob = Station(BOB, link=there)
    async with running(bob), trio.open_nursery() as nursery:
        frames = over_frames(40 * k, k, over=9, nonce=b"trickles", sender="Eve")
        trickle = [replace(one, packets=one.packets[:1]) if isinstance(one, Voice) else one for one in frames]
        nursery.start_soon(say, here, trickle[not begun :], 2.4)
        await trio.sleep(12.0)
        for _ in range(3):
            bob.engine.key_down()
            await trio.sleep(0.3)
            bob.engine.key_up()
            await trio.sleep(2.0)
        assert [] == bob.only(events.TalkDenied)
        assert 3 == len(bob.only(events.TalkPermitted))
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("claimed", [100, 65_535])
@trio_test
async def test_a_claimed_length_is_not_believed(virtual_time: trio.testing.MockClock, claimed: int) -> None:
    """END after one VOICE: no more than two seconds are said to be lost, and nothing is played for them."""
    here, there = memory_pair()
    bob = Station(BOB, link=there)
    async with running(bob):
        begin, voice, *_ = over_of("Eve", 1)
        await say(here, [begin, voice, End(7, 2, claimed)])
        ended = await bob.until(events.OverPlayed)
        assert ended.lost <= 9 and len(bob.heard) <= 4


@pytest.mark.parametrize("addressee", ["Bob", ""])
@trio_test
async def test_a_receipt_counts_for_the_end_that_it_names(virtual_time: trio.testing.MockClock, addressee: str) -> None:
    """Receipts for another over, for another END, for more packets than there were, or for an over that was addressed
    to nobody, are nobody's."""
    here, there = memory_pair()
    ada = Station(replace(ADA, addressee=addressee), link=there)
    sent: list[tuple[float, Frame]] = []
    async with running(ada), trio.open_nursery() as nursery:
        nursery.start_soon(collect, here, sent)
        ada.engine.play_clip(clip(1.0))
        await ada.until(events.OverSent)
        end = next(frame for _, frame in sent if isinstance(frame, End))
        for over, sequence in ((end.over, end.sequence + 1), (end.over + 1 & 0xFF, end.sequence), (end.over, 0)):
            await here.send(encode(Receipt(over, sequence, 3)))
        await trio.sleep(0.1)
        assert [] == ada.only(events.OverConfirmed)
        await here.send(encode(Receipt(end.over, end.sequence, end.packets_sent + 1)))
        await trio.sleep(0.1)
        assert [] == ada.only(events.OverConfirmed)
        for _ in range(3):
            await here.send(encode(Receipt(end.over, end.sequence, end.packets_sent)))
        await trio.sleep(0.1)
        assert bool(addressee) == len(ada.only(events.OverConfirmed))
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("after_s", "counts"), [(RECEIPT_FRESH_S - 1, True), (RECEIPT_FRESH_S + 1, False)])
@trio_test
async def test_a_receipt_counts_for_a_minute(
    virtual_time: trio.testing.MockClock, after_s: float, counts: bool
) -> None:
    """Nobody who kept the END can confirm the over later."""
    here, there = memory_pair()
    ada = Station(replace(ADA, addressee="Bob"), link=there)
    sent: list[tuple[float, Frame]] = []
    async with running(ada), trio.open_nursery() as nursery:
        nursery.start_soon(collect, here, sent)
        ada.engine.play_clip(clip(1.0))
        await ada.until(events.OverSent)
        end = next(frame for _, frame in sent if isinstance(frame, End))
        await trio.sleep(after_s)
        await here.send(encode(Receipt(end.over, end.sequence, 1)))
        await trio.sleep(0.1)
        assert counts == len(ada.only(events.OverConfirmed))
        nursery.cancel_scope.cancel()
