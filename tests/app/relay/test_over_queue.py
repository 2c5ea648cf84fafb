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


def test_the_shortest_makes_room() -> None:
    """One that has come whole, is not being said, and is of the same link: a second of speech, or less."""
    queue, word, shorter = OverQueue(), Over(came=3), Over(came=1)
    for source, one in ((0, Over()), (0, Over(came=4)), (0, Over(came=0, is_said=True)), (1, Over(came=0))):
        queue.append(source, one)
    assert queue.shortest(0) is None
    queue.append(0, word)
    queue.append(0, shorter)
    assert queue.shortest(0) is shorter


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
