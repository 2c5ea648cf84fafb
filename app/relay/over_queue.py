"""The overs that are being carried to one link, or wait for it: turns go round by the link that they come from.

No I/O, no clock.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence, Set

from app.relay.said_there import MAX_HEARD
from app.relay.waiting import Waiting
from transport.protocol.relaying import origin_of

MAX_QUEUED_OVERS = 4
"""Overs that wait for one link, besides the one that is being said: more would be heard minutes late."""

MAX_SAID_OVERS = 4
"""Overs of which is remembered what was said: as many are being carried from other links, or begin again."""
WORD_PACKETS = 6
"""Most packets of an over that is a word: 2 s of speech, or one frame."""


class OverQueue:
    """The queue of one link."""

    def __init__(self) -> None:
        """Begin empty."""
        self._waiting: list[tuple[int, Waiting]] = []
        """Those who wait, in the order in which they came, each with the number of its source link."""
        self._turn: tuple[int, Waiting] | None = None
        self._last_source = -1
        self._said: OrderedDict[bytes, set[bytes]] = OrderedDict()
        """Packets that the relay has said there of the overs that it said last, by their origins."""

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Waiting]:
        return iter([one for _, one in self._waiting])

    def has_room(self, source: int, sources: int) -> bool:
        """Tell whether another over of a source link may wait, of so many: each has a share, so that none takes all.

        A word takes no place of the others; of both together one more may wait.
        """
        waiting = [one.came for number, one in self._waiting if number == source and not one.is_said]
        long = sum(packets is None or packets > WORD_PACKETS for packets in waiting)
        share = max(1, MAX_QUEUED_OVERS // sources)
        return long < share and len(waiting) <= share

    def append(self, source: int, waiting: Waiting) -> None:
        """Take one more."""
        self._waiting.append((source, waiting))

    def say(self, nonce: bytes, packets: Sequence[bytes]) -> None:
        """Take packets that the relay says there, of an over that it says under this nonce."""
        said = self._said.setdefault(origin_of(nonce), set())
        if len(said) < MAX_HEARD:
            said.update(packets)
        if len(self._said) > MAX_SAID_OVERS:
            self._said.popitem(last=False)
        for _, waiting in self._waiting:
            waiting.take_own(nonce, packets)

    def said(self, origin: bytes) -> Set[bytes]:
        """Return the packets that the relay has said there of the over with this origin, if that is not long ago."""
        return self._said.get(origin, frozenset())

    def remove(self, waiting: Waiting) -> None:
        """Let one go."""
        self._waiting = [each for each in self._waiting if each[1] is not waiting]

    def pass_turn(self, waiting: Waiting) -> None:
        """Let all others have their turns before this one, which has just had one, has another."""
        entry = next(each for each in self._waiting if each[1] is waiting)
        self._waiting = [each for each in self._waiting if each is not entry] + [entry]
        self._turn = None

    def is_turn_of(self, waiting: Waiting) -> bool:
        """Tell whether it is the turn of this one, which lasts until it is removed; then it is the next link's."""
        if self._turn not in self._waiting:
            later = [each for each in self._waiting if each[0] > self._last_source]
            self._turn = min(later or self._waiting, key=lambda each: each[0], default=None)
            self._last_source = -1 if self._turn is None else self._turn[0]
        return self._turn is not None and self._turn[1] is waiting
