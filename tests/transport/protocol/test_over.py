"""Which frame carries which packets, told by its sequence number alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.overs import NONCE, numbered_copy, numbered_packet, over_frames
from transport.errors import UsageError
from transport.protocol.frames import LATEST_UTC_S, PACKET_S, Begin, End, Repeat, Voice, VoiceWithCopies
from transport.protocol.open_frames import decode, encode
from transport.protocol.over import (
    MAX_PACKETS,
    CopyHeard,
    Malformed,
    OverBegun,
    OverEnded,
    Overlap,
    OverSender,
    OverSuperseded,
    PacketHeard,
    PacketRepeated,
    VoiceIgnored,
    voice_frames_per_cycle,
    voice_number,
)
from transport.protocol.over_pace import AHEAD_S, END_AHEAD_S, TALK_LIMIT_S
from transport.protocol.over_receiver import OverReceiver

OTHER_NONCE = bytes(8)


def hear(receiver: OverReceiver, frames: list[Begin | Voice | End], now: float = 0.0) -> list[object]:
    """All events of these frames, which all come at once."""
    return [event for frame in frames for event in receiver.receive(frame, now)]


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
@given(st.integers(1, 6), st.integers(1, 60), st.sampled_from(Repeat), st.data())
def test_packets_keep_their_place(k: int, packets: int, repeat: Repeat, data: st.DataObject) -> None:
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
    assert [VoiceIgnored(7, 2)] * 4 == hear(receiver, frames[1:5])
    events = hear(receiver, frames[5:])
    begun = events[0]
    assert isinstance(begun, OverBegun) and begun.first_index == 8
    assert {8, 9, 10, 11} == set(heard_packets(events))
    ended = events[-1]
    assert isinstance(ended, OverEnded) and (12, 4) == (ended.end.packets_sent, ended.packets_heard)


def test_repeat_heals_a_single_loss() -> None:
    """With repeat every VOICE carries the frame before again: one lost frame loses nothing but the last one would."""
    frames = over_frames(8, 2, repeat=Repeat.PACKETS)
    voices = [i for i, frame in enumerate(frames) if isinstance(frame, Voice)]
    for missing in voices[:-1]:
        events = hear(OverReceiver(), [frame for i, frame in enumerate(frames) if i != missing])
        assert set(range(8)) == set(heard_packets(events)), missing
    whole = hear(OverReceiver(), frames)
    assert [0, 1, 2, 3, 4, 5] == [event.index for event in whole if isinstance(event, PacketRepeated)]


def test_copies_fill_a_single_loss() -> None:
    """With copies a lost frame leaves a coarse copy of each of its packets, but the last; other copies are ignored."""
    frames = over_frames(7, 2, repeat=Repeat.COPIES)
    voices = [i for i, frame in enumerate(frames) if isinstance(frame, Voice)]
    for place, missing in enumerate(voices):
        events = hear(OverReceiver(), [frame for i, frame in enumerate(frames) if i != missing])
        gone = {index for index in range(7) if index // 2 == place}
        copies = [event for event in events if isinstance(event, CopyHeard)]
        assert [CopyHeard(index, numbered_copy(index)) for index in sorted(gone - {6})] == copies
        assert set(range(7)) - gone == set(heard_packets(events))
    assert [] == [event for event in hear(OverReceiver(), frames) if isinstance(event, CopyHeard | Malformed)]


def test_copies_in_a_damaged_frame_are_used() -> None:
    """They come as they are; a packet that came damaged goes before its copy."""
    begin, first, second, third, *_ = over_frames(3, 1, repeat=Repeat.COPIES)
    assert isinstance(second, VoiceWithCopies) and isinstance(third, VoiceWithCopies)
    events = hear(OverReceiver(), [begin, replace(second, damaged=True), third, first])
    assert [OverBegun, PacketHeard, CopyHeard, PacketHeard, PacketHeard] == [type(event) for event in events]
    assert CopyHeard(0, numbered_copy(0)) == events[2]


def test_copies_that_contradict_their_over() -> None:
    """Copies in an over without them, a VOICE without them where there should be some, and another number of them."""
    begin, first, second, *_ = over_frames(4, 2, repeat=Repeat.COPIES)
    plain, *_ = over_frames(4, 2)
    assert isinstance(begin, Begin) and isinstance(first, Voice) and isinstance(second, VoiceWithCopies)
    for start, voice in [
        (plain, second),
        (begin, replace(first, sequence=2)),
        (begin, replace(second, sequence=1)),
        (begin, replace(second, copies=second.copies * 2)),
        (begin, replace(second, packets=second.packets[:1], copies=second.copies[:1])),
    ]:
        assert [OverBegun, Malformed] == [type(event) for event in hear(OverReceiver(), [start, voice])], voice


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
    assert [1] == [event.begin.over for event in events if isinstance(event, OverSuperseded)]
    assert [2] == [event.end.over for event in events if isinstance(event, OverEnded)]
    assert 5 == len([event for event in events if isinstance(event, PacketHeard)])


def test_abandoned_over_is_joined_again() -> None:
    """After the talker was given up, voice is ignored until its next BEGIN, which is a late join."""
    frames = over_frames(12, 2)
    receiver = OverReceiver()
    hear(receiver, frames[:3])
    receiver.abandon()
    assert [VoiceIgnored(7, 2)] == hear(receiver, frames[3:4])
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
    receiver.receive(over_frames(1)[0], 0.0)
    assert [Malformed] == [type(event) for event in receiver.receive(frame, 0.0)]


def test_a_place_that_end_cannot_count() -> None:
    """Packets behind the 65 535 that END can count are refused: a bound on what a listener remembers."""
    receiver = OverReceiver()
    begin = over_frames(6, 6)[0]
    assert isinstance(begin, Begin)
    sequence = 3 * (MAX_PACKETS // 18)
    receiver.receive(replace(begin, sequence=sequence - 3), 0.0)
    assert [PacketHeard] == [type(e) for e in receiver.receive(Voice(7, sequence - 1, (numbered_packet(0),)), 0.0)]
    assert [Malformed] == [type(e) for e in receiver.receive(Voice(7, 65_533, (numbered_packet(0),)), 0.0)]


def test_utc_goes_on_with_the_over() -> None:
    """A repeated BEGIN carries the time then, not the time when the over started; without a clock always 0."""
    seconds = [frame.utc_s - 1_700_000_000 for frame in over_frames(24) if isinstance(frame, Begin)]
    assert [0, 2, 5, 7] == seconds
    late = OverSender(over=1, nonce=NONCE, utc_s=LATEST_UTC_S, codec_id=1, k=6, sender="")  # a relay says any time
    frames = [late.begin(), *(frame for _ in range(4) for frame in late.voice([numbered_packet(0)] * 6))]
    begins = [decode(encode(frame)) for frame in frames if isinstance(frame, Begin)]
    assert {LATEST_UTC_S} == {frame.utc_s for frame in begins if isinstance(frame, Begin)}
    assert len(begins) > 1
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
    for wrong, copies in (([], []), ([packet] * 3, []), ([b"short"], []), ([packet], [numbered_copy(0)])):
        with pytest.raises(UsageError):
            talker.voice(wrong, copies)
    talker.voice([packet])
    with pytest.raises(UsageError):
        talker.voice([packet])
    assert End(1, 2, 1) == talker.end()
    with pytest.raises(UsageError):
        OverSender(over=1, nonce=NONCE, utc_s=0, codec_id=1, k=7, sender="Ada")
    copying = OverSender(over=1, nonce=NONCE, utc_s=0, codec_id=1, k=2, sender="Ada", repeat=Repeat.COPIES)
    copying.begin()
    for copies in ([], [numbered_copy(0)], [b"short"] * 2):
        with pytest.raises(UsageError):
            copying.voice([packet] * 2, copies)
    with pytest.raises(UsageError, match="leaves none out"):
        copying.skip(2)


def follow(receiver: OverReceiver, frames: list[Begin | Voice | End], now: float, spacing_s: float) -> float:
    """Hand over the frames of an over, a VOICE every so many seconds, and return the time afterwards."""
    for frame in frames:
        now += spacing_s if isinstance(frame, Voice) else 0.0
        receiver.receive(frame, now)
    return now


@pytest.mark.parametrize("claimed", [4, 300, 65_535])
@pytest.mark.parametrize("passed_s", [0.3, 4.0, 60.0])
def test_an_end_claims_no_more_than_the_time_allows(claimed: int, passed_s: float) -> None:
    """END after one VOICE counts what can have been spoken since, and two seconds; never less than what came."""
    receiver = OverReceiver()
    begin, voice, *_ = over_frames(1)
    hear(receiver, [begin, voice])
    ended = receiver.receive(End(7, 2, claimed), passed_s)[0]
    assert isinstance(ended, OverEnded)
    spoken_s = min(passed_s, AHEAD_S) + END_AHEAD_S
    assert min(claimed, 1 + spoken_s / PACKET_S) >= ended.end.packets_sent >= min(claimed, 1)
    receiver = OverReceiver()
    hear(receiver, [begin, voice])
    receiver.abandon()
    assert ended.end == receiver.believed(End(7, 2, claimed), passed_s)


def test_packets_far_ahead_of_the_time_are_refused() -> None:
    """Frames that each skip a little do not take an over further than the time that has passed, and 20 s."""
    receiver = OverReceiver()
    hear(receiver, over_frames(1)[:1])
    steps = [sequence for sequence in range(1, 5000) if sequence % 9 and sequence % 9 < 3]
    events = hear(receiver, [Voice(7, sequence, (numbered_packet(0),)) for sequence in steps], now=1.0)
    furthest = max(event.index for event in events if isinstance(event, PacketHeard))
    assert furthest <= (1.0 + AHEAD_S) / PACKET_S


@pytest.mark.parametrize("spacing_s", [0.8, 1.2, 2.4, 5.0])
def test_a_talker_who_sends_little_loses_the_ear(spacing_s: float) -> None:
    """Whoever sends less than half of his speech for seconds is followed no longer once another station begins."""
    receiver = OverReceiver()
    now = follow(receiver, over_frames(8)[:7], 0.0, spacing_s)
    other = over_frames(4, over=9, nonce=OTHER_NONCE, sender="Bob")[0]
    assert [OverSuperseded, OverBegun] == [type(event) for event in receiver.receive(other, now + 0.1)]


def test_a_talker_keeps_the_ear_for_no_longer_than_the_talk_limit() -> None:
    """A full over is followed in spite of others, until it has lasted for as long as anybody may talk."""
    receiver = OverReceiver()
    frames = over_frames(500)
    other = over_frames(4, over=9, nonce=OTHER_NONCE, sender="Bob")[0]
    now = 0.0
    for frame in frames:
        now += PACKET_S if isinstance(frame, Voice) else 0.0
        receiver.receive(frame, now)
        if now >= TALK_LIMIT_S:
            break
        assert [Overlap] == [type(event) for event in receiver.receive(other, now)]
    assert [OverSuperseded, OverBegun] == [type(event) for event in receiver.receive(other, now)]


@pytest.mark.parametrize(("begins", "spacing_s", "other_s"), [(5, 0.9, 4.0), (3, 2.2, 4.5)])
def test_begins_without_an_end_do_not_keep_the_ear(begins: int, spacing_s: float, other_s: float) -> None:
    """A talker who begins over after over and says nothing in them has not paused between them, however far apart they
    are, and is followed no longer than one who is silent."""
    receiver = OverReceiver()
    for number in range(begins):
        frames = over_frames(1, over=number, nonce=bytes([number] * 8))[:1]
        [begun] = hear(receiver, frames, now=number * spacing_s)[-1:]
        assert isinstance(begun, OverBegun)
    other = over_frames(4, over=9, nonce=OTHER_NONCE, sender="Bob")[0]
    assert [OverSuperseded, OverBegun] == [type(event) for event in receiver.receive(other, other_s)]


def test_an_over_longer_than_the_limit_is_followed_in_pieces() -> None:
    """Nothing of a long file is lost: the over ends as superseded and goes on with the BEGIN that comes then."""
    frames = over_frames(500)
    receiver, now, events = OverReceiver(), 0.0, []
    for frame in frames:
        now += PACKET_S if isinstance(frame, Voice) else 0.0
        events += receiver.receive(frame, now)
    assert list(range(500)) == [event.index for event in events if isinstance(event, PacketHeard)]
    assert 1 == len([event for event in events if isinstance(event, OverSuperseded)])
    ended = events[-1]
    assert isinstance(ended, OverEnded) and (500, 500) == (ended.packets_heard, ended.end.packets_sent)
