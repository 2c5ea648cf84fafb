"""One direction of a simulated link: what is pushed is played at its deadline, or is not."""

from __future__ import annotations

import pytest

from app.codecs.gossamer import Gossamer
from app.codecs.reference import ReferenceCodec
from app.simulation.framing import framing_for
from app.simulation.one_way import QUEUE_S, OneWay
from tests.support.codecs import SizedCodec, numbered
from transport.impairment import ImpairedPath, Impairment
from transport.playout.jitter import FIRST_HOLD_S
from transport.playout.playout import PlayoutItem

FRAME_S = 0.32


def way_of(codec: ReferenceCodec, impairment: Impairment, jitter_s: float | None = None) -> OneWay:
    return OneWay(framing_for(codec, 1, 240), ImpairedPath(impairment), 0, FRAME_S, 0.0, jitter_s)


@pytest.mark.parametrize("codec", [Gossamer(), SizedCodec(32)], ids=lambda codec: codec.key)
@pytest.mark.parametrize("jitter_s", [None, 0.1, 0.5])
def test_a_perfect_link_plays_all_in_time(codec: ReferenceCodec, jitter_s: float | None) -> None:
    """Each codec frame is played a frame and the hold after its speech began; the over ends."""
    way = way_of(codec, Impairment(), jitter_s)
    for number, content in enumerate(numbered(10, 32), 1):
        way.push(content, number * FRAME_S)
    way.end(10 * FRAME_S)
    played = list(way.play_until(100.0))
    hold_s = FIRST_HOLD_S if jitter_s is None else jitter_s
    assert [(number + 1) * FRAME_S + hold_s for number in range(10)] == pytest.approx([at_s for at_s, _ in played])
    assert numbered(10, 32) == [item.packet for _, item in played]
    assert (0.0, (0.0, 0.0)) == (way.unplayed_s, way.fates.shares(4.0))


def test_time_is_told_in_pieces_or_at_once() -> None:
    """What is played does not depend on how often one asks."""

    def played(step_s: float) -> list[tuple[float, int]]:
        way = way_of(Gossamer(), Impairment(rate_bps=1000, loss=0.2, jitter_s=0.2, seed=4))
        heard: list[tuple[float, PlayoutItem]] = []
        now = 0.0
        for number, content in enumerate(numbered(30, 32), 1):
            while now < number * FRAME_S:
                now += step_s
                heard += way.play_until(min(now, number * FRAME_S))
            way.push(content, number * FRAME_S)
        way.end(30 * FRAME_S)
        return [(at_s, item.index) for at_s, item in [*heard, *way.play_until(60.0)]]

    assert len(played(FRAME_S)) > 20
    assert played(FRAME_S) == played(0.02)


def test_what_would_wait_too_long_is_dropped() -> None:
    """A queue is no longer than a modem's; what is dropped is lost, and asked for all the same."""
    way = way_of(SizedCodec(1000), Impairment(rate_bps=1000))
    for number, content in enumerate(numbered(30, 1000), 1):
        way.push(content, number * FRAME_S)
        assert way.queue_s(number * FRAME_S) <= QUEUE_S + 8.1
    lost, _ = way.fates.shares(30 * FRAME_S)
    assert 0.9 < lost <= 1.0
    assert 25_000 < way.asked.bps(30 * FRAME_S) < 27_000
    assert 30 * 1008 == way.speech_bytes


def test_a_talker_who_disappears_is_played_to_the_end_of_what_came() -> None:
    """Without END there is concealment until the over is abandoned, nothing after it."""
    way = way_of(Gossamer(), Impairment())
    for number, content in enumerate(numbered(3, 32), 1):
        way.push(content, number * FRAME_S)
    before = [item.packet for _, item in way.play_until(3.0)]
    assert numbered(3, 32) == before[:3] and {None} == set(before[3:])
    way.abandon(3.0)
    assert [] == list(way.play_until(100.0))


def test_speech_on_its_way_is_counted() -> None:
    """Until it is played, wherever it is."""
    way = way_of(Gossamer(), Impairment(delay_s=1.0))
    for number, content in enumerate(numbered(5, 32), 1):
        way.push(content, number * FRAME_S)
    assert 5 * FRAME_S == pytest.approx(way.unplayed_s)
    assert 5 * FRAME_S + 1.0 == pytest.approx(way.last_arrival_s)
    assert 2 == len(list(way.play_until(2 * FRAME_S + 1.0 + FIRST_HOLD_S + 0.01)))
    assert 3 * FRAME_S == pytest.approx(way.unplayed_s)
