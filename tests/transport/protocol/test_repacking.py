"""Packets that are packed into other frames than they came in."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.support.overs import numbered_packet, over_frames
from transport.errors import UsageError
from transport.protocol.frames import Repeat
from transport.protocol.over import OverSender, PacketHeard
from transport.protocol.over_receiver import OverReceiver
from transport.protocol.repacking import LATE_S, MAX_AHEAD, Piece, Repacker

P = [numbered_packet(number) for number in range(64)]


def pushed(k: int, *indices: int, first: int = 0, again_s: float = 0.0) -> Repacker:
    repacker = Repacker(k, first, again_s)
    for index in indices:
        repacker.push(index, P[index], False, 0.0)
    return repacker


def taken(repacker: Repacker, now: float = 0.0) -> list[Piece]:
    pieces = []
    while (piece := repacker.take(now)) is not None:
        pieces.append(piece)
    return pieces


@pytest.mark.parametrize("k", range(1, 7))
@pytest.mark.parametrize("source_k", range(1, 7))
def test_every_k_into_every_other(source_k: int, k: int) -> None:
    """All packets come out in order, whatever the frames were and are, and a receiver places them as they were."""
    receiver, repacker = OverReceiver(), Repacker(k, 0)
    sender = OverSender(over=1, nonce=bytes(8), utc_s=0, codec_id=1, k=k, sender="Ada")
    out: list[Any] = [sender.begin()]
    now = 0.0
    for frame in over_frames(17, source_k):
        now += 0.32
        for fact in receiver.receive(frame, now):
            if isinstance(fact, PacketHeard):
                repacker.push(fact.index, fact.packet, fact.damaged, now)
        for piece in taken(repacker, now):
            out += sender.voice(piece.packets)
    repacker.end(17, 0.0)
    for piece in taken(repacker, now):
        out += sender.voice(piece.packets)
    assert repacker.finished
    listener, heard = OverReceiver(), {}
    for number, frame in enumerate([*out, sender.end()]):
        for fact in listener.receive(frame, number * 0.4):
            if isinstance(fact, PacketHeard):
                heard[fact.index] = fact.packet
    assert dict(enumerate(P[:17])) == heard


def test_a_frame_waits_for_its_packets() -> None:
    """Until one behind it has come and the missing one is late; longer where the talker sends it again."""
    repacker = pushed(2, 0)
    assert [] == taken(repacker) and math.inf == repacker.next_s()
    repacker.push(2, P[2], False, 1.0)
    assert [] == taken(repacker, 1.0) and pytest.approx(1.0 + LATE_S) == repacker.next_s()
    assert [Piece(2, (P[0], P[0]), 1, True)] == taken(repacker, repacker.next_s())
    assert [] == taken(pushed(1, 1, again_s=0.32), 0.3)
    assert [Piece(1, (), 1, True), Piece(1, (P[1],), 0, False)] == taken(pushed(1, 1, again_s=0.32), 0.43)


def test_order_and_repeats_do_not_matter() -> None:
    """Packets out of turn wait; one that comes again, or too late, changes nothing."""
    repacker = pushed(2, 1, 0, 3, 2, 2)
    assert [(P[0], P[1]), (P[2], P[3])] == [piece.packets for piece in taken(repacker)]
    repacker.push(0, P[9], False, 5.0)
    repacker.end(None, 0.0)
    assert [] == taken(repacker) and repacker.finished


def test_the_rest_of_an_over_that_others_have_begun() -> None:
    """What was taken stays so, what is left out comes no more, and the end is where it was."""
    repacker = pushed(2, 0, 1, 2, 3, 4)
    repacker.take(0.0)
    repacker.skip({P[0]}.__contains__)
    assert (P[2], P[3]) == taken(repacker)[0].packets
    repacker = pushed(1, 0, 1, 2, 3)
    said = {P[0], P[1], P[2]}.__contains__
    assert 1 == repacker.unsaid(said)
    repacker.skip(said)
    assert [(P[3],)] == [piece.packets for piece in taken(repacker)] and math.inf == repacker.next_s()
    repacker.push(2, P[2], False, 0.0)
    repacker.end(5, 0.0)
    assert 0 == repacker.unsaid(said)
    repacker.skip({P[4]}.__contains__)
    assert [()] == [piece.packets for piece in taken(repacker)] and repacker.finished


def test_what_others_leave_out_is_said_with_what_follows() -> None:
    """A few packets that were not heard from them may have been lost; more of them, or a row, were not said."""
    numbers = range(40)
    for heard, first in (
        (set(numbers) - {20, 30}, 40),
        (set(numbers) - {20, 21, 22}, 40),
        (set(numbers) - {20, 21, 22, 23}, 20),
        (set(numbers) - {38}, 40),
        (set(numbers) - {39}, 39),
        ({n for n in numbers if n % 2 == 0}, 1),
        (set(), 0),
    ):
        repacker = pushed(1, *numbers)
        repacker.end(40, 0.0)
        has = {P[n] for n in heard}.__contains__
        assert sum(n >= first and n not in heard for n in numbers) == repacker.unsaid(has)
        repacker.skip(has)
        assert [P[n] for n in range(first, 40)] == [piece.packets[0] for piece in taken(repacker)]


def test_the_end_of_an_over() -> None:
    """What is missing before it counts, whether anything came of it or not; nothing is invented behind it."""
    repacker = pushed(2, 0, 1, 4)
    repacker.end(7, 0.0)
    pieces = taken(repacker)
    assert [2, 2, 2, 1] == [piece.count for piece in pieces]
    assert [0, 2, 1, 1] == [piece.missing for piece in pieces]
    assert [True, False, True, False] == [bool(piece.packets) for piece in pieces]
    lost = pushed(2, 0, 1, 2)
    lost.end(None, 0.0)
    assert [2, 1] == [piece.count for piece in taken(lost)]
    assert lost.finished


def test_a_damaged_packet_is_told() -> None:
    """It is carried, and its frame is marked."""
    repacker = Repacker(2, 4)
    repacker.push(4, P[4], True, 0.0)
    repacker.push(5, P[5], False, 0.0)
    assert [Piece(2, (P[4], P[5]), 0, True)] == taken(repacker)


def came(k: int, times: dict[int, float], *, source_k: int = 1, until_s: float) -> list[tuple[float, Piece]]:
    """Return what is taken, and when, of an over that began at 0, of which packets came at these times."""
    repacker, now, pieces = Repacker(k, 0, begun_s=0.0, source_k=source_k), 0.0, []
    arrivals = sorted((at_s, index) for index, at_s in times.items())
    while now < until_s:
        pieces += [(now, piece) for piece in taken(repacker, now)]
        now = min(next((at_s for at_s, _ in arrivals), until_s), max(now + 1e-6, repacker.next_s()))
        while arrivals and arrivals[0][0] <= now:
            repacker.push(arrivals[0][1], P[arrivals[0][1]], False, now)
            del arrivals[0]
    return pieces


@pytest.mark.parametrize("source_k", [1, 2, 6])
@pytest.mark.parametrize("k", [1, 2, 6])
def test_a_packet_far_ahead_takes_no_place_of_others(k: int, source_k: int) -> None:
    """Before its time it shows nothing of what is missing: all that comes on time goes on, and nothing waits for it."""
    times = {index: 0.32 * (index // source_k + 1) * source_k for index in range(48)}
    whole = came(k, times, source_k=source_k, until_s=30.0)
    assert whole == came(k, {**times, 60: 0.05, 63: 0.1}, source_k=source_k, until_s=times[47] + 0.01)
    assert [P[:48]] == [[packet for _, piece in whole for packet in piece.packets]]


def test_what_is_lost_is_given_up_when_the_next_one_is_there() -> None:
    """No later than without a clock, however early the talker is; with a BEGIN that was held up, once it is due."""
    on_time = {index: 0.32 * (index + 1) for index in range(10) if index not in (0, 4, 6, 7)}
    for early_s in (0.0, 0.2):
        pieces = came(1, {index: at_s - early_s for index, at_s in on_time.items()}, until_s=20.0)
        given_up = [at_s for at_s, piece in pieces if piece.missing]
        assert [0.74, *(at_s - early_s for at_s in (2.02, 2.98, 3.08))] == pytest.approx(given_up)
    held_up = came(1, {index: 0.5 + 0.32 * (index - 10) for index in range(10, 20)}, until_s=20.0)
    assert P[10:20] == [packet for _, piece in held_up for packet in piece.packets]
    assert [0.32 * (index + 2) + LATE_S for index in range(10)] == pytest.approx([at_s for at_s, _ in held_up[:10]])


@pytest.mark.parametrize("length", [None, 12])
def test_a_packet_far_ahead_makes_no_over_longer(length: int | None) -> None:
    """Neither one that ends, nor one whose talker has disappeared; one whose BEGIN was held up has all that came."""
    repacker = Repacker(1, 0, begun_s=0.0)
    for index in range(12):
        repacker.push(index, P[index], False, 0.32 * (index + 1))
        repacker.push(index + 40, P[0], False, 0.32 * (index + 1))
    repacker.end(length, 4.0)
    assert P[:12] == [packet for piece in taken(repacker, 4.0) for packet in piece.packets] and repacker.finished
    late = Repacker(1, 0, begun_s=0.0)
    late.push(30, P[30], False, 0.1)
    late.end(None, 0.2)
    assert P[30] == [packet for piece in taken(late, 0.2) for packet in piece.packets].pop() and late.finished


@pytest.mark.parametrize(
    ("ahead", "claimed", "length"),
    [((61,), 62, 15), ((12, 14), 15, 15), ((13, 20, 40), 41, 16), ((20, 21), 25, 19), ((), 20, 20)],
)
def test_what_cannot_have_been_said_follows_without_gaps(ahead: tuple[int, ...], claimed: int, length: int) -> None:
    """All that came is said, gaps that were heard stay, and no END makes the over longer than it took to come."""
    repacker = Repacker(1, 0, begun_s=0.0)
    for index in (*range(5), *range(7, 12)):
        repacker.push(index, P[index], False, 0.32 * (index + 1))
    for index in ahead:
        repacker.push(index, P[index], False, 3.84)
    assert (10 + len(ahead), False) == (repacker.waiting, repacker.rest_is_missing)
    repacker.end(claimed, 3.84)
    pieces = taken(repacker, 3.84)
    assert [P[index] for index in (*range(5), *range(7, 12), *ahead)] == [one for p in pieces for one in p.packets]
    assert length == sum(piece.count for piece in pieces) == claimed - repacker.left_out
    assert repacker.finished and repacker.rest_is_missing
    assert [5, 6] == [number for number, piece in enumerate(pieces[:12]) if piece.missing]


def test_places_are_bounded() -> None:
    """A place far ahead is no place, and the length is believed no further either."""
    repacker = Repacker(1, 0)
    for index in (MAX_AHEAD, 10**6, -1):
        repacker.push(index, P[0], False, 0.0)
    repacker.end(10**6, 0.0)
    assert MAX_AHEAD == sum(piece.count for piece in taken(repacker))


def test_left_out_packets_keep_the_places_of_the_others() -> None:
    """BEGIN comes where it is due, END counts them; with repeat nothing can be left out."""
    sender = OverSender(over=1, nonce=bytes(8), utc_s=0, codec_id=1, k=1, sender="Ada")
    receiver, heard = OverReceiver(), []
    frames: list[Any] = [sender.begin()]
    for number in range(20):
        frames += sender.skip(1) if number % 3 == 2 else sender.voice([P[number]])
    for at, frame in enumerate([*frames, sender.end()]):
        heard += [fact.index for fact in receiver.receive(frame, at * 0.4) if isinstance(fact, PacketHeard)]
    assert [number for number in range(20) if number % 3 != 2] == heard
    assert 20 == sender.end().packets_sent
    again = OverSender(over=1, nonce=bytes(8), utc_s=0, codec_id=1, k=1, sender="Ada", repeat=Repeat.PACKETS)
    again.begin()
    with pytest.raises(UsageError, match="leaves none out"):
        again.skip(1)


def test_a_packet_that_came_early_goes_on_when_it_can_have_been_said() -> None:
    """Until then another one may take its place."""
    pieces = came(1, {0: 0.32, 1: 0.64, 2: 0.0}, until_s=5.0)
    assert [0.32, 0.64, 0.96 + LATE_S] == pytest.approx([at_s for at_s, _ in pieces])


def test_what_is_left_out_has_been_said() -> None:
    """The next packet is on time behind it, and does not wait."""
    repacker = Repacker(1, 0, begun_s=0.0)
    for index in range(4):
        repacker.push(index, P[index], False, 0.32 * (index + 1))
    assert 2 == len([repacker.take(0.64), repacker.take(0.64)])
    repacker.skip({P[2], P[3]}.__contains__)
    repacker.push(4, P[4], False, 1.6)
    assert [Piece(1, (P[4],), 0, False)] == taken(repacker, 1.6)


def test_a_hole_behind_what_is_left_out_is_given_up_as_before() -> None:
    """The packet behind it has shown that it is missing."""
    repacker = pushed(1, 0, 2)
    repacker.skip({P[0]}.__contains__)
    assert [Piece(1, (), 1, True), Piece(1, (P[2],), 0, False)] == taken(repacker, LATE_S)
