"""Packets that stand far ahead of what is being said, in virtual time: they wait, and move nothing else."""

from __future__ import annotations

import pytest

from tests.support.overs import Listener, drop, numbered_packet, over_frames, talk
from transport.playout.arrivals import FOLLOWED_S
from transport.playout.jitter import FIRST_HOLD_S, MIN_HOLD_S
from transport.playout.playout import Playout
from transport.protocol.frames import PACKET_S, Voice
from transport.protocol.open_frames import encode

AHEAD = 99
"""Number of the packet that somebody else sends ahead."""


def ahead(sent: list[tuple[float, bytes]], behind: int, *sequences: int) -> list[tuple[float, bytes]]:
    """Return an over, with frames of somebody else's behind one of it."""
    frames = (encode(Voice(7, sequence, (numbered_packet(AHEAD),))) for sequence in sequences)
    return [*sent[: behind + 1], *((sent[behind][0] + 0.05, octets) for octets in frames), *sent[behind + 1 :]]


@pytest.mark.parametrize(
    ("behind", "sequences"), [(0, (60,)), (0, (3,)), (0, (50, 51, 52)), (6, (60,)), (6, (9, 50)), (6, (60, 50, 58))]
)
def test_what_stands_far_ahead_is_no_part_of_an_over_without_end(behind: int, sequences: tuple[int, ...]) -> None:
    """Whoever disappears has said what came, and not what somebody else has sent ahead of him."""
    sent = talk(over_frames(60))[:11]
    whole, listener = Listener().hear(sent), Listener().hear(ahead(sent, behind, *sequences))
    assert [number for number in whole.indices if number is not None] == [
        number for number in listener.indices if number not in (None, AHEAD)
    ]
    assert whole.playout.count.lost == listener.playout.count.lost


@pytest.mark.parametrize("k", [1, 2, 6])
def test_what_comes_where_a_packet_far_ahead_is_due_is_in_time(k: int) -> None:
    """The first frame is lost, and somebody else sent the second one before: what follows is played."""
    sent = talk(over_frames(10 * k, k), k)
    other = encode(Voice(7, 2, (numbered_packet(AHEAD),) * k))
    listener = Listener().hear([sent[0], (0.05, other), *sent[2:]])
    assert list(range(k, 10 * k)) == [number for number in listener.indices if number not in (None, AHEAD)]
    assert k == listener.playout.count.lost


@pytest.mark.parametrize("before_s", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("k", [1, 2, 6])
def test_the_first_frame_is_played_behind_another_ones(k: int, before_s: float) -> None:
    """Where somebody else's was taken for what was said before the key, the over begins anew with the genuine one."""
    sent = talk(over_frames(10 * k, k), k)
    other = encode(Voice(7, 1, (numbered_packet(AHEAD),) * k))
    listener = Listener().hear([sent[0], (max(0.02, k * PACKET_S - before_s), other), *sent[1:]])
    heard = [number for number in listener.indices if number not in (None, AHEAD)]
    assert list(range(10 * k)) == heard and listener.playout.hold_s < MIN_HOLD_S + 0.03
    assert (10 * k, 0) == (listener.playout.count.played, listener.playout.count.lost)


def test_an_over_begins_anew_in_the_moment_in_which_more_of_it_comes() -> None:
    """Its second frame and then its first come at once, after another's first one was played."""
    sent = talk(over_frames(10))
    other = encode(Voice(7, 1, (numbered_packet(AHEAD),)))
    swapped = [(0.4, sent[2][1]), (0.4, sent[1][1])]
    listener = Listener().hear([sent[0], (0.02, other), *swapped, *sent[3:]])
    assert [AHEAD, *range(10)] == listener.indices
    assert (10, 0) == (listener.playout.count.played, listener.playout.count.lost)


def test_a_word_in_a_long_frame_is_heard_at_once() -> None:
    """A frame that is not full comes before its time, and END shows that no more is to come."""
    listener = Listener().hear([(0.32 * (octets[0] != 0x11), octets) for _, octets in talk(over_frames(1, 6), 6)])
    assert [0] == listener.indices
    assert 0.32 + FIRST_HOLD_S == pytest.approx(listener.played[0][0])


@pytest.mark.parametrize("k", [1, 2, 6])
def test_an_over_whose_begin_was_held_up_is_played_soon(k: int) -> None:
    """Packets ahead that go on at the pace of speech, while none come behind them, are where the talker is."""
    sent = talk(over_frames(60, k), k)
    late_s = next(at_s for at_s, octets in sent if octets[0] == 0x11 and at_s > 4.0)
    listener = Listener().hear([(late_s + 0.1, sent[0][1]), *[one for one in sent if one[0] > late_s + 0.1]])
    first = round(late_s / PACKET_S)
    assert list(range(first, 60)) == listener.indices and first > 12
    believed_s = (first + k) * PACKET_S + max(FOLLOWED_S, 2 * k * PACKET_S)
    assert believed_s - 1e-9 <= listener.played[0][0] < late_s + 1.0 + 4 * k * PACKET_S


def test_an_over_whose_first_packet_is_lost_begins_on_time() -> None:
    """What was said before the key comes early: the hold is as long as it would have been."""
    early = [(max(0.0, now - 0.2), octets) for now, octets in talk(over_frames(12))]
    listener = Listener().hear(drop(early, 1))
    assert list(range(1, 12)) == listener.indices
    assert 2 * PACKET_S - 0.2 + FIRST_HOLD_S == pytest.approx(listener.played[0][0])


def test_packets_in_one_go_after_a_stall_are_believed() -> None:
    """BEGIN and what was said meanwhile come at the same moment, with a hole in it: nothing of it waits or is lost."""
    sent = [(max(now, 5.0), octets) for now, octets in talk(over_frames(40))]
    listener = Listener().hear(drop(sent, 4, 5))
    assert [number for number in range(40) if number not in (3, 4)] == [
        number for number in listener.indices if number is not None
    ]
    assert 5.0 + FIRST_HOLD_S == pytest.approx(listener.played[0][0])


def test_a_stranger_teaches_no_jitter() -> None:
    """One packet far ahead makes the hold of the next over no longer."""
    listener = Listener().hear(ahead(talk(over_frames(20)), 4, 60))
    assert (20, MIN_HOLD_S) == (listener.playout.count.played, listener.playout.hold_s)


def test_a_link_that_falls_behind_is_seen_beside_a_packet_far_ahead() -> None:
    """Late frames in a row are played after all, whatever stands ahead of them."""
    sent = [(now + (1.0 if now > 3.0 else 0.0), octets) for now, octets in talk(over_frames(40))]
    assert Listener().hear(sent).indices == Listener().hear(ahead(sent, 4, 60)).indices


def test_an_over_of_longer_packets_begins_anew() -> None:
    """Its own first packet is held as if it had come alone, be it ahead of the BEGIN by a part of a packet."""
    playout = Playout(packet_s=0.64)
    playout.begin(1, begun_s=0.0)
    playout.push(0, numbered_packet(AHEAD), False, 0.1)
    assert playout.take(0.1 + FIRST_HOLD_S) is not None
    playout.push(0, numbered_packet(0), False, 0.35)
    assert 0.35 + FIRST_HOLD_S == playout.next_deadline_s()


def test_packets_ahead_are_the_over_where_nothing_else_came_of_it() -> None:
    """The talker disappeared before others showed where he is: what came is played, and nothing is lost before it."""
    sent = talk(over_frames(60))
    listener = Listener().hear([sent[0], (0.1, sent[34][1]), (0.42, sent[35][1])])
    assert [30, 31] == [number for number in listener.indices if number is not None]
