"""Everything that a relay carries besides overs: messages, who is there, and what confirms an over or a message."""

from __future__ import annotations

import os
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

import trio

from app.relay.link_end import LinkEnd
from app.relay.reports import RelayReport, TextRelayed
from app.settings.model import Settings
from app.station.presence_end import speaks_up
from transport.planning.beacons import beacon_pace
from transport.protection.rate_limit import TokenBucket
from transport.protocol.frames import MAX_TEXT_BYTES, Beacon, Begin, End, Frame, Mode, Receipt, Text
from transport.protocol.receiver import Fact
from transport.protocol.relaying import KnownMessages, KnownNames, relayed_name

TEXTS_PER_S, TEXTS_AT_ONCE = 0.5, 8.0
"""Messages a second that one link is given at the most, from all others, and how many at once."""
BEACONS_AT_ONCE = 8.0
"""BEACONs that one link is given at once after a pause."""
MAX_WAITING = 16
"""Messages that wait for the end of an over; the oldest makes room."""
STALE_S = 60.0
"""Time after which one that waits is dropped, in seconds."""
NOTICES_PER_S, NOTICES_AT_ONCE = 0.1, 2.0
"""Notices of the relay's own a second to the talkers of one link, and how many at once."""
CONFIRMED_S = 60.0
"""Time after the end of a carried over within which its receipt is passed back, in seconds."""
MAX_EXPECTED = 64
"""Receipts that are expected at a time; the oldest makes room."""


@dataclass(frozen=True, slots=True)
class _Expected:
    """A receipt that is to be passed back."""

    source: LinkEnd
    end: End
    """END of the over as it was heard on the source link."""
    packets: int
    until_s: float
    of_text: bool = False


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A message that waits for a link."""

    frame: Frame
    came_s: float
    due_s: float
    """Time until which the relay listens whether another one says it there."""
    there: Set[int]
    """Numbers of the links on which others were heard to say it: it grows."""


class _WayOut:
    """The messages that wait for one link, and what it may be given."""

    def __init__(self, settings: Settings, end: LinkEnd) -> None:
        self.end = end
        self.waiting: deque[_Waiting] = deque(maxlen=MAX_WAITING)
        self.more = trio.Event()
        pace = beacon_pace(end.address, len(settings.name.encode()))
        self.beacons = TokenBucket(1.0 / pace.gap_s, BEACONS_AT_ONCE if pace.gap_s < pace.every_s else 1.0)
        self.takes_beacons = speaks_up(settings, end.address)
        self.texts = TokenBucket(TEXTS_PER_S, TEXTS_AT_ONCE)
        self.notices = TokenBucket(NOTICES_PER_S, NOTICES_AT_ONCE)

    def put(self, frame: Frame, now: float) -> None:
        """Have a frame of the relay's own sent."""
        self._put(_Waiting(frame, now, now, frozenset()))

    def put_unless_there(self, frame: Text | Beacon, sender: str, now: float, there: Set[int]) -> None:
        """Have a frame sent unless it is on this link after a drawn time, as an over is: another relay was first.

        sender: as he was heard.
        """
        self._put(_Waiting(frame, now, now + self.end.listening_s(sender), there))

    def _put(self, waiting: _Waiting) -> None:
        self.waiting.append(waiting)
        self.more.set()

    async def run(self) -> None:
        """Send what waits while nobody talks, until cancelled."""
        while True:
            while not self.waiting:
                self.more = trio.Event()
                await self.more.wait()
            await trio.sleep_until(self.waiting[0].due_s)
            while not self.end.idle or self.end.queue:
                await self.end.changed.wait()
            next_one = self.waiting.popleft()
            if self.end.number in next_one.there:
                continue
            fresh = trio.current_time() - next_one.came_s <= STALE_S
            if fresh and self.end.link.ready and self.end.may_begin:
                self.end.transmitter.send(next_one.frame)
                await self.end.transmitter.drained()


class CarriedMessages:
    """The messages of all links of a relay."""

    def __init__(
        self,
        settings: Settings,
        ends: Sequence[LinkEnd],
        mode: Mode,
        names: KnownNames,
        report: Callable[[RelayReport], None],
    ) -> None:
        """Take the links, and what stations are called on them."""
        self._name = settings.name
        self._always = mode is Mode.HAM
        self._names = names
        self._report = report
        self._ways = [_WayOut(settings, end) for end in ends]
        self._texts, self._beacons = KnownMessages(), KnownMessages()
        self._expected: OrderedDict[tuple[int, int, int], _Expected] = OrderedDict()

    async def run(self) -> None:
        """Send what waits, until cancelled."""
        async with trio.open_nursery() as nursery:
            for way in self._ways:
                nursery.start_soon(way.run)

    def take(self, fact: Fact, end: LinkEnd, now: float) -> None:
        """Take a fact of a link."""
        match fact:
            case Text():
                self._carry_text(fact, end, now)
            case Beacon(sender=sender) if sender:
                self._carry_beacon(fact, end, now)
            case Receipt():
                self._pass_back(fact, end, now)

    def notify(self, end: LinkEnd, station: str, words: str) -> None:
        """Tell a station, in a message of the relay's own, what has become of its over."""
        now, way = trio.current_time(), self._ways[end.number]
        if station and way.notices.take(now):
            text = words.encode()[:MAX_TEXT_BYTES].decode(errors="ignore")
            number = int.from_bytes(os.urandom(3))
            way.put(Text(number >> 16, number & 0xFFFF, self._name, text, station), now)

    def expect(self, source: LinkEnd, begin: Begin, target: LinkEnd, heard: End, said: End) -> None:
        """Pass back the receipt for an over that was said on the target link, to whoever said it on the source."""
        until_s = trio.current_time() + CONFIRMED_S
        expected = _Expected(source, heard, min(heard.packets_sent, said.packets_sent), until_s)
        self._expect((target.number, said.over, said.sequence), expected)

    def _expect(self, key: tuple[int, int, int], expected: _Expected) -> None:
        self._expected[key] = expected
        if len(self._expected) > MAX_EXPECTED:
            self._expected.popitem(last=False)

    def _carry_text(self, text: Text, end: LinkEnd, now: float) -> None:
        there = self._texts.heard(text.over, text.sequence, text.sender, end.number, now)
        if there is None or text.addressee == self._name:
            return
        sender = relayed_name(text.sender, self._name, always=self._always)
        targets = [way for way in self._ways if way.end.number not in there and way.texts.take(now)]
        for way in targets:
            addressee = self._names.addressee(text.addressee, self._name, end.number, way.end.number)
            way.put_unless_there(Text(text.over, text.sequence, sender, text.text, addressee), text.sender, now, there)
            if addressee:
                as_end = End(text.over, text.sequence, 0)
                expected = _Expected(end, as_end, 0, now + CONFIRMED_S, of_text=True)
                self._expect((way.end.number, text.over, text.sequence), expected)
        if targets:
            self._report(TextRelayed(text.sender, end.name, tuple(way.end.name for way in targets)))

    def _carry_beacon(self, beacon: Beacon, end: LinkEnd, now: float) -> None:
        """Carry the news that somebody is there, or leaves, to links on which stations say so."""
        there = self._beacons.heard(beacon.over, beacon.sequence, beacon.sender, end.number, now)
        if there is None:
            return
        sender = relayed_name(beacon.sender, self._name, always=self._always)
        for way in self._ways:
            if way.end.number not in there and way.takes_beacons and way.beacons.take(now):
                carried = Beacon(beacon.over, beacon.sequence, sender, beacon.leaves)
                way.put_unless_there(carried, beacon.sender, now, there)

    def _pass_back(self, receipt: Receipt, end: LinkEnd, now: float) -> None:
        expected = self._expected.pop((end.number, receipt.over, receipt.sequence), None)
        if expected is None or now > expected.until_s or receipt.packets_heard > expected.packets:
            return
        of = expected.end
        back = Receipt(of.over, of.sequence, receipt.packets_heard, expected.of_text)
        expected.source.transmitter.answer(back)
