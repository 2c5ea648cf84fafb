"""REFUSAL: rare, about a frame that was sent, at the end of an over, and never longer than what it answers."""

from __future__ import annotations

import os

import pytest

from transport.protection.channel import ProtectedChannel
from transport.protection.cipher import Secret
from transport.protection.refusals import (
    AGAIN_S,
    OVER_S,
    OVERDUE_S,
    SENT_KEPT,
    SENT_S,
    WAIT_S,
    Refuser,
    SentSignals,
)
from transport.protocol.frames import Beacon, Begin, End, Frame, Mode, Refusal, Text, Voice
from transport.protocol.open_frames import REFUSAL_BYTES, decode, encode

UTC_S = 1_700_000_000


def sealed_over(over: int = 7) -> list[bytes]:
    """Return BEGIN, VOICE and END of an over, sealed with a key of nobody's."""
    channel = ProtectedChannel(Secret(Mode.SEALED, os.urandom(32)), 4, os.urandom)
    frames: list[Frame] = [Begin(over, 0, os.urandom(8), 0, 1, 1, "Eve"), Voice(over, 1, (bytes(32),)), End(over, 2, 1)]
    return [channel.encode(frame, 0.0, UTC_S) for frame in frames]


def refuser(mode: Mode = Mode.SEALED) -> Refuser:
    return Refuser(mode, draw=lambda least, most: least)


def test_an_over_is_refused_after_its_end() -> None:
    """Who talks hears nothing on a radio; the END is named, and its sender knows it again."""
    sent, ours = SentSignals(), refuser()
    begin, voice, end = sealed_over()
    for octets in (begin, end):
        sent.add(octets, 0.0)
    ours.refused(begin, False, 0.0)
    ours.refused(begin, True, 1.0)
    ours.refused(voice, False, 2.0)
    assert None is ours.due(100.0)
    ours.refused(end, False, 101.0)
    assert None is ours.due(101.1)
    due = ours.due(102.0)
    assert due is not None
    refusal, answered = due
    assert (end, 7, 2, Mode.SEALED) == (answered, refusal.over, refusal.sequence, refusal.mode)
    assert REFUSAL_BYTES == len(encode(refusal)) < min(len(begin), len(end))
    assert sent.refused(refusal, 103.0) and not sent.refused(refusal, 103.0)
    assert None is ours.due(104.0)


def test_a_short_end_of_the_open_channel_is_answered_in_the_name_of_its_begin() -> None:
    """A REFUSAL is longer than an open END, which therefore is not answered itself; a keep-alive never is."""
    begin, end = encode(Begin(7, 0, bytes(8), 0, 1, 1, "Eve")), encode(End(7, 1, 0))
    assert len(end) < REFUSAL_BYTES
    ours = refuser()
    ours.refused(begin, True, 0.0)
    ours.refused(end, False, 1.0)
    due = ours.due(5.0)
    assert due is not None and begin == due[1]
    as_long = end + bytes(REFUSAL_BYTES - len(end))
    ours = refuser()
    ours.refused(as_long, True, 0.0)
    due = ours.due(WAIT_S[0])  # in the moment in which it is due
    assert due is not None and as_long == due[1]
    ours = refuser()
    ours.refused(encode(Beacon(0, 0)), True, 0.0)
    assert None is ours.due(5.0)


def test_a_flood_is_refused_once_a_minute() -> None:
    """However many overs of however many strangers fail, and whatever shows that they do."""
    ours, sent = refuser(), 0
    for tenth in range(6000):
        now = tenth / 10
        begin, _, end = [
            bytes([0x21, tenth & 0xFF, 0, 0]) + bytes(40),
            b"",
            bytes([0x23, tenth & 0xFF, 0, 9]) + bytes(30),
        ]
        ours.refused(begin, True, now)
        ours.refused(end, True, now)
        sent += ours.due(now) is not None
    assert 1 < sent <= 600 / AGAIN_S


@pytest.mark.parametrize("when", ["before", "within", "after"])
def test_an_over_that_is_understood_is_not_refused(when: str) -> None:
    """Forgeries beside its frames, before or after them, draw no answer."""
    begin, _, end = sealed_over()
    ours = refuser()
    for number, octets in enumerate((begin, begin, end)):
        if number == {"before": 0, "within": 1}.get(when):
            ours.accepted(7, 1.0)
        ours.refused(octets, number == 1, 1.0 + number)
    if when == "after":
        ours.accepted(7, 3.1)
    assert None is ours.due(5.0)
    ours.refused(begin, True, OVER_S + 10.0)
    ours.refused(end, False, OVER_S + 10.0)
    assert None is not ours.due(OVER_S + 12.0)


def test_what_is_too_late_is_not_sent() -> None:
    """On a channel that stays busy, and of an over whose end never comes."""
    begin, _, end = sealed_over()
    ours = refuser()
    ours.refused(begin, True, 0.0)
    ours.refused(end, False, 1.0)
    assert None is ours.due(1.0 + 2 * OVERDUE_S)
    ours = refuser()
    ours.refused(begin, True, 0.0)
    ours.refused(end, False, OVER_S + 1.0)
    assert None is ours.due(OVER_S + 5.0)


@pytest.mark.parametrize("changed", ["over", "sequence", "echo"])
def test_only_what_was_sent_can_be_refused(changed: str) -> None:
    """A guess at any part of its name is nothing; so is what was sent long ago, or before much else."""
    end = sealed_over()[-1]
    right = {"over": 7, "sequence": 2, "echo": int.from_bytes(end[-2:])}
    sent = SentSignals()
    sent.add(end, 0.0)
    assert not sent.refused(Refusal(**right | {changed: right[changed] ^ 1}, mode=Mode.SEALED), 1.0)
    assert not sent.refused(Refusal(**right, mode=Mode.SEALED), SENT_S + 1.0)
    sent.add(end, 0.0)
    for number in range(SENT_KEPT):
        sent.add(encode(Text(1, number, "Ada", "QTH?")), 1.0)
    assert not sent.refused(Refusal(**right, mode=Mode.SEALED), 2.0)


@pytest.mark.parametrize("mode", [Mode.SEALED, Mode.HAM])
def test_it_is_open_on_every_channel(mode: Mode) -> None:
    """Written and read without the key; in the shape of a protected frame it is none."""
    channel = ProtectedChannel(Secret(mode, bytes(32)), 4, os.urandom)
    refusal = Refusal(7, 2, Mode.HAM, 0xABCD)
    octets = channel.encode(refusal, 0.0, UTC_S)
    assert encode(refusal) == octets
    assert refusal == decode(octets) == channel.decode(octets, 0.0, UTC_S)
