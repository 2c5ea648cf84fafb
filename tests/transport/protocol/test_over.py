"""Which frame carries which packets, told by its sequence number alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.overs import NONCE, numbered_packet, over_frames
from transport.errors import UsageError
from transport.protocol.frames import PACKET_S, Begin, End, Voice
from transport.protocol.over import (
    Malformed,
    OverBegun,
    OverEnded,
    Overlap,
    OverReceiver,
    OverSender,
    PacketHeard,
    PacketRepeated,
    VoiceIgnored,
    voice_frames_per_cycle,
    voice_number,
)

OTHER_NONCE = bytes(8)


def hear(receiver: OverReceiver, frames: list[Begin | Voice | End]) -> list[object]:
    """All events of these frames."""
    return [event for frame in frames for event in receiver.receive(frame)]


def heard_packets(events: list[object]) -> dict[int, bytes]:
    """Packets by their place."""
    return {event.index: event.packet for event in events if isinstance(event, PacketHeard)}


@pytest.mark.parametrize(("k", "voice_frames"), [(1, 8), (2, 4), (3, 3), (4, 2), (5, 2), (6, 2)])
def test_begin_comes_again(k: int, voice_frames: int) -> None:
    """BEGIN comes again after max(2.5 s, 2 frames) of voice, whole frames."""
    assert voice_frames == voice_frames_per_cycle(k)
    kinds = [type(frame) for frame in over_frames(3 * voice_frames * k, k)]
    assert [Begin] + ([Voice] * voice_frames + [Begin]) * 3 + [End, End] == kinds
    assert max(2.5, 2 * k * PACKET_S) <= voice_frames * k * PACKET_S < max(2.5, 2 * k * PACKET_S) + k * PACKET_S


@pytest.mark.parametrize("k", range(1, 7))
def test_voice_numbers_count_without_a_gap(k: int) -> None:
    """The sequence numbers that are not BEGIN's carry VOICE 0, 1, 2, ..."""
    numbers = [voice_number(sequence, k) for sequence in range(100)]
    assert numbers[0] is None
    voices = [number for number in numbers if number is not None]
    assert list(range(len(voices))) == voices


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 6), st.integers(1, 60), st.booleans(), st.data())
def test_packets_keep_their_place(k: int, packets: int, repeat: bool, data: st.DataObject) -> None:
    """Whatever frames are lost behind a BEGIN that was heard, the packets that come have their right numbers."""
    frames = over_frames(packets, k, repeat=repeat)
    first_begin = data.draw(st.sampled_from([i for i, frame in enumerate(frames) if isinstance(frame, Begin)]))
    rest = frames[first_begin + 1 :]
    kept = [frame for frame in rest if data.draw(st.booleans())]
    events = hear(OverReceiver(), [frames[first_begin], *kept])
    begun = events[0]
    assert isinstance(begun, OverBegun)
    assert all(numbered_packet(index) == packet for index, packet in heard_packets(events).items())
    if kept == rest and begun.first_index == 0:
        assert packets == len(heard_packets(events))
    assert not any(isinstance(event, Malformed) for event in events)


def test_late_joiner() -> None:
    """Voice before any BEGIN is ignored and said to be there; from the next BEGIN on the over is understood."""
    frames = over_frames(12, 2)
    receiver = OverReceiver()
    assert [VoiceIgnored(7)] * 4 == hear(receiver, frames[1:5])
    events = hear(receiver, frames[5:])
    begun = events[0]
    assert isinstance(begun, OverBegun) and begun.first_index == 8
    assert {8, 9, 10, 11} == set(heard_packets(events))
    ended = events[-1]
    assert isinstance(ended, OverEnded) and (12, 4) == (ended.end.packets_sent, ended.packets_heard)


def test_repeat_heals_a_single_loss() -> None:
    """With repeat every VOICE carries the frame before again: one lost frame loses nothing but the last one would."""
    frames = over_frames(8, 2, repeat=True)
    voices = [i for i, frame in enumerate(frames) if isinstance(frame, Voice)]
    for missing in voices[:-1]:
        events = hear(OverReceiver(), [frame for i, frame in enumerate(frames) if i != missing])
        assert set(range(8)) == set(heard_packets(events)), missing
    whole = hear(OverReceiver(), frames)
    assert [0, 1, 2, 3, 4, 5] == [event.index for event in whole if isinstance(event, PacketRepeated)]


def test_a_damaged_packet_is_replaced_by_an_intact_one() -> None:
    """A repeat that arrives intact comes as a better version of the damaged packet; the receipt counts intact ones."""
    begin, voice, end, _ = over_frames(1)
    assert isinstance(voice, Voice)
    damaged = Voice(voice.over, voice.sequence, voice.packets, damaged=True)
    events = hear(OverReceiver(), [begin, damaged, damaged, voice, voice, end])
    kinds = [type(event) for event in events]
    assert [OverBegun, PacketHeard, PacketRepeated, PacketHeard, PacketRepeated, OverEnded] == kinds
    ended = events[-1]
    assert isinstance(ended, OverEnded) and ended.packets_heard == 1
    only_damaged = hear(OverReceiver(), [begin, damaged, end])[-1]
    assert isinstance(only_damaged, OverEnded) and only_damaged.packets_heard == 0


def test_stragglers_do_not_reopen_an_over() -> None:
    """BEGIN, VOICE and END that come after an over's END change nothing."""
    frames = over_frames(3)
    receiver = OverReceiver()
    hear(receiver, frames)
    assert [] == hear(receiver, frames)
    assert receiver.current is None


def test_two_talkers() -> None:
    """The first of two overlapping overs is followed, the second one is reported; when the first has ended, the
    second is joined at its next BEGIN."""
    first, second = over_frames(16, over=1, sender="Ada"), over_frames(16, over=2, nonce=OTHER_NONCE, sender="Bob")
    receiver = OverReceiver()
    assert isinstance(second[0], Begin)
    events = hear(receiver, [first[0], second[0], first[1], second[1]])
    assert [OverBegun, Overlap, PacketHeard, VoiceIgnored] == [type(event) for event in events]
    hear(receiver, first[2:])
    events = hear(receiver, second[9:])
    begun = events[0]
    assert isinstance(begun, OverBegun) and (begun.begin.sender, begun.first_index) == ("Bob", 8)


def test_the_same_talker_begins_anew() -> None:
    """A station that restarts in the middle of its over is followed at once."""
    first, second = over_frames(4, over=1), over_frames(4, over=2, nonce=OTHER_NONCE)
    events = hear(OverReceiver(), [first[0], first[1], *second])
    assert OverBegun(first[0], 0) == events[0] if isinstance(first[0], Begin) else False
    assert [1, 2] == [event.begin.over for event in events if isinstance(event, OverBegun)]
    assert [2] == [event.end.over for event in events if isinstance(event, OverEnded)]
    assert 5 == len([event for event in events if isinstance(event, PacketHeard)])


def test_abandoned_over_is_joined_again() -> None:
    """After the talker was given up, voice is ignored until its next BEGIN, which is a late join."""
    frames = over_frames(12, 2)
    receiver = OverReceiver()
    hear(receiver, frames[:3])
    receiver.abandon()
    assert [VoiceIgnored(7)] == hear(receiver, frames[3:4])
    begun = hear(receiver, frames[5:6])[0]
    assert isinstance(begun, OverBegun) and begun.first_index == 8


@pytest.mark.parametrize(
    "frame",
    [
        Voice(7, 9, (numbered_packet(0),)),  # a BEGIN's place
        Voice(7, 1, (numbered_packet(0),) * 2),  # more than k
        Voice(7, 65_535 - 65_535 % 9 - 1, ()),  # no packet of its own
        Begin(9, 3, OTHER_NONCE, 0, 1, 1, "Bob"),  # a VOICE's place
    ],
)
def test_frames_that_contradict_their_over(frame: Begin | Voice) -> None:
    """A frame with good checks in an impossible place is reported as rubbish."""
    receiver = OverReceiver()
    receiver.receive(over_frames(1)[0])
    assert [Malformed] == [type(event) for event in receiver.receive(frame)]


def test_a_place_that_end_cannot_count() -> None:
    """Packets behind the 65 535 that END can count are refused: a bound on what a listener remembers."""
    receiver = OverReceiver()
    receiver.receive(over_frames(6, 6)[0])
    sequence = 3 * (65_535 // 18)
    assert [PacketHeard] == [type(e) for e in receiver.receive(Voice(7, sequence - 1, (numbered_packet(0),)))]
    assert [Malformed] == [type(e) for e in receiver.receive(Voice(7, 65_533, (numbered_packet(0),)))]


def test_utc_goes_on_with_the_over() -> None:
    """A repeated BEGIN carries the time then, not the time when the over started; without a clock always 0."""
    seconds = [frame.utc_s - 1_700_000_000 for frame in over_frames(24) if isinstance(frame, Begin)]
    assert [0, 2, 5, 7] == seconds
    silent = OverSender(over=1, nonce=NONCE, utc_s=0, codec_id=1, k=6, sender="")
    silent.begin()
    silent.voice([numbered_packet(0)] * 6)
    assert [0] == [frame.utc_s for frame in silent.voice([numbered_packet(0)] * 6) if isinstance(frame, Begin)]


def test_the_profile_is_sent_once() -> None:
    """Only the first BEGIN carries the speaker profile."""
    talker = OverSender(over=1, nonce=NONCE, utc_s=0, codec_id=1, k=6, sender="", profile=bytes(32))
    assert bytes(32) == talker.begin().profile
    talker.voice([numbered_packet(0)] * 6)
    again = talker.voice([numbered_packet(0)] * 6)[1]
    assert isinstance(again, Begin) and again.profile is None


def test_sender_is_used_in_order() -> None:
    """Voice before BEGIN, after END, after a short frame, or of a wrong size is the caller's mistake."""
    talker = OverSender(over=1, nonce=NONCE, utc_s=0, codec_id=1, k=2, sender="Ada")
    packet = numbered_packet(0)
    with pytest.raises(UsageError):
        talker.voice([packet])
    with pytest.raises(UsageError):
        talker.end()
    talker.begin()
    with pytest.raises(UsageError):
        talker.begin()
    for wrong in ([], [packet] * 3, [b"short"]):
        with pytest.raises(UsageError):
            talker.voice(wrong)
    talker.voice([packet])
    with pytest.raises(UsageError):
        talker.voice([packet])
    assert End(1, 2, 1) == talker.end()
    with pytest.raises(UsageError):
        OverSender(over=1, nonce=NONCE, utc_s=0, codec_id=1, k=7, sender="Ada")
