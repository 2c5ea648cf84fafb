"""The place where the links of a relay meet: what one brings is given to those who carry it to the others.

link --> LinkEnd (checked, decoded, floor) --facts--> Carrying, one for each over and link to which it goes
    |                                           '---> CarriedMessages (texts, who is there, receipts)
    '--> Passing, for frames of a channel without its key
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import trio

from app.beat import next_beat_s
from app.relay.carrier import Carrier
from app.relay.carrying import Carrying
from app.relay.link_end import LinkEnd
from app.relay.messages import CarriedMessages
from app.relay.passed_over import silence_s
from app.relay.passing import OVERS_AT_ONCE, OVERS_PER_S, Passing
from app.relay.reasons import ENDING, TOO_MANY_OVERS, TOO_MANY_WAIT
from app.relay.reports import LinkFigures, OverNotRelayed, RelayFigures, RelayReport
from app.settings.model import Settings
from app.station.wire_meter import wire_bytes
from transport.protection.rate_limit import TokenBucket
from transport.protocol.frames import PACKET_S, Beacon, Mode, Text
from transport.protocol.known_names import KnownNames
from transport.protocol.open_frames import peek_mode
from transport.protocol.over import OverBegun, OverEnded, Overlap, PacketHeard
from transport.protocol.receiver import Fact
from transport.protocol.relaying import KnownOvers, Sighting, origin_of

LOOK_BEATS = 4
"""Beats between two looks at what is due: a second."""
FIGURES_S = 10.0
"""Shortest time between two reports of figures, in seconds."""
LONGEST_LEAD_S = 1.5
"""Longest time for a frame of a talker's, in seconds, whose over begins on other links at once.

With longer ones it begins with the first: whoever hears nothing for 2.5 s after a BEGIN has given the over up.
"""
GOODBYE_S = 3.0
"""Time that overs get to be ended when the relay ends, in seconds."""


@dataclass(slots=True)
class _Followed:
    """The over that is followed on a link."""

    begun: OverBegun
    origin: bytes
    over: int
    """Number under which it is heard now."""
    heard_s: float
    """Time at which it began, or its last packet came."""
    carried: list[Carrying] | None = None
    """Those who carry it, one for each other link at the most; None while it is not carried before a packet comes."""

    def move(self, begun: OverBegun) -> None:
        """Take that the over is heard under another number from now on."""
        self.over = begun.begin.over
        if self.carried is None:
            self.begun = begun
        for carrying in self.carried or ():
            carrying.follow(begun.begin)


class Junction:
    """The junction of links that are open."""

    def __init__(
        self,
        settings: Settings,
        mode: Mode,
        ends: Sequence[LinkEnd],
        nursery: trio.Nursery,
        report: Callable[[RelayReport], None],
    ) -> None:
        """Take the links, the mode of their channels, and the nursery in which overs are carried."""
        self._ends = ends
        self._nursery = nursery
        self._report = report
        self._known, self._names = KnownOvers(), KnownNames(settings.name if mode is Mode.HAM else "")
        self._messages = CarriedMessages(settings, ends, mode, self._names, report)
        self._passing = Passing(ends, self._known, report, self._give_up) if mode is Mode.OPEN else None
        say, expect = self._messages.notify, self._messages.expect
        self._carrier = Carrier(settings.name, mode is Mode.HAM, self._known, self._names, report, say, expect)
        self._current: dict[int, _Followed] = {}
        """The over that is followed on a link, by its number."""
        self._said: dict[int, tuple[bytes, bytes]] = {}
        """Origin and nonce of the over that has begun last on a link, carried or not, by its number."""
        self._overs = [TokenBucket(OVERS_PER_S, OVERS_AT_ONCE) for _ in ends]

    def start(self) -> None:
        """Start all tasks."""
        self._nursery.start_soon(self._messages.run)
        self._nursery.start_soon(self._look)
        for end in self._ends:
            self._nursery.start_soon(end.send_all)
            self._nursery.start_soon(end.receive, partial(self._receive, end), partial(self._lose, end))
            self._nursery.start_soon(end.keep_time, partial(self._lose, end))

    async def say_goodbye(self) -> None:
        """Give every over that is being carried its END."""
        for end in self._ends:
            for carrying in end.queue:
                carrying.stop(ENDING)
        if self._passing is not None:
            self._passing.close()
        with trio.move_on_after(GOODBYE_S):
            for end in self._ends:
                while end.queue:
                    await end.changed.wait()
                await end.transmitter.drained()

    async def _look(self) -> None:
        """Do what is due now and then, until cancelled."""
        told: tuple[LinkFigures, ...] = ()
        told_s = trio.current_time()
        while True:
            await trio.sleep_until(next_beat_s(trio.current_time(), LOOK_BEATS))
            for end in self._ends:
                end.refuse_strangers()
            self._end_silent(trio.current_time())
            if trio.current_time() < told_s + FIGURES_S:
                continue
            figures = tuple(_figures(end) for end in self._ends)
            if figures != told:
                told, told_s = figures, trio.current_time()
                self._report(RelayFigures(figures))

    def _receive(self, end: LinkEnd, octets: bytes) -> None:
        if self._passing is not None and peek_mode(octets) is not None:
            self._passing.take(octets, end)
            return
        now = trio.current_time()
        for fact in end.channel.receive(octets):
            self._take(fact, end, now)

    def _take(self, fact: Fact, end: LinkEnd, now: float) -> None:
        end.take(fact, now)
        for waiting in end.queue:
            waiting.take(fact, now)
        self._note_name(fact, end)
        match fact:
            case OverBegun(begin, first_index):
                self._said[end.number] = origin_of(begin.nonce, first_index), begin.nonce
                self._begin(fact, end, now)
            case Overlap(begin):
                self._known.heard(origin_of(begin.nonce), begin.nonce, end.number)
            case PacketHeard() | OverEnded():
                if isinstance(fact, PacketHeard) and end.number in self._said:
                    self._known.speaks(*self._said[end.number], end.number)
                self._hear(fact, end, now)
        self._messages.take(fact, end, now)

    def _note_name(self, fact: Fact, end: LinkEnd) -> None:
        """Take note of how the sender of a frame is called on this link."""
        match fact:
            case OverBegun(begin) | Overlap(begin) if begin.sender:
                self._names.heard_over(begin.nonce, begin.sender, end.number)
            case Text(over, sequence, sender) | Beacon(over, sequence, sender) if sender:
                self._names.heard_message(over, sequence, sender, end.number)

    def _end_silent(self, now: float) -> None:
        """End what has come to nothing, where the floor does not tell of it: it follows one over of all channels."""
        if self._passing is not None:
            self._passing.look(now)
        for end in self._ends:
            followed = self._current.get(end.number)
            if followed is not None and now > followed.heard_s + silence_s(followed.begun.begin.k, end):
                self._give_up(end)

    def _lose(self, end: LinkEnd, over: int) -> None:
        """Take that nothing more comes of the over with this number that was followed on a link."""
        followed = self._current.get(end.number)
        if followed is not None and followed.over == over:
            self._leave(end)
        if self._passing is not None:
            self._passing.lose(end, over)

    def _give_up(self, end: LinkEnd) -> None:
        """Take that an over of another channel is followed on a link from here on."""
        end.channel.abandon()
        self._leave(end)

    def _leave(self, end: LinkEnd) -> None:
        """Follow the over of a link no longer."""
        if (followed := self._current.pop(end.number, None)) is not None:
            for carrying in followed.carried or ():
                carrying.lose()

    def _begin(self, begun: OverBegun, end: LinkEnd, now: float) -> None:
        """Follow an over, and have it carried: at its first packet where overs without any came before."""
        nonce, origin = begun.begin.nonce, origin_of(begun.begin.nonce, begun.first_index)
        followed = self._current.get(end.number)
        goes_on = followed is not None and followed.origin == origin and followed.carried != []
        if followed is not None and goes_on and self._known.moves(origin, nonce, end.number):
            followed.move(begun)
            return
        self._leave(end)
        if self._known.heard(origin, nonce, end.number) not in (Sighting.NEW, Sighting.GOES_ON):
            return
        followed = self._current[end.number] = _Followed(begun, origin, begun.begin.over, now)
        if end.begins_count and begun.begin.k * PACKET_S * end.slowness <= LONGEST_LEAD_S:
            followed.carried = self._carry(followed, end, now)

    def _hear(self, fact: PacketHeard | OverEnded, end: LinkEnd, now: float) -> None:
        """Take a packet or the end of the over that is followed on a link."""
        followed = self._current.get(end.number)
        if followed is None:
            return
        followed.heard_s = now
        if isinstance(fact, PacketHeard) and followed.carried is None:
            followed.carried = self._carry(followed, end, now)
        for carrying in followed.carried or ():
            carrying.hear(fact, now)

    def _carry(self, followed: _Followed, end: LinkEnd, now: float) -> list[Carrying]:
        """Have an over carried to all links on which nobody says it."""
        sender, carried = followed.begun.begin.sender, []
        allowed = self._overs[end.number].take(now)
        for other in self._ends:
            if other is end or self._known.is_on(followed.origin, other.number):
                continue
            if not allowed or not other.queue.has_room(end.number, len(self._ends) - 1):
                reason = TOO_MANY_WAIT if allowed else TOO_MANY_OVERS
                other.not_relayed += 1
                self._report(OverNotRelayed(sender, end.name, other.name, reason))
                self._messages.notify(end, sender, f"your over did not reach {other.label}: {reason}")
                continue
            carrying = Carrying(self._carrier, followed.begun, end, other)
            other.queue.append(end.number, carrying)
            carried.append(carrying)
            self._nursery.start_soon(carrying.run)
        return carried


def _figures(end: LinkEnd) -> LinkFigures:
    left_s = end.air.left_s(trio.current_time())
    return LinkFigures(
        end.name,
        end.link.ready,
        end.floor.state,
        end.heard,
        end.relayed,
        end.not_relayed,
        len(end.queue),
        wire_bytes(end.link, end.link.sent),
        wire_bytes(end.link, end.link.received),
        end.refused,
        end.dropped + end.transmitter.dropped,
        None if left_s == float("inf") else round(left_s, 1),
    )
