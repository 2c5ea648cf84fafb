"""Everything that a relay carries besides overs: messages, who is there, and what confirms an over or a message."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import trio

from app.relay.link_end import LinkEnd
from app.relay.message_way import STALE_S, MessageWay
from app.relay.reasons import TOO_MANY_TEXTS
from app.relay.reports import RelayReport, TextNotRelayed, TextRelayed
from app.settings.model import Settings
from transport.links.base import leave_teller
from transport.protocol.frames import MAX_TEXT_BYTES, Beacon, Begin, End, Mode, Receipt, Text
from transport.protocol.known_names import KnownNames
from transport.protocol.receiver import Fact
from transport.protocol.relaying import KnownMessages, relayed_name

CONFIRMED_S = 60.0
"""Time after the end of a carried over, or a message's turn, within which its receipt is passed back, in seconds."""
MAX_MARKS = 256
"""Stations on brokers whose marks are remembered; the one that was heard least recently makes room."""
MAX_EXPECTED = 128
"""Receipts of overs that are expected from one link at a time, and of messages; the oldest makes room.

It is more than all messages that the link may be given while one receipt is waited for.
"""


@dataclass(frozen=True, slots=True)
class _Expected:
    """A receipt that is to be passed back."""

    source: LinkEnd
    end: End
    """END of the over as it was heard on the source link."""
    packets: int
    until_s: float
    of_text: bool = False


class _ExpectedReceipts:
    """The receipts that are expected from one link, of overs or of messages, by the numbers of what was said there."""

    def __init__(self) -> None:
        self._expected: OrderedDict[tuple[int, int], _Expected] = OrderedDict()

    def put(self, over: int, sequence: int, expected: _Expected) -> None:
        """Expect one."""
        self._expected[over, sequence] = expected
        self._expected.move_to_end((over, sequence))
        if len(self._expected) > MAX_EXPECTED:
            self._expected.popitem(last=False)

    def take(self, receipt: Receipt, now: float) -> _Expected | None:
        """Return what was expected if this receipt can be it, and expect it no longer."""
        key = receipt.over, receipt.sequence
        expected = self._expected.get(key)
        if expected is None or now > expected.until_s or receipt.packets_heard > expected.packets:
            return None
        return self._expected.pop(key)


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
        self._ways = [MessageWay(settings, end) for end in ends]
        self._texts, self._beacons = KnownMessages(), KnownMessages()
        self._overs_expected = [_ExpectedReceipts() for _ in ends]
        self._texts_expected = [_ExpectedReceipts() for _ in ends]
        self._marks: OrderedDict[tuple[int, str], bytes] = OrderedDict()
        """The mark by which a broker will tell that a station has gone, by the number of the link and its name."""
        for end in ends:
            if (teller := leave_teller(end.link)) is not None:
                teller.tell(partial(self._mark_left, end), lambda: None)

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
        self._overs_expected[target.number].put(said.over, said.sequence, expected)

    def _carry_text(self, text: Text, end: LinkEnd, now: float) -> None:
        there = self._texts.heard(text.over, text.sequence, end.number, now)
        if there is None or text.addressee == self._name:
            return
        sender = relayed_name(text.sender, self._name, always=self._always)
        for way in (way for way in self._ways if way.end.number not in there):
            fate = partial(self._tell_fate, text, end, way.end)
            if not way.may_text.take(now):
                fate(TOO_MANY_TEXTS)
                continue
            addressee = self._names.addressee(text.addressee, self._name, end.number, way.end.number)
            carried = Text(text.over, text.sequence, sender, text.text, addressee)
            way.put_text(carried, text.sender, now, there, fate)
            if addressee:
                as_end = End(text.over, text.sequence, 0)
                expected = _Expected(end, as_end, 0, now + STALE_S + CONFIRMED_S, of_text=True)
                self._texts_expected[way.end.number].put(text.over, text.sequence, expected)

    def _tell_fate(self, text: Text, source: LinkEnd, target: LinkEnd, reason: str) -> None:
        names = text.sender, source.name, target.name
        self._report(TextNotRelayed(*names, reason) if reason else TextRelayed(*names))

    def _carry_beacon(self, beacon: Beacon, end: LinkEnd, now: float) -> None:
        """Carry the news that somebody is there, or leaves, to links on which stations say so."""
        self._note_mark(beacon, end)
        there = self._beacons.heard(beacon.over, beacon.sequence, end.number, now)
        if there is None:
            return
        sender = relayed_name(beacon.sender, self._name, always=self._always)
        for way in self._ways:
            if way.end.number not in there:
                carried = Beacon(beacon.over, beacon.sequence, sender, beacon.leaves)
                way.put_beacon(carried, beacon.sender, now, there)

    def _note_mark(self, beacon: Beacon, end: LinkEnd) -> None:
        key = end.number, beacon.sender
        if beacon.mark or beacon.leaves:
            self._marks.pop(key, None)
        if beacon.mark and not beacon.leaves:
            self._marks[key] = beacon.mark
        if len(self._marks) > MAX_MARKS:
            self._marks.popitem(last=False)

    def _mark_left(self, end: LinkEnd, mark: bytes) -> None:
        """Carry the news of a broker that a station has gone as the BEACON with which it would have left.

        All relays on that broker make the same of it, so it is said once on each other link.
        """
        gone = [name for (number, name), known in self._marks.items() if number == end.number and known == mark]
        for name in gone:
            number = int.from_bytes(hashlib.sha256(mark + name.encode()).digest()[:3])
            self._carry_beacon(Beacon(number >> 16, number & 0xFFFF, name, leaves=True), end, trio.current_time())

    def _pass_back(self, receipt: Receipt, end: LinkEnd, now: float) -> None:
        overs, texts = self._overs_expected[end.number], self._texts_expected[end.number]
        expected = overs.take(receipt, now) or texts.take(receipt, now)
        if expected is None:
            return
        of = expected.end
        back = Receipt(of.over, of.sequence, receipt.packets_heard, expected.of_text)
        expected.source.transmitter.answer(back)
