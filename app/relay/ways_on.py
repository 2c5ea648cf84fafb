"""The ways on which the overs of a relay without the key go on: where they begin, what is said there, and their end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.relay.elsewhere import OversElsewhere
from app.relay.link_end import LONGEST_TURN_S, LinkEnd
from app.relay.misfit_notices import MisfitNotices
from app.relay.passed_over import BegunOvers, PassedOver, WayOn, misfit
from app.relay.reasons import NO_AIRTIME, NOBODY_THERE, SOMEBODY_TALKS, TOO_LONG
from app.relay.reports import OverNotRelayed, OverRelayed, RelayReport
from transport.protocol.relaying import KnownOvers, origin_of

UNNAMED = "somebody"
MAX_MISFITS = 3
"""VOICEs in a row that do not fit a link after which an over ends there."""


class WaysOn:
    """The ways on between all links."""

    def __init__(
        self,
        ends: Sequence[LinkEnd],
        known: KnownOvers,
        begun: Sequence[BegunOvers],
        elsewhere: OversElsewhere,
        report: Callable[[RelayReport], None],
        yields: Callable[[LinkEnd, float], bool],
    ) -> None:
        """Take the links, what is known of the overs on them, and what ends one of which next to nothing comes."""
        self._ends = ends
        self._known = known
        self._begun = begun
        self._elsewhere = elsewhere
        self._report = report
        self._yields = yields
        self._misfits = MisfitNotices()

    def begin_on_others(self, current: PassedOver, packets: int, copies: int, end: LinkEnd, now: float) -> None:
        """Begin an over on the links where nothing is in its way any more, with what comes of it from here on."""
        first = current.waits is None
        if first:
            current.until_s = now + LONGEST_TURN_S
        waits = [other for other in self._ends if other is not end] if current.waits is None else current.waits
        current.waits = []
        for target in waits:
            reason = self._takes(target, current, packets, copies, end, now)
            if not reason:
                current.ways.append(way := WayOn(target, target.turns, current.until_s, whole=first))
                for begin in current.begins:
                    self._pass_one(way, begin.octets, 0, current, end)
                continue
            current.waits.append(target)
            if first:
                self._not_taken(target, current, reason, end, now)

    def pass_voice(
        self, octets: bytes, packets: int, copies: int, count: int, current: PassedOver, end: LinkEnd, now: float
    ) -> None:
        """Pass a VOICE with so many packets and copies on, where it fits, `count` of them new.

        Those after the first repeat what stood in the one before, so that an over may fit a link no longer. One may be
        forged: the over ends there after a few in a row, and begins again with one that fits.
        """
        for way in list(current.ways):
            reason = misfit(end, way.target, packets, copies)
            way.misfits = way.misfits + 1 if reason else 0
            if not reason:
                self._pass_one(way, octets, count, current, end)
                continue
            self._misfits.tell(end, way.target, reason, now)
            if way.misfits >= MAX_MISFITS:
                self._leave(way, current, end)

    def resume(self, current: PassedOver, packets: int, copies: int, end: LinkEnd, now: float) -> None:
        """Have an over go on, on the links where it was."""
        ways, current.ways = current.ways, []
        for way in ways:
            if self._takes(way.target, current, packets, copies, end, now):
                current.waits = [*(current.waits or ()), way.target]
            else:
                current.ways.append(WayOn(way.target, way.target.turns, current.until_s, way.whole))

    def _takes(self, target: LinkEnd, current: PassedOver, packets: int, copies: int, end: LinkEnd, now: float) -> str:
        """Take the floor of a link for an over of frames of so many packets and copies; return why not, or ""."""
        if reason := misfit(end, target, packets, copies):
            return reason
        copied = self._begun[target.number].get(current.over, now)
        target.give_way(to_same=copied is not None and any(current.knows(begin.nonce) for begin in copied.begins))
        if not target.link.ready:
            return NOBODY_THERE
        if not target.free and self._yields(target, now):
            target.moved(target.floor.talker_lost(now))
        if not target.free or target.queue:
            return SOMEBODY_TALKS
        if not target.may_begin:
            return NO_AIRTIME
        target.moved(target.floor.press(now))
        return ""

    def _not_taken(self, target: LinkEnd, current: PassedOver, reason: str, end: LinkEnd, now: float) -> None:
        """Report that an over does not begin on a link, unless another relay says it there."""
        if reason not in (NOBODY_THERE, SOMEBODY_TALKS, NO_AIRTIME):
            self._misfits.tell(end, target, reason, now)
        elif not any(self._known.is_on(origin_of(begin.nonce), target.number) for begin in current.begins):
            self._not_relayed(target, end, reason)

    def pass_on(self, octets: bytes, packets: int, current: PassedOver, end: LinkEnd) -> None:
        """Pass a frame with so many new packets on, on all ways that go on."""
        for way in list(current.ways):
            self._pass_one(way, octets, packets, current, end)

    def _is_there(self, target: LinkEnd, current: PassedOver, octets: bytes) -> bool:
        """Tell whether another relay has said this frame on a link before: of two that began at once, both go on."""
        return self._elsewhere.has(target.number, (begin.nonce for begin in current.begins), octets)

    def _pass_one(self, way: WayOn, octets: bytes, packets: int, current: PassedOver, end: LinkEnd) -> None:
        target = way.target
        if current.ends:  # a straggler, or END again, for which nobody is interrupted
            if target.idle and target.has_air(1, len(octets)):
                target.pass_on(octets)
            return
        if reason := way.ended(len(octets)):
            self._leave(way, current, end, waits=reason != TOO_LONG)
            self._not_relayed(target, end, reason)
            return
        way.packets += packets
        if not self._is_there(target, current, octets) and not target.pass_on(octets, target.permit):
            way.lost += packets

    def _leave(self, way: WayOn, current: PassedOver, end: LinkEnd, *, waits: bool = True) -> None:
        """End an over on a link. waits: it begins there again once it can."""
        current.ways = [other for other in current.ways if other is not way]
        current.waits = [*(current.waits or ()), *([way.target] if waits else ())]
        self._end_way(way, end, complete=False)

    def finish(self, current: PassedOver, end: LinkEnd, *, complete: bool) -> None:
        """End an over on all its ways. complete: its END has come."""
        for way in current.ways:
            self._end_way(way, end, complete=complete and way.whole)

    def _end_way(self, way: WayOn, end: LinkEnd, *, complete: bool) -> None:
        way.let_go()
        way.target.relayed += 1
        self._report(OverRelayed(UNNAMED, end.name, way.target.name, way.packets, way.lost, 0.0, complete))

    def _not_relayed(self, target: LinkEnd, end: LinkEnd, reason: str) -> None:
        target.not_relayed += 1
        self._report(OverNotRelayed(UNNAMED, end.name, target.name, reason))
