"""The way of messages and BEACONs out to a link, where they wait until nobody talks, each kind in a line of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Set
from dataclasses import dataclass

import trio

from app.relay.link_end import LinkEnd
from app.relay.reasons import ALREADY_THERE, NO_AIRTIME, NO_ROOM, NOBODY_THERE, SOMEBODY_TALKS
from app.settings.model import Settings
from app.station.presence_end import speaks_up
from transport.planning.beacons import beacon_pace
from transport.protection.rate_limit import TokenBucket
from transport.protocol.frames import Beacon, Mode, Text
from transport.protocol.open_frames import CHECK_BYTES, STAMP_BYTES, encode

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
    there: Set[int] = frozenset()
    """Numbers of the links on which others were heard to say it: it grows."""
    fate: Callable[[str], None] = lambda reason: None
    """Function that is told that the link took it, by "", or the reason why it is not carried."""

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
            dropped = next((other for other in self.waiting if not other.leaves), self.waiting[0])
            self.waiting.remove(dropped)
            dropped.fate(NO_ROOM)
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
            elif not self._end.free or self._end.queue:
                await self._end.may_be_free()
            else:
                return self.waiting[0]


class MessageWay:
    """The messages and BEACONs that wait for one link, and what it may be given."""

    def __init__(self, settings: Settings, end: LinkEnd) -> None:
        """Take the settings of a station on the link."""
        self.end = end
        self._pace = pace = beacon_pace(end.address, len(settings.name.encode()))
        self._takes_beacons = speaks_up(settings, end.address)
        self.may_text = TokenBucket(TEXTS_PER_S, TEXTS_AT_ONCE)
        """Messages that the link may be given."""
        self.notices = TokenBucket(NOTICES_PER_S, NOTICES_AT_ONCE)
        self._may_greet = TokenBucket(1.0 / pace.gap_s, BEACONS_AT_ONCE if pace.gap_s < pace.every_s else 1.0)
        """BEACONs that may be said."""
        self._texts, self._beacons = _Line(end), _Line(end)

    def put(self, notice: Text, now: float) -> None:
        """Have a message of the relay's own sent."""
        self._texts.put(_Waiting(notice, now, now + STALE_S))

    def put_text(self, text: Text, sender: str, now: float, there: Set[int], fate: Callable[[str], None]) -> None:
        """Have a message sent unless it is on this link after a drawn time, as an over is: another relay was first.

        sender: as he was heard. fate: told what becomes of it, by "" where the link took it, else by the reason.
        """
        self._texts.put(_Waiting(text, now + self.end.listening_s(sender), now + STALE_S, there, fate))

    def put_beacon(self, beacon: Beacon, sender: str, now: float, there: Set[int]) -> None:
        """Have a BEACON sent likewise, if stations on this link send any."""
        until_s = now + (self._pace.kept_s if beacon.leaves else STALE_S)
        if self._takes_beacons:
            self._beacons.put(_Waiting(beacon, now + self.end.listening_s(sender), until_s, there))

    async def run(self) -> None:
        """Send what waits while nobody talks, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._say_texts)
            nursery.start_soon(self._say_beacons)

    async def _say_texts(self) -> None:
        while True:
            one = await self._texts.first()
            self._texts.waiting.popleft()
            await self._say(one)

    async def _say_beacons(self) -> None:
        """Say BEACONs as often as is allowed. More are left out, but that somebody leaves waits until it may be."""
        while True:
            one = await self._beacons.first()
            wanted = not self._hindrance(one)
            allowed = wanted and self._may_greet.take(trio.current_time())
            if wanted and one.leaves and not allowed:
                await trio.sleep(LEAVE_AGAIN_S)
                continue
            self._beacons.waiting.popleft()
            if allowed:
                await self._say(one)

    async def _say(self, one: _Waiting) -> None:
        """Send a frame, if nothing is in its way, and return when it has left."""
        if reason := self._hindrance(one):
            one.fate(reason)
            return
        self.end.transmitter.send(
            one.frame, lambda now: one.fate(""), lambda now: one.fate(self.end.problem or NO_ROOM)
        )
        await self.end.transmitter.drained()

    def _hindrance(self, one: _Waiting) -> str:
        """Return why a frame is not to be sent now that it is its turn; "" if it is."""
        end = self.end
        if end.number in one.there:
            return ALREADY_THERE
        if trio.current_time() > one.until_s:
            return SOMEBODY_TALKS
        if not end.link.ready:
            return end.problem or NOBODY_THERE
        octets = len(encode(one.frame))
        if end.channel.mode is not Mode.OPEN:
            octets += STAMP_BYTES + end.link.tag_bytes - CHECK_BYTES
        return "" if end.has_air(1, octets) else NO_AIRTIME
