"""Play-out by deadline, in virtual time: loss, reordering, duplicates, late frames, slow links, drifting clocks."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.overs import Listener, drop, numbered_copy, numbered_packet, over_frames, talk, through
from transport.impairment import ImpairedPath, Impairment
from transport.playout.jitter import FIRST_HOLD_S, MAX_HOLD_S, MIN_HOLD_S
from transport.playout.playout import MAX_FINISHED, MAX_JUMP, MAX_OVERS, Playout
from transport.protocol.frames import PACKET_S, VOICE_SHAPES, Repeat

PAUSE_S = 10.0


def conversation(
    listener: Listener,
    impairment: Impairment,
    overs: int,
    packets: int = 30,
    k: int = 1,
    clock: float = 1.0,
    repeat: Repeat = Repeat.NONE,
) -> Listener:
    """So many overs, one after the other, through one impaired path; `clock`: the talker's second, in ours."""
    path, start_s = ImpairedPath(impairment), 0.0
    for number in range(overs):
        frames = over_frames(packets, k, over=number % 256, nonce=number.to_bytes(8, "big"), repeat=repeat)
        sent = [(now * clock, octets) for now, octets in talk(frames, k, start_s)]
        arrivals = through(path, sent)
        listener.hear(arrivals)
        start_s = max([sent[-1][0], *[at for at, _ in arrivals]]) + PAUSE_S
    return listener


def ahead(listener: Listener) -> list[float]:
    """From each item's deadline to the next one's."""
    return [later - earlier for (earlier, _), (later, _) in itertools.pairwise(listener.played)]


@pytest.mark.parametrize("k", range(1, 7))
def test_a_perfect_link(k: int) -> None:
    """Every packet is played, in order, one every 320 ms, the first one the hold after its arrival."""
    listener = Listener().hear(talk(over_frames(20, k), k))
    assert list(range(20)) == listener.indices
    assert [PACKET_S] * 19 == pytest.approx(ahead(listener))
    assert k * PACKET_S + FIRST_HOLD_S == pytest.approx(listener.played[0][0])
    assert (20, 0, 0, 0) == (
        listener.playout.count.played,
        listener.playout.count.lost,
        listener.playout.count.late,
        listener.playout.count.refused,
    )
    assert [20] == [over.count.played for over in listener.playout.finished]
    assert not listener.playout.active


def test_packets_of_another_length() -> None:
    """Packets of 20 ms, 16 a frame, are played every 20 ms; a lost frame costs its own 320 ms; no bound is nearer."""
    playout, items = Playout(packet_s=0.02), []
    playout.begin(16)
    for frame in (0, 2, 3):
        for index in range(16 * frame, 16 * frame + 16):
            playout.push(index, numbered_packet(index), False, 0.32 * (frame + 1))
    playout.push(64 + 15 * 50, numbered_packet(0), False, 1.3)
    assert (0, 49 * 0.02) == (playout.count.refused, pytest.approx(playout.waiting_s))
    while (deadline_s := playout.next_deadline_s()) is not None and deadline_s < 1.79:
        items.append((deadline_s, playout.take(deadline_s)))
    assert [0.52 + 0.02 * index for index in range(64)] == pytest.approx([at_s for at_s, _ in items])
    assert [index for index in range(64) if not 16 <= index < 32] == [
        item.index for _, item in items if item is not None and item.packet is not None
    ]


def test_a_lost_frame_is_concealed_in_its_place() -> None:
    """A frame that never comes is None at its deadline; what follows keeps its time."""
    sent = talk(over_frames(12, 2), 2)
    listener = Listener().hear(drop(sent, 2))
    assert [0, 1, None, None, *range(4, 12)] == listener.indices
    assert [PACKET_S] * 11 == pytest.approx(ahead(listener))
    assert 2 == listener.playout.count.lost


def test_a_late_frame_is_lost_and_counted() -> None:
    """A frame that comes after its deadline is concealed, counted as late, and does not move the rest."""
    sent = talk(over_frames(8))
    sent[3] = (sent[3][0] + 0.3, sent[3][1])
    listener = Listener().hear(sent)
    assert [0, 1, None, *range(3, 8)] == listener.indices
    assert (1, 1) == (listener.playout.count.lost, listener.playout.count.late)
    assert [PACKET_S] * 7 == pytest.approx(ahead(listener))


def test_just_in_time() -> None:
    """A frame that is delayed by less than the hold is played at its deadline."""
    sent = [(now + (0.19 if number == 3 else 0), octets) for number, (now, octets) in enumerate(talk(over_frames(8)))]
    listener = Listener().hear(sent)
    assert list(range(8)) == listener.indices
    assert 0.01 == pytest.approx(listener.played[2][1].waited_s)


def test_duplicates_and_order() -> None:
    """Frames that come twice are played once; frames that overtake each other in time are put in order."""
    playout = Playout()
    playout.begin(1)
    for index, now in [(0, 0.0), (0, 0.01), (2, 0.02), (1, 0.03), (2, 0.04)]:
        playout.push(index, numbered_packet(index), False, now)
    items = [playout.take(10.0) for _ in range(3)]
    playout.push(1, numbered_packet(1), False, 10.0)
    assert [0, 1, 2] == [item.index for item in items if item and item.packet]
    assert (3, 1, 0, 0) == (
        playout.count.duplicate,
        playout.count.reordered,
        playout.count.late,
        playout.count.lost,
    )


def test_an_intact_duplicate_replaces_a_damaged_packet() -> None:
    """While a damaged packet waits, an intact one takes its place; never the other way round."""
    playout = Playout()
    playout.begin(1)
    playout.push(0, b"damaged", True, 0.0)
    playout.push(0, b"intact", False, 0.01)
    playout.push(0, b"worse", True, 0.02)
    item = playout.take(1.0)
    assert item is not None
    assert (b"intact", False, 0) == (item.packet, item.damaged, playout.count.damaged)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_signal_lost_after_two_missing_frames(k: int) -> None:
    """With two frames' packets missing in a row the signal is called lost, and found again with the next one."""
    sent = talk(over_frames(8 * k, k), k)
    voices = [number for number, (_, octets) in enumerate(sent) if octets[0] == 0x12]
    listener = Listener().hear(drop(sent, *voices[2:5]))
    told = [item.signal_lost for _, item in listener.played]
    assert [False] * (4 * k - 1) + [True] * (k + 1) + [False] * (3 * k) == told


def test_talker_who_joins_in_late_is_played_from_there() -> None:
    """A listener who hears nothing before the second BEGIN plays from the packet behind it, as soon as at first."""
    sent = talk(over_frames(24))
    first_s = next(at_s for at_s, octets in sent[9:] if octets[0] == 0x12)
    listener = Listener().hear(sent[4:])
    assert list(range(8, 24)) == listener.indices
    assert first_s + FIRST_HOLD_S == pytest.approx(listener.played[0][0])


def test_a_lost_first_frame_is_skipped() -> None:
    """Nothing is concealed before the first packet that came: play-out starts with it, its place says what is gone."""
    listener = Listener().hear(drop(talk(over_frames(6, 2), 2), 1))
    assert [2, 3, 4, 5] == listener.indices
    assert 2 == listener.playout.count.lost


@pytest.mark.parametrize("k", [1, 2])
def test_repeat_heals_losses_in_time(k: int) -> None:
    """With repeat a lost frame comes with the next one, and the hold allows for that from the first over on."""
    listener = Listener().hear(drop(talk(over_frames(20 * k, k, repeat=Repeat.PACKETS), k), 6, 12, 13))
    assert k == listener.indices.count(None)  # the first of the two frames that were lost in a row
    assert FIRST_HOLD_S + k * PACKET_S == pytest.approx(listener.played[0][0] - k * PACKET_S)
    assert 20 * k == listener.playout.count.played + listener.playout.count.lost


@pytest.mark.parametrize("k", [1, 2, 6])
def test_copies_fill_losses_in_time(k: int) -> None:
    """With copies the packets of a lost frame are rebuilt, the first frame's too, and no deadline moves."""
    whole = Listener().hear(talk(over_frames(20 * k, k, repeat=Repeat.COPIES), k))
    assert FIRST_HOLD_S + k * PACKET_S == pytest.approx(whole.played[0][0] - k * PACKET_S)
    assert (20 * k, 0) == (whole.playout.count.played, whole.playout.count.rebuilt)
    sent = talk(over_frames(20 * k, k, repeat=Repeat.COPIES), k)
    voices = [place for place, (_, octets) in enumerate(sent) if octets[0] & 15 in VOICE_SHAPES]
    listener = Listener().hear(drop(sent, voices[0], voices[5], voices[11], voices[12], voices[19]))
    gone = [index for number in (0, 5, 12) for index in range(number * k, (number + 1) * k)]
    assert gone == listener.rebuilt
    count = listener.playout.count
    assert (15 * k, 3 * k, 2 * k) == (count.played, count.rebuilt, count.lost)
    assert not any(item.signal_lost for _, item in listener.played)
    deadlines = {item.index: at_s for at_s, item in listener.played}
    assert deadlines == pytest.approx({item.index: at_s for at_s, item in whole.played if item.index in deadlines})


def test_a_packet_goes_before_its_copy() -> None:
    """One that comes later, but in time, is played; one that comes after its copy was played changes nothing."""
    playout = Playout()
    playout.begin(1, repeat=True)
    for index, now in [(0, 0.0), (3, 0.4)]:
        playout.push(index, numbered_packet(index), False, now)
    for index in (1, 2):
        playout.push_copy(index, numbered_copy(index), 0.4)
    playout.push(1, numbered_packet(1), False, 0.41)
    playout.push_copy(1, numbered_copy(1), 0.42)
    items = [playout.take(10.0) for _ in range(4)]
    playout.push(2, numbered_packet(2), False, 10.0)
    assert [0, 1, None, 3] == [item and item.packet and int.from_bytes(item.packet[:4]) for item in items]
    assert [None, None, numbered_copy(2), None] == [item and item.copy for item in items]
    assert (3, 1, 0, 0) == (playout.count.played, playout.count.rebuilt, playout.count.lost, playout.count.late)
    assert (1, 1) == (playout.count.duplicate, playout.count.reordered)


def test_copies_of_what_nobody_waits_for() -> None:
    """Before the start of the over, behind its end, after the deadline, or of a frame that is refused as absurd."""
    playout = Playout()
    playout.begin(1, 4, repeat=True)
    playout.push(MAX_JUMP + 5, b"", False, 0.0)
    playout.push_copy(MAX_JUMP + 4, b"copy", 0.0)
    assert (None, 0) == (playout.next_deadline_s(), playout.waiting_s)
    playout.push(4, numbered_packet(4), False, 0.1)
    playout.push_copy(3, b"copy", 0.1)
    playout.push(8, numbered_packet(8), False, 0.2)
    playout.end(7, 0.2)
    for index in (7, 8):
        playout.push_copy(index, b"copy", 0.2)
    items = [playout.take(0.1 + FIRST_HOLD_S + 1.5 * PACKET_S + number * PACKET_S) for number in range(3)]
    playout.push_copy(5, b"copy", 1.5)
    assert [4, 5, 6] == [item and item.index for item in items]
    assert [None] * 3 == [item and item.copy for item in items]
    assert not playout.active and 0 == playout.waiting_s


def test_an_over_that_is_gathered_is_rebuilt_from_its_copies() -> None:
    """On a link slower than speech nothing is played before the end, and then what is lost from copies."""
    sent = talk(over_frames(12, 2, repeat=Repeat.COPIES), 2)
    listener = Listener(Playout(slow_link=True)).hear(drop(sent, 2))
    assert ([2, 3], 10) == (listener.rebuilt, listener.playout.count.played)


@pytest.mark.parametrize("k", [1, 2])
def test_jitter_is_learned(k: int) -> None:
    """With half a second of jitter the hold grows to it within an over or two, and then nearly nothing is late."""
    listener = conversation(Listener(), Impairment(jitter_s=0.5, seed=3), overs=4, packets=60, k=k)
    lost_at_first = listener.playout.count.lost
    conversation(listener, Impairment(jitter_s=0.5, seed=4), overs=12, packets=60, k=k)
    assert 0.3 <= listener.playout.hold_s <= 0.5
    assert (listener.playout.count.lost - lost_at_first) / (12 * 60) < 0.06


def test_loss_of_a_fifth() -> None:
    """With 20 % of the frames lost, each packet is played or concealed exactly once and in order."""
    listener = conversation(Listener(), Impairment(loss=0.2, seed=1), overs=20)
    count = listener.playout.count
    assert 0.1 < count.lost / (count.lost + count.played) < 0.3
    assert count.played == len([number for number in listener.indices if number is not None])
    assert_in_order(listener)
    assert 0 == listener.playout.waiting_s


@pytest.mark.parametrize("repeat", Repeat)
def test_everything_at_once(repeat: Repeat) -> None:
    """Bursts of loss, jitter, reordering, duplicates and bit errors: nothing is played twice, nothing stays behind."""
    trouble = Impairment(
        delay_s=0.1, jitter_s=0.5, loss=0.2, burst_frames=4, ber=0.0005, reorder=0.1, duplicate=0.1, seed=5
    )
    listener = conversation(Listener(), trouble, overs=60, repeat=repeat)
    count = listener.playout.count
    assert (repeat is Repeat.COPIES) == (count.rebuilt > 0)
    assert min(listener.repeated, count.reordered, count.late, count.damaged, listener.rubbish) > 0
    assert count.played > 0.4 * 60 * 30
    assert_in_order(listener)
    assert 0 == listener.playout.waiting_s
    assert listener.playout.hold_s <= MAX_HOLD_S


@pytest.mark.parametrize("parts_per_million", [-200, 200])
def test_a_drifting_clock_for_an_hour(parts_per_million: int) -> None:
    """A talker's clock that is 200 ppm off neither grows the play-out nor runs it dry in an hour of 2-minute overs."""
    clock = 1 + parts_per_million / 1e6
    listener = conversation(Listener(), Impairment(jitter_s=0.02), overs=30, packets=375, clock=clock)
    assert (30 * 375, 0) == (listener.playout.count.played, listener.playout.count.lost)
    assert MIN_HOLD_S == listener.playout.hold_s
    assert max(item.waited_s for _, item in listener.played[375:]) < MIN_HOLD_S + 0.02 + 0.03


@pytest.mark.parametrize(("rate_bps", "k"), [(700, 1), (960, 1), (700, 2), (500, 4)])
def test_a_slow_link_is_buffered_then_played(rate_bps: float, k: int) -> None:
    """On a link slower than speech the first over is gathered as soon as that is seen, the next one from its start;
    of the first one only the beginning of a frame is lost whose end came in time, and the second one has no gap."""
    listener = conversation(Listener(), Impairment(rate_bps=rate_bps), overs=2, packets=48, k=k)
    count = listener.playout.count
    lost = sorted(set(range(48)).difference(number for number in listener.indices[:-48] if number is not None))
    assert len(lost) < k
    assert [lost[0] // k * k + place for place in range(len(lost))] == lost if lost else k == 1
    assert (96 - len(lost), len(lost), len(lost)) == (count.played, count.lost, count.late)
    assert_in_order(listener)
    assert list(range(48)) == listener.indices[-48:]
    assert [PACKET_S] * 47 == pytest.approx(ahead(listener)[-47:])
    concealed_meanwhile = listener.indices.count(None)
    assert concealed_meanwhile <= 3 * k


def assert_in_order(listener: Listener) -> None:
    """No packet is played, or rebuilt, after a newer one of its over, nor twice."""
    for over, items in itertools.groupby(listener.played, key=lambda entry: entry[1].over):
        played = [item.index for _, item in items if item.packet is not None or item.copy is not None]
        assert sorted(set(played)) == played, over


def test_a_late_beginning_of_a_frame_is_not_played_after_its_end() -> None:
    """Of two late frames in a row the first was in time for its second packet: its first one stays lost."""
    sent = talk(over_frames(12, 2), 2)
    voices = [number for number, (_, octets) in enumerate(sent) if octets[0] == 0x12]
    for number, delay_s in zip(voices[1:3], (0.26, 0.35), strict=True):
        sent[number] = (sent[number][0] + delay_s, sent[number][1])
    listener = Listener().hear(sent)
    assert [0, 1, None, 3, None, *range(4, 12)] == listener.indices
    assert (1, 1) == (listener.playout.count.lost, listener.playout.count.late)


@pytest.mark.parametrize("packets", [3, 8, 22])
def test_a_link_that_is_planned_to_be_slow(packets: int) -> None:
    """Its first over is gathered however short it is, and none of it is lost; a fast link is believed."""
    impairment = Impairment(rate_bps=900)
    slow = conversation(Listener(Playout(slow_link=True)), impairment, overs=1, packets=packets, k=6)
    assert list(range(packets)) == slow.indices
    listener = conversation(Listener(Playout(slow_link=True)), Impairment(), overs=2, packets=22, k=6)
    first_s, second_s = (
        next(item.waited_s for _, item in played if item.index == 0)
        for played in (listener.played, listener.played[22:])
    )
    assert first_s > 3 * 6 * PACKET_S - 2 > second_s


def test_one_late_frame_is_not_taken_for_a_slow_link() -> None:
    """Of two late frames with one in time between them neither moves the play-out: both are concealed."""
    sent = talk(over_frames(12))
    for number in (2, 4):
        sent[number] = (sent[number][0] + 0.25, sent[number][1])
    listener = Listener().hear(sent)
    assert [0, None, 2, None, *range(4, 12)] == listener.indices
    assert [PACKET_S] * 11 == pytest.approx(ahead(listener))


def test_gathering_is_shown_and_forgotten() -> None:
    """While a slow over is gathered nothing is due and the wait is told; a link that is fast again ends it."""
    playout = Playout()
    playout.begin(1, gather=True)
    for index in range(10):
        playout.push(index, numbered_packet(index), False, 1.0 * index)
        assert playout.take(1.0 * index) is None
    assert (True, None) == (playout.gathering, playout.next_deadline_s())
    assert 3.2 == pytest.approx(playout.waiting_s)
    playout.end(10, 10.0)
    assert 10.0 == playout.next_deadline_s()
    listener = Listener(playout)
    listener.hear(talk(over_frames(10), start_s=20.0))  # still gathered, and seen to be fast
    listener.hear(talk(over_frames(10, nonce=b"another1"), start_s=40.0))
    assert listener.played[-10][0] < 41.0


def test_one_step_of_delay_moves_the_anchor() -> None:
    """When the delay grows by a second in mid-over and stays, play-out pauses once and goes on without losing more."""
    sent = [(now + (1.0 if now > 3.0 else 0.0), octets) for now, octets in talk(over_frames(40))]
    listener = Listener().hear(sent)
    assert listener.playout.count.played >= 37
    assert 40 == listener.playout.count.played + listener.playout.count.lost
    waits = [item.waited_s for _, item in listener.played if item.packet is not None]
    assert max(waits) < 1.0


def test_a_stall_that_is_caught_up_loses_only_what_was_late() -> None:
    """Frames held up for 1.5 s and then delivered at once do not delay the rest of the over."""
    sent = [(max(now, 4.5) if now > 3.0 else now, octets) for now, octets in talk(over_frames(40))]
    listener = Listener().hear(sent)
    assert 40 == listener.playout.count.played + listener.playout.count.lost
    assert 34 <= listener.playout.count.played
    assert 0.25 > listener.played[-1][1].waited_s


def test_the_end_is_missing() -> None:
    """When END is lost, everything is played, and the over is closed when the floor gives the talker up."""
    sent = talk(over_frames(5))[:-2]
    listener = Listener().hear(sent)
    assert [0, 1, 2, 3, 4] == [index for index in listener.indices if index is not None]
    assert not listener.playout.active


def test_a_hole_before_the_end_is_not_played_out() -> None:
    """After END at most two frames are concealed in a row: the rest of a long hole is counted and skipped."""
    sent = talk(over_frames(14))
    hole = [number for number, (now, octets) in enumerate(sent) if octets[0] == 0x12 and 2.0 < now < 4.5]
    gone = Listener().hear(drop(sent, *hole)[:8] + [(2.5, octets) for _, octets in sent[-1:]])
    assert gone.playout.count.lost + gone.playout.count.played == 14
    assert len([index for index in gone.indices if index is None]) == 2
    assert not gone.playout.active


def test_an_over_without_any_voice() -> None:
    """BEGIN and END alone leave nothing to play; so does an over whose voice was lost whole."""
    listener = Listener().hear(talk(over_frames(0)))
    sent = talk(over_frames(3, nonce=b"another1"), start_s=10)
    listener.hear([sent[0], *sent[-2:]])
    assert ([], 3, False) == (listener.indices, listener.playout.count.lost, listener.playout.active)


def test_an_absurd_index_is_refused() -> None:
    """A packet absurdly far ahead is refused; the next nearer one is played if END counts it, after two frames."""
    playout = Playout()
    playout.begin(1)
    playout.push(0, numbered_packet(0), False, 0.0)
    playout.push(60_000, numbered_packet(1), False, 0.1)
    assert 1 == playout.count.refused
    playout.push(MAX_JUMP, numbered_packet(2), False, 0.2)
    playout.end(MAX_JUMP + 1, 0.3)
    items = [item for tenths in range(100) if (item := playout.take(tenths / 10))]
    assert [0, 1, 2, MAX_JUMP] == [item.index for item in items]


def test_an_end_before_the_first_packet_loses_none() -> None:
    """Whoever joined late, and hears an END of fewer packets than there were before, has lost none of them."""
    playout = Playout()
    playout.begin(1, 16)
    playout.push(20, numbered_packet(20), False, 0.0)
    playout.end(3, 0.1)
    assert (0, False) == (playout.count.lost, playout.active)


def test_two_overs_close_together() -> None:
    """An over that begins while the last one is still played comes after it, whole."""
    first = talk(over_frames(12, 6), 6)
    second = talk(over_frames(4, 1, over=9, nonce=b"another1"), start_s=first[-1][0] + 0.1)
    listener = Listener().hear(first + second)
    assert [*range(12), *range(4)] == listener.indices
    assert min(ahead(listener)) > PACKET_S - 1e-9


def test_overs_are_counted_each_on_its_own() -> None:
    """Two overs, the second of which begins while the first is played: each is told as finished, with its own count,
    and items say which one they belong to."""
    first = drop(talk(over_frames(12, 6), 6), 1)
    second = talk(over_frames(4, 1, over=9, nonce=b"another1"), start_s=first[-1][0] + 0.1)
    listener = Listener().hear(first + second)
    assert [(1, 6, 6), (2, 4, 0)] == [
        (played.over, played.count.played, played.count.lost) for played in listener.playout.finished
    ]
    assert [1] * 6 + [2] * 4 == [item.over for _, item in listener.played]
    assert (10, 6) == (listener.playout.count.played, listener.playout.count.lost)


def test_a_queued_over_has_until_its_turn() -> None:
    """A packet that comes after its own deadline, but while the over before it is still played, is in time."""
    playout = Playout()
    playout.begin(1)
    for index in range(20):
        playout.push(index, numbered_packet(index), False, 0.0)
    playout.end(20, 0.0)
    playout.begin(1)
    playout.push(0, numbered_packet(0), False, 0.1)
    playout.push(1, numbered_packet(1), False, 5.0)
    playout.end(2, 5.0)
    items = [item for hundredths in range(1000) if (item := playout.take(hundredths / 100))]
    assert [*range(20), 0, 1] == [item.index for item in items]
    assert (22, 0) == (playout.count.played, playout.count.lost)


def test_overs_that_nobody_could_hear_are_given_up() -> None:
    """Overs in endless number do not fill the memory: the oldest that waits goes, and is counted."""
    playout = Playout()
    for _ in range(1000):
        playout.begin(1)
        playout.push(0, numbered_packet(0), False, 0.0)
    playout.end(1, 0.0)
    assert MAX_OVERS * PACKET_S == pytest.approx(playout.waiting_s)
    while playout.active:
        assert playout.take(1e6)
    assert (MAX_OVERS, 1000 - MAX_OVERS) == (playout.count.played, playout.count.lost)


def test_empty_overs_push_no_speech_out() -> None:
    """What waits while another over is played is played then, however many overs without speech came behind it."""
    playout = Playout()
    for _ in range(2):
        playout.begin(1)
        playout.push(0, numbered_packet(0), False, 0.0)
    for _ in range(100):
        playout.begin(1)
        playout.end(0, 0.0)
    items = [item for hundredths in range(1000) if (item := playout.take(hundredths / 100)) and item.packet]
    assert (2, 2, 0) == (len(items), playout.count.played, playout.count.lost)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(1, 40),
    st.lists(st.tuples(st.floats(0, 3), st.integers(0, 2)), min_size=40, max_size=40),
    st.booleans(),
)
def test_whatever_arrives(k: int, packets: int, fates: list[tuple[float, int]], end_comes: bool) -> None:
    """Under any delays, losses and duplicates, packets are played in order, once, all accounted for, and it ends."""
    sent = talk(over_frames(packets, k), k)
    arrivals = [sent[0]]
    for (now, octets), (delay_s, copies) in zip(sent[1:-2], itertools.cycle(fates), strict=False):
        arrivals += [(now + delay_s, octets)] * copies
    listener = Listener()
    listener.hear(arrivals + ([(sent[-1][0] + 3, sent[-1][1])] if end_comes else []))
    played = [index for index in listener.indices if index is not None]
    count = listener.playout.count
    assert len(played) == count.played
    assert_in_order(listener)
    assert not listener.playout.active
    if listener.ended and not listener.given_up:
        assert packets == count.played + count.lost


@pytest.mark.parametrize("frozen_s", [3.0, 20.0])
def test_what_came_while_nothing_ran_is_not_played_late(frozen_s: float) -> None:
    """After a freeze in mid-over the packets that are due later are played in time; those before count as lost."""
    playout, packets = Playout(), 100
    playout.begin(1)
    for index in range(5):
        playout.push(index, numbered_packet(index), False, index * PACKET_S)
    while playout.take(5 * PACKET_S):
        pass
    now = 5 * PACKET_S + frozen_s
    came = int(now / PACKET_S)
    for index in range(5, came):
        playout.push(index, numbered_packet(index), False, now)
    playout.catch_up(now, now)
    assert playout.waiting_s <= 2 * PACKET_S
    for index in range(came, packets):
        playout.push(index, numbered_packet(index), False, index * PACKET_S + now % PACKET_S)
        due_s = playout.next_deadline_s()
        assert due_s is not None
        assert due_s <= now + (index - came + 2) * PACKET_S + playout.hold_s
        playout.take(due_s)


def test_what_is_read_slowly_after_a_freeze_is_not_gathered() -> None:
    """Frames that come late because they waited here are no sign of a slow link, however slowly they are read."""
    playout = Playout()
    playout.begin(1)
    for index in range(5):
        playout.push(index, numbered_packet(index), False, index * PACKET_S)
    while playout.take(5 * PACKET_S):
        pass
    woke_s = now = 5 * PACKET_S + 20.0
    playout.skip_overdue(now)
    for index in range(5, 67):
        now += 0.01
        playout.push(index, numbered_packet(index), False, now)
        if index % 20 == 0:
            playout.catch_up(now, woke_s)
    playout.catch_up(now, woke_s)
    assert not playout.gathering
    assert playout.waiting_s <= 3 * PACKET_S


def test_an_over_that_began_while_nothing_ran_is_joined_where_it_is() -> None:
    """Its frames are read all at once: what is played first is the newest, and an over that is complete is left out."""
    for total in (None, 50):
        playout = Playout()
        playout.begin(1)
        for index in range(50):
            playout.push(index, numbered_packet(index), False, 30.0)
        playout.end(total, 30.0) if total else None
        playout.catch_up(30.3, 30.0)
        deadline_s = playout.next_deadline_s()
        assert deadline_s is not None
        assert 30.3 - PACKET_S <= deadline_s <= 31.0
        item = playout.take(deadline_s)
        assert item is not None and item.index >= 48


def test_what_comes_after_all_overs_is_counted_each_time() -> None:
    """Packets of no over are late, every one of them."""
    playout = Playout()
    for index in range(3):
        playout.push(index, numbered_packet(index), False, 0.0)
    assert 3 == playout.count.late


def test_finished_overs_that_nobody_takes_are_forgotten() -> None:
    """Their number is bounded."""
    playout = Playout()
    for _ in range(2 * MAX_FINISHED):
        playout.begin(1)
        playout.end(0, 0.0)
    assert MAX_FINISHED == len(playout.finished)


def test_an_over_that_was_gathered_before_a_freeze_stays_so() -> None:
    """The link is slow by its plan, and not because this process was frozen."""
    playout = Playout(slow_link=True)
    playout.begin(1)
    playout.push(0, numbered_packet(0), False, 0.0)
    playout.catch_up(30.0, 30.0)
    assert playout.gathering and PACKET_S == playout.waiting_s


def test_a_hold_is_no_longer_than_a_frame() -> None:
    """However long its packets are."""
    playout = Playout(packet_s=0.5)
    playout.jitter.add([0.0, 9.0])
    playout.begin(6)
    assert 6 * 0.5 == playout.hold_s


def test_what_was_concealed_behind_the_end_is_no_part_of_an_over() -> None:
    """END came late: two packets were concealed by then that nobody said, and none of them was lost."""
    playout = Playout()
    playout.begin(1)
    for index in range(3):
        playout.push(index, numbered_packet(index), False, index * PACKET_S)
    while playout.take(FIRST_HOLD_S + 4 * PACKET_S):
        pass
    playout.end(3, FIRST_HOLD_S + 4 * PACKET_S)
    [over] = playout.finished
    assert (1, 3, 3, 0) == (over.over, over.ends, over.count.played, over.count.lost)


def test_overs_that_are_stopped_are_told_as_far_as_they_were_played() -> None:
    """Nothing of those that wait was."""
    playout = Playout()
    for _ in range(2):
        playout.begin(1)
        for index in range(5):
            playout.push(index, numbered_packet(index), False, 0.0)
    while playout.take(FIRST_HOLD_S + PACKET_S):
        pass
    playout.stop()
    assert not playout.active
    assert [(1, 2, 2), (2, 0, 0)] == [(over.over, over.ends, over.count.played) for over in playout.finished]
    assert 2 == playout.count.played


def test_an_over_that_is_gathered_is_played_when_the_next_one_begins() -> None:
    """Its END was lost; that it waited behind another one changes nothing."""
    playout = Playout(slow_link=True)
    playout.begin(1)
    playout.push(0, numbered_packet(0), False, 0.0)
    playout.end(1, 0.0)
    playout.begin(1)
    playout.push(0, numbered_packet(1), False, 0.1)
    played = [playout.take(0.2)]
    playout.begin(1)
    played += [playout.take(1.0)]
    assert [1, 2] == [item.over for item in played if item is not None]
