"""The one entry for what a link delivers: bytes and the time in, facts out."""

from __future__ import annotations

import os
from functools import partial

import pytest

from tests.support.overs import numbered_packet, over_frames
from transport.errors import BadTag, FrameError, OtherMode, UnknownOver
from transport.protection.channel import open_channel
from transport.protection.cipher import KEY_BYTES, Secret
from transport.protocol.frames import Beacon, Begin, End, Frame, Mode, Ping, Pong, Receipt, Text
from transport.protocol.open_frames import encode
from transport.protocol.over import OverBegun, OverEnded, Overlap, OverSender, PacketHeard, VoiceIgnored
from transport.protocol.receiver import Answer, EndArrived, Fact, ReceivingEnd, Refused, Rubbish, VoiceArrived


def hear(end: ReceivingEnd, *frames: Frame) -> list[Fact]:
    """What these frames mean, one after another."""
    return [fact for frame in frames for fact in end.receive(encode(frame), 0.0)]


def test_an_over_from_begin_to_end():
    """Every packet once, each VOICE frame with the over that it belongs to, the END with what was heard of it."""
    begin, *voices, end, _ = over_frames(2)
    receiver = ReceivingEnd()
    assert isinstance(begin, Begin) and isinstance(end, End)
    assert [OverBegun(begin, 0)] == hear(receiver, begin)
    followed = [receiver.following]
    for index, voice in enumerate(voices):
        expected = [PacketHeard(index, numbered_packet(index), False), VoiceArrived(7, index + 1, begin)]
        assert expected == hear(receiver, voice)
    assert [OverEnded(end, 2, begin), EndArrived(end)] == hear(receiver, end)
    assert [begin, None] == [*followed, receiver.following]
    assert [EndArrived(end)] == hear(receiver, end)


def test_voice_of_an_over_that_is_not_followed_belongs_to_none():
    """Its BEGIN was lost, or its END came already: the frame is told all the same, somebody measures the link by it."""
    begin, voice, end, _ = over_frames(1)
    receiver = ReceivingEnd()
    assert [VoiceIgnored(7), VoiceArrived(7, 1, None)] == hear(receiver, voice)
    hear(receiver, begin, end)
    assert [VoiceArrived(7, 1, None)] == hear(receiver, voice)


def test_the_over_of_a_second_talker_is_not_mixed_into_the_first():
    """Two at once: the first is followed, the frames of the other are told as nobody's."""
    first, voice, *_ = over_frames(1)
    other, other_voice, other_end, _ = over_frames(1, over=8, nonce=bytes(8), sender="Eve")
    assert isinstance(other, Begin) and isinstance(other_end, End)
    receiver = ReceivingEnd()
    facts = hear(receiver, first, other, other_voice, other_end)[1:]
    assert [Overlap(other), VoiceIgnored(8), VoiceArrived(8, 1, None), EndArrived(other_end)] == facts
    assert [PacketHeard, VoiceArrived] == [type(fact) for fact in hear(receiver, voice)]


def test_a_talker_who_disappeared_is_forgotten():
    """The next one begins an over, and no overlap."""
    receiver = ReceivingEnd()
    hear(receiver, over_frames(1)[0])
    receiver.abandon()
    other = over_frames(1, over=8, nonce=bytes(8), sender="Eve")[0]
    assert [OverBegun] == [type(fact) for fact in hear(receiver, other)]


def test_a_talker_who_comes_back_is_confirmed_all_that_was_heard_of_him() -> None:
    """The receipt of an over that was given up, and joined again, counts the packets from before as well."""
    talker = OverSender(over=7, nonce=bytes(8), utc_s=0, codec_id=1, k=1, sender="Ada", addressee="Bob")
    frames: list[Frame] = [talker.begin()]
    for number in range(20):
        frames += talker.voice([numbered_packet(number)])
    receiver = ReceivingEnd(name="Bob")
    hear(receiver, *frames[:6])  # BEGIN and five packets
    receiver.abandon()
    hear(receiver, *frames[6:])  # three of them before the next BEGIN, which nobody can place
    assert Answer(Receipt(7, talker.end().sequence, 17)) in hear(receiver, talker.end())


@pytest.mark.parametrize(("name", "addressee", "owed"), [("Bob", "Bob", True), ("Bob", "", False), ("", "", False)])
def test_who_was_addressed_owes_a_receipt(name, addressee, owed):
    """To the END, before the END itself is acted upon, and once, though END comes twice."""
    talker = OverSender(over=7, nonce=bytes(8), utc_s=0, codec_id=1, k=1, sender="Ada", addressee=addressee)
    frames = [talker.begin(), *talker.voice([numbered_packet(0)])]
    end = talker.end()
    receiver = ReceivingEnd(name=name)
    hear(receiver, *frames)
    answers = [Answer(Receipt(7, end.sequence, 1))] if owed else []
    assert [*answers, OverEnded, EndArrived, EndArrived] == [
        fact if isinstance(fact, Answer) else type(fact) for fact in hear(receiver, end, end)
    ]


def test_a_ping_is_answered_and_other_signals_are_facts():
    """The PONG has the same numbers; a message, a beacon and a receipt mean themselves."""
    signals: list[Text | Beacon | Receipt | Pong] = [
        Text(1, 2, "Ada", "hello"),
        Beacon(1, 3, "Ada"),
        Receipt(1, 4, 5),
        Pong(1, 5, 99),
    ]
    assert [Answer(Pong(3, 4, 5)), *signals] == hear(ReceivingEnd(), Ping(3, 4, 5), *signals)


@pytest.mark.parametrize("octets", [b"", b"\0", bytes(40), bytes(range(72)), encode(Ping(1, 2, 3))[:-1]])
def test_rubbish_is_told_and_never_raised(octets):
    """With the reason why it is no frame."""
    [rubbish] = ReceivingEnd().receive(octets, 0.0)
    assert isinstance(rubbish, Rubbish)
    assert FrameError is type(rubbish.problem)


def test_what_the_channel_refuses_is_told_with_its_reason():
    """A sealed frame on an open channel, an open one on a sealed, a forged one, VOICE without its BEGIN."""
    secret = Secret(Mode.SEALED, bytes(KEY_BYTES))
    near, far = (open_channel(secret, 8, os.urandom) for _ in range(2))
    sealed = ReceivingEnd(partial(far.decode, utc_s=0))
    begin, voice = (near.encode(frame, 0.0, 0) for frame in over_frames(1)[:2])
    cases = [
        (ReceivingEnd(), begin, OtherMode),
        (sealed, encode(over_frames(1)[0]), OtherMode),
        (sealed, begin[:-1] + bytes([begin[-1] ^ 1]), BadTag),
        (sealed, voice, UnknownOver),
    ]
    for receiver, octets, kind in cases:
        [refused] = receiver.receive(octets, 0.0)
        assert isinstance(refused, Refused)
        assert kind is type(refused.problem)
    assert [OverBegun] == [type(fact) for fact in sealed.receive(begin, 0.0)]
    assert [PacketHeard, VoiceArrived] == [type(fact) for fact in sealed.receive(voice, 0.0)]
