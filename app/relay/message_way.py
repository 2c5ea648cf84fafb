"""The way of messages and BEACONs out to a link, where they wait until nobody talks, each kind in a line of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Set
from dataclasses import dataclass

import trio

from app.relay.link_end import LinkEnd
from app.settings.model import Settings
from app.station.presence_end import speaks_up
from transport.planning.beacons import beacon_pace
from transport.protection.rate_limit import TokenBucket
from transport.protocol.frames import Beacon, Text

TEXTS_PER_S, TEXTS_AT_ONCE = 0.5, 8.0
"""Messages a second that one link is given at the most, from all others, and how many at once."""
BEACONS_AT_ONCE = 8.0
"""BEACONs that one link is given at once after a pause."""
LEAVE_AGAIN_S = 1.0
"""Time after which a BEACON of somebody who leaves asks again whether it may be said, in seconds."""
MAX_WAITING = 16
"""Messages, and as many BEACONs, that wait for the end of an over; the oldest makes room."""
STALE_S = 60.0
"""Time after which one that waits is dropped, in seconds."""
NOTICES_PER_S, NOTICES_AT_ONCE = 0.1, 2.0
"""Notices of the relay's own a second to the talkers of one link, and how many at once."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A frame that waits for a link."""

    frame: Text | Beacon
    due_s: float
    """Time until which the relay listens whether another one says it there."""
    until_s: float
    """Time from which it is worth nothing any more."""
    there: Set[int]
    """Numbers of the links on which others were heard to say it: it grows."""

    @property
    def leaves(self) -> bool:
        """True for the BEACON of somebody who leaves."""
        return isinstance(self.frame, Beacon) and self.frame.leaves


class _Line:
    """Frames that wait for one link, in order."""

    def __init__(self, end: LinkEnd) -> None:
        self._end = end
        self.waiting: deque[_Waiting] = deque(maxlen=MAX_WAITING)
        self._more = trio.Event()

    def put(self, one: _Waiting) -> None:
        """Have a frame wait. Where too many do, the oldest makes room, one of somebody who leaves after all others."""
        if len(self.waiting) >= MAX_WAITING:
            self.waiting.remove(next((other for other in self.waiting if not other.leaves), self.waiting[0]))
        self.waiting.append(one)
        self._more.set()

    async def first(self) -> _Waiting:
        """Return the frame that waited longest, once it is due and nobody talks. It goes on waiting."""
        while True:
            if not self.waiting:
                self._more = trio.Event()
                await self._more.wait()
            elif self.waiting[0].due_s > trio.current_time():
                await trio.sleep_until(self.waiting[0].due_s)
            elif not self._end.idle or self._end.queue:
                await self._end.changed.wait()
            else:
                return self.waiting[0]


class MessageWay:
    """The messages and BEACONs that wait for one link, and what it may be given."""

    def __init__(self, settings: Settings, end: LinkEnd) -> None:
        """Take the settings of a station on the link."""
        self.end = end
        self._pace = pace = beacon_pace(end.address, len(settings.name.encode()))
        self.takes_beacons = speaks_up(settings, end.address)
        self.texts = TokenBucket(TEXTS_PER_S, TEXTS_AT_ONCE)
        self.notices = TokenBucket(NOTICES_PER_S, NOTICES_AT_ONCE)
        self._allowed = TokenBucket(1.0 / pace.gap_s, BEACONS_AT_ONCE if pace.gap_s < pace.every_s else 1.0)
        """BEACONs that may be said."""
        self._texts, self._beacons = _Line(end), _Line(end)

    def put(self, notice: Text, now: float) -> None:
        """Have a message of the relay's own sent."""
        self._texts.put(_Waiting(notice, now, now + STALE_S, frozenset()))

    def put_unless_there(self, frame: Text | Beacon, sender: str, now: float, there: Set[int]) -> None:
        """Have a frame sent unless it is on this link after a drawn time, as an over is: another relay was first.

        sender: as he was heard.
        """
        leaves = isinstance(frame, Beacon) and frame.leaves
        until_s = now + (self._pace.kept_s if leaves else STALE_S)
        line = self._beacons if isinstance(frame, Beacon) else self._texts
        line.put(_Waiting(frame, now + self.end.listening_s(sender), until_s, there))

    async def run(self) -> None:
        """Send what waits while nobody talks, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._say_texts)
            nursery.start_soon(self._say_beacons)

    async def _say_texts(self) -> None:
        while True:
            one = await self._texts.first()
            self._texts.waiting.popleft()
            if self._is_wanted(one) and self.end.link.ready and self.end.may_begin:
                self.end.transmitter.send(one.frame)
                await self.end.transmitter.drained()

    async def _say_beacons(self) -> None:
        """Say BEACONs as often as is allowed. More are left out, but that somebody leaves waits until it may be."""
        while True:
            one = await self._beacons.first()
            wanted = self._is_wanted(one)
            allowed = wanted and self._allowed.take(trio.current_time())
            if wanted and one.leaves and not allowed:
                await trio.sleep(LEAVE_AGAIN_S)
                continue
            self._beacons.waiting.popleft()
            if allowed and self.end.link.ready and self.end.may_begin:
                self.end.transmitter.send(one.frame)
                await self.end.transmitter.drained()

    def _is_wanted(self, one: _Waiting) -> bool:
        """Tell whether a frame is worth something yet, and nobody has said it here."""
        return self.end.number not in one.there and trio.current_time() <= one.until_s
