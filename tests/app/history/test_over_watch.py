"""Overs as they are collected: what is claimed is believed as far as there was time for it."""

from __future__ import annotations

import pytest

from app.history.over_watch import LEAD_S, OverWatch
from codec.format import PACKET_S
from transport.protocol.frames import Begin, End, Mode
from transport.protocol.over import CopyHeard, OverBegun, OverEnded, PacketHeard

BEGIN = Begin(9, 0, bytes(8), 0, 77, 1, "Eve")
LEAD = int(LEAD_S / PACKET_S)


def begun(first_index: int = 0) -> tuple[OverWatch, list]:
    watch = OverWatch("heard", "", Mode.OPEN)
    return watch, watch.watch([OverBegun(BEGIN, first_index)], 0.0, 100.0)


def ended(packets_sent: int) -> OverEnded:
    return OverEnded(End(9, 1, packets_sent), 0, BEGIN)


@pytest.mark.parametrize("claimed", [1000, 65_534, 65_535])
def test_an_end_cannot_claim_more_than_the_time_bears_out(claimed: int) -> None:
    """One packet and an END after a second: a minute and a second are believed to be lost, and no hours."""
    watch, _ = begun()
    watch.watch([PacketHeard(0, bytes(32), False)], 0.0, 100.0)
    [over] = watch.watch([ended(claimed)], 0.0, 101.0)
    assert 1 + LEAD + 4 >= len(over.packets) > LEAD
    assert len(over.flags) == len(over.packets)


@pytest.mark.parametrize("claimed", [1, 5, 12])
def test_an_end_that_can_be_true_is_believed(claimed: int) -> None:
    """What it counts beyond the last packet that came was lost."""
    watch, _ = begun()
    watch.watch([PacketHeard(0, bytes(32), False)], 0.0, 100.0)
    [over] = watch.watch([ended(claimed)], 0.0, 100.0 + claimed * PACKET_S)
    assert "." + "-" * (claimed - 1) == over.flags


def test_a_packet_far_ahead_is_not_believed_before_its_time() -> None:
    """A gap is as long as there was time to say what is missing, and a minute; later the same packet is."""
    watch, _ = begun()
    watch.watch([PacketHeard(0, bytes(32), False), PacketHeard(60_000, bytes(32), False)], 0.0, 101.0)
    [over] = watch.finish()
    assert "." == over.flags
    watch, _ = begun()
    watch.watch([PacketHeard(0, bytes(32), False)], 0.0, 100.0)
    watch.watch([PacketHeard(1000, bytes(32), False)], 0.0, 100.0 + 1000 * PACKET_S)
    [over] = watch.finish()
    assert 1001 == len(over.packets)


def test_many_gaps_are_bounded_as_one() -> None:
    """Packets that each leap as far as is believed do not add up."""
    watch, _ = begun()
    for number in range(1000):
        watch.watch([PacketHeard(number * (LEAD // 2), bytes(32), False)], 0.0, 100.0 + 0.001 * number)
    [over] = watch.finish()
    assert over.lost <= LEAD + 4


def test_speech_that_was_held_up_is_kept_whole() -> None:
    """A link that stood still delivers at once what was said in five minutes: all that came counts."""
    watch, _ = begun()
    for number in range(900):
        watch.watch([PacketHeard(number, bytes(32), False)], 0.0, 100.0)
    [over] = watch.watch([ended(900)], 0.0, 100.0)
    assert "." * 900 == over.flags


def test_whoever_joins_late_keeps_what_came() -> None:
    """Within the first minute with the place of every packet; later, from where he came in."""
    watch, _ = begun(32)
    watch.watch([PacketHeard(32, bytes(32), False)], 0.0, 100.0)
    [over] = watch.watch([ended(33)], 0.0, 100.5)
    assert "-" * 32 + "." == over.flags
    watch, _ = begun(60_000)
    watch.watch([PacketHeard(60_000, bytes(32), False), PacketHeard(60_002, bytes(32), True)], 0.0, 100.0)
    [over] = watch.watch([ended(60_003)], 0.0, 101.0)
    assert ".-d" == over.flags


def test_a_copy_is_kept_until_something_better_comes() -> None:
    """A packet goes before its copy, whichever comes first, and an intact one before a damaged one."""
    watch, _ = begun()
    packet, copy = bytes(range(32)), bytes(range(8))
    for index in range(4):
        watch.watch([CopyHeard(index, copy)], 0.0, 100.0)
    facts = [PacketHeard(1, packet, True), PacketHeard(2, packet, True), PacketHeard(2, packet, False)]
    watch.watch([*facts, CopyHeard(1, copy), CopyHeard(2, copy)], 0.0, 100.5)
    [over] = watch.finish()
    assert ("cd.c", (copy + bytes(24), packet, packet, copy + bytes(24))) == (over.flags, over.packets)


def test_an_end_of_another_over_ends_nothing() -> None:
    """Only that of the over which is being collected does."""
    watch, _ = begun()
    watch.watch([PacketHeard(0, bytes(32), False)], 0.0, 100.0)
    assert [] == watch.watch([OverEnded(End(8, 1, 1), 0, BEGIN)], 0.0, 101.0)
    assert ["."] == [over.flags for over in watch.finish()]
