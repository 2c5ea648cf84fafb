"""Overs that wait for a link: places and turns by the links that they come from."""

from __future__ import annotations

from collections.abc import Sequence

from app.relay.over_queue import MAX_QUEUED_OVERS, OverQueue
from transport.protocol.receiver import Fact


class Over:
    """An over that does nothing but wait, or is being said."""

    def __init__(self, came: int | None = None, is_said: bool = False) -> None:
        self.came, self.is_said = came, is_said

    def take(self, fact: Fact, now: float) -> None:
        """Take nothing."""

    def wants(self, origin: bytes) -> bool:
        """Want nothing."""
        return False

    def take_own(self, nonce: bytes, packets: Sequence[bytes]) -> None:
        """Take nothing."""

    def outlasts(self, fact: Fact) -> bool:
        """Outlast nothing."""
        return False

    def stop(self, reason: str) -> None:
        """Go on waiting."""


def test_no_link_fills_the_places_of_another() -> None:
    """A lone source has all of them; of several each has its share, and one at least."""
    for sources, share in ((1, MAX_QUEUED_OVERS), (2, MAX_QUEUED_OVERS // 2), (7, 1)):
        queue = OverQueue()
        for _ in range(share):
            assert queue.has_room(0, sources)
            queue.append(0, Over())
        assert not queue.has_room(0, sources) and (sources == 1 or queue.has_room(1, sources))


def test_what_is_being_said_takes_no_place() -> None:
    """Whoever talks again while his last over is still being said on a slower link is not sent away."""
    queue = OverQueue()
    queue.append(0, Over(is_said=True))
    assert queue.has_room(0, 7)
    queue.append(0, Over())
    assert not queue.has_room(0, 7)


def test_a_word_takes_no_place() -> None:
    """One that has come whole: a longer over may wait beside it, and one of whom nobody knows how long he will talk."""
    for other in (Over(came=7), Over()):
        queue = OverQueue()
        queue.append(0, Over(came=6))
        assert queue.has_room(0, 7)
        queue.append(0, other)
        assert not queue.has_room(0, 7) and queue.has_room(1, 7)
    queue = OverQueue()
    queue.append(0, Over(came=7))
    assert not queue.has_room(0, 7)


def test_who_passes_his_turn_is_the_last() -> None:
    """Behind those of other links, and of his own; alone he has it again."""
    queue, first, second, other = OverQueue(), Over(), Over(), Over()
    queue.append(0, first)
    assert queue.is_turn_of(first)
    queue.pass_turn(first)
    assert queue.is_turn_of(first)
    queue.append(0, second)
    queue.append(1, other)
    turns = []
    for _ in range(5):
        (turn,) = [one for one in queue if queue.is_turn_of(one)]
        turns.append(turn)
        queue.pass_turn(turn)
    assert [first, other, second, other, first] == turns


def test_turns_go_round_by_the_source() -> None:
    """Whoever comes from another link has his turn next, whoever was there first; it lasts until he is removed."""
    queue, first, second, third, other = OverQueue(), Over(), Over(), Over(), Over()
    for one in (first, second, third):
        queue.append(0, one)
    assert queue.is_turn_of(first)
    queue.append(2, other)
    served = []
    while queue:
        (turn,) = [one for one in queue if queue.is_turn_of(one)]
        served.append(turn)
        queue.remove(turn)
    assert [first, other, second, third] == served and not queue.is_turn_of(first)
