"""Frames of a sealed or ham channel whose key this relay has not got: they are passed on as they are, where they fit.

Of such a frame its type, its over and its number are seen, and of BEGIN the nonce. What is said, by whom and to whom is
not, so the relay adds no name, waits for no floor and tells no talker anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from app.relay.link_end import LIMIT_MARGIN_S, LinkEnd
from app.relay.misfit_notices import MisfitNotices
from app.relay.passed_over import BegunOvers, OverElsewhere, OverStart, PassedOver, WayOn, digest_of, misfit
from app.relay.passing_singles import PassingSingles
from app.relay.reasons import NO_AIRTIME, NOBODY_THERE, SOMEBODY_TALKS, TOO_LONG
from app.relay.reports import OverNotRelayed, OverRelayed, RelayReport
from transport.protection.rate_limit import TokenBucket
from transport.protocol.frames import MAX_K, NONCE_BYTES, Type
from transport.protocol.open_frames import HEADER, HEADER_BYTES, voice_shape
from transport.protocol.over_pace import TALK_LIMIT_S, OverPace
from transport.protocol.relaying import KnownOvers, Sighting, origin_of

OVERS_PER_S, OVERS_AT_ONCE = 2.0, 16.0
"""Overs a second that are taken from one link, and how many at once."""
BEGINS_PER_S, BEGINS_AT_ONCE = 0.5, 4.0
"""Other BEGINs with the number of an over that are passed on from one link a second, and how many at once."""
MAX_RESUMED = 8
"""Times that an over goes on after an END, which may have been another's."""
BEGUN_S = 10.0
"""Time after a BEGIN within which a VOICE of its over counts, in seconds of speech: BEGINs come more often."""
UNNAMED = "somebody"


class Passing:
    """The sealed frames of all links of a relay without a key."""

    def __init__(self, ends: Sequence[LinkEnd], known: KnownOvers, report: Callable[[RelayReport], None]) -> None:
        """Take the links."""
        self._ends = ends
        self._known = known
        self._report = report
        self._paces = [OverPace(end.slowness) for end in ends]
        self._current: dict[int, PassedOver] = {}
        """The over that is followed on each link from its first VOICE on, by its number: one for each at the most."""
        self._begun = [BegunOvers(BEGUN_S * end.slowness) for end in ends]
        self._elsewhere: dict[int, OverElsewhere] = {}
        """The over that others were heard to say last on each link, by its number, if it is known: one for each."""
        self._overs = [TokenBucket(OVERS_PER_S, OVERS_AT_ONCE) for _ in ends]
        self._begins = [TokenBucket(BEGINS_PER_S, BEGINS_AT_ONCE) for _ in ends]
        self._singles = PassingSingles(ends)
        self._misfits = MisfitNotices()

    def take(self, octets: bytes, end: LinkEnd) -> None:
        """Take a frame that has the shape of a sealed or ham one (open_frames.peek_mode)."""
        kind_octet, over, sequence = HEADER.unpack_from(octets)
        now = trio.current_time()
        elsewhere = self._elsewhere.get(end.number)
        if elsewhere is not None and elsewhere.over != over:
            elsewhere = None
        if elsewhere is not None:
            elsewhere.heard.append(digest_of(octets))
        match kind_octet & 0x0F:
            case Type.BEGIN:
                self._begin(octets, over, sequence, end, now)
            case Type.VOICE | Type.VOICE_WITH_COPIES:
                packets, copies = voice_shape(octets) or (0, 0)  # it has a shape, or it would not be here
                current = self._followed(over, packets, copies, sequence, end, now)
                if current is not None:
                    self._voice(octets, packets, copies, sequence, current, end, now)
                elif elsewhere is not None:
                    self._known.speaks(origin_of(elsewhere.nonce), elsewhere.nonce, end.number)
                    end.speaks(now, over, min(packets, MAX_K))
            case Type.END:
                self._end(octets, over, sequence, end, now)
            case Type.TEXT | Type.RECEIPT:
                self._singles.take(octets, end, now)

    def lose(self, end: LinkEnd) -> None:
        """Take that nothing more comes of the over that is followed on this link."""
        current = self._current.pop(end.number, None)
        if current is not None and not current.ends:
            self._finish(current, end, complete=False)

    def close(self) -> None:
        """End all that is being passed on."""
        for end in self._ends:
            self.lose(end)

    def _begin(self, octets: bytes, over: int, sequence: int, end: LinkEnd, now: float) -> None:
        nonce = octets[HEADER_BYTES : HEADER_BYTES + NONCE_BYTES]
        if self._passes(nonce, end):  # and so does another relay: each says the frames that the other one has not
            self._mark(nonce, over, end)
            return
        current, begin = self._current.get(end.number), OverStart(nonce, octets, sequence)
        if current is not None and current.knows(nonce):
            if self._is_new(current, octets, sequence, end, now):
                current.begins_too(begin)
                self._pass(octets, 0, current, end)
            return
        if self._mark(nonce, over, end) in (Sighting.NEW, Sighting.GOES_ON):
            if current is not None and current.over == over and not current.ends:
                self._begin_too(current, begin, end, now)
            else:
                self._begun[end.number].keep(over, begin, now)
        if current is None or current.ends:
            end.begins(now, over)

    def _begin_too(self, current: PassedOver, begin: OverStart, end: LinkEnd, now: float) -> None:
        """Pass on a BEGIN with the number of an over that is followed, which may be the genuine one of the two."""
        in_time = self._paces[end.number].takes(current.place(begin.sequence), now)
        if not in_time or not self._begins[end.number].take(now):
            end.dropped += 1
            return
        current.begins_too(begin)
        current.frames.takes(begin.sequence, begin.octets)
        self._pass(begin.octets, 0, current, end)

    def _followed(
        self, over: int, packets: int, copies: int, sequence: int, end: LinkEnd, now: float
    ) -> PassedOver | None:
        """Return the over with this number, of which a VOICE has come, if it is followed, or is from here on.

        Whoever talks goes on: another over takes its place where it has ended, or says next to nothing.
        """
        current, begun = self._current.get(end.number), self._begun[end.number].get(over, now)
        talks, pace = current is not None and not current.ends, self._paces[end.number]
        if current is not None and current.over == over and (talks or begun is None):
            return current
        if begun is None or (talks and not pace.yields(now)):
            return None
        if not self._overs[end.number].take(now):
            return None
        self.lose(end)
        end.heard += 1
        end.speaks(now, over, min(packets, MAX_K), begins=True)
        self._begun[end.number].follow(over)
        self._current[end.number] = begun
        begun.join(packets, copies, sequence, pace, now, took_over=talks)
        return begun

    def _passes(self, nonce: bytes, target: LinkEnd) -> bool:
        """Tell whether an over is being passed on to this link."""
        ways = (way for one in self._current.values() if one.knows(nonce) and not one.ends for way in one.ways)
        return any(way.target is target for way in ways)

    def _mark(self, nonce: bytes, over: int, end: LinkEnd) -> Sighting:
        """Take note that an over has begun on a link, and what of it was heard there where it is known already."""
        sighting = self._known.heard(origin_of(nonce), nonce, end.number)
        if sighting is Sighting.ELSEWHERE and getattr(self._elsewhere.get(end.number), "nonce", b"") != nonce:
            self._elsewhere[end.number] = OverElsewhere(over, nonce)
        return sighting

    def _is_there(self, target: LinkEnd, current: PassedOver, octets: bytes) -> bool:
        """Tell whether another relay has said this frame on a link before: of two that began at once, both go on."""
        elsewhere = self._elsewhere.get(target.number)
        return elsewhere is not None and elsewhere.has((begin.nonce for begin in current.begins), octets)

    def _is_new(self, current: PassedOver, octets: bytes, sequence: int, end: LinkEnd, now: float, k: int = 0) -> int:
        """Return which of the frames of an over with its number this is; 0: it counts for nothing.

        It does where it has come before, or cannot have been said by now. k: packets a frame, by a VOICE.
        """
        if self._paces[end.number].takes(current.place(sequence, k), now):
            return current.frames.takes(sequence, octets)
        end.dropped += 1
        return 0

    def _end(self, octets: bytes, over: int, sequence: int, end: LinkEnd, now: float) -> None:
        current = self._current.get(end.number)
        if current is None or current.over != over:
            end.ends(now, over)
        elif current.ends == 1 or (not current.ends and self._is_new(current, octets, sequence, end, now)):
            self._pass(octets, 0, current, end)
            current.ends += 1
            end.ends(now, over)
            if current.ends == 1:
                self._finish(current, end, complete=True)

    def _voice(
        self, octets: bytes, packets: int, copies: int, sequence: int, current: PassedOver, end: LinkEnd, now: float
    ) -> None:
        pace = self._paces[end.number]
        k = current.k_of(packets, copies)
        goes_on = sequence > current.frames.highest
        version = self._is_new(current, octets, sequence, end, now, k)
        if not version:
            return
        if current.ends and goes_on and not self._resume(current, packets, copies, end, now):
            end.dropped += 1
            return
        for begin in current.begins:
            self._known.speaks(origin_of(begin.nonce), begin.nonce, end.number)
        current.k = min(current.k, k)
        count = min(packets, k) if version == 1 else 0
        pace.arrived(current.place(sequence, k) + count - 1, packets if count else 0, now)
        end.speaks(now, current.over, min(packets, MAX_K))
        self._leave_misfits(current, packets, copies, end, now)
        self._begin_on_others(current, packets, copies, end, now)
        self._pass(octets, count, current, end)

    def _resume(self, current: PassedOver, packets: int, copies: int, end: LinkEnd, now: float) -> bool:
        """Have an over go on after an END that was another's, on the links where it was; return whether it does.

        Its BEGIN is known there. It goes on a few times, and ends when it would have without.
        """
        if current.resumed >= MAX_RESUMED or not self._overs[end.number].take(now):
            return False
        current.resumed, current.ends = current.resumed + 1, 0
        ways = [way for way in current.ways if not self._takes(way.target, current, packets, copies, end, now)]
        current.ways = [WayOn(way.target, way.target.turns, current.until_s, way.whole) for way in ways]
        return True

    def _begin_on_others(self, current: PassedOver, packets: int, copies: int, end: LinkEnd, now: float) -> None:
        """Begin an over on the links where nothing is in its way any more, with what comes of it from here on."""
        first = current.waits is None
        if first:
            current.until_s = now + TALK_LIMIT_S + LIMIT_MARGIN_S
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

    def _leave_misfits(self, current: PassedOver, packets: int, copies: int, end: LinkEnd, now: float) -> None:
        """End an over on the links where frames of so many packets and copies do not fit.

        Those after the first repeat what stood in the one before. This one may be forged: with one that fits, the over
        begins there again.
        """
        for way in list(current.ways):
            if reason := misfit(end, way.target, packets, copies):
                current.ways = [other for other in current.ways if other is not way]
                self._end_way(way, end, complete=False)
                current.waits = [*(current.waits or ()), way.target]
                self._misfits.tell(end, way.target, reason, now)

    def _takes(self, target: LinkEnd, current: PassedOver, packets: int, copies: int, end: LinkEnd, now: float) -> str:
        """Take the floor of a link for an over of frames of so many packets and copies; return why not, or ""."""
        if reason := misfit(end, target, packets, copies):
            return reason
        copied = self._begun[target.number].get(current.over, now)
        target.give_way(to_same=copied is not None and any(current.knows(begin.nonce) for begin in copied.begins))
        if not target.link.ready:
            return NOBODY_THERE
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

    def _pass(self, octets: bytes, packets: int, current: PassedOver, end: LinkEnd) -> None:
        """Pass a frame with so many new packets on, on all ways that go on."""
        for way in list(current.ways):
            self._pass_one(way, octets, packets, current, end)

    def _pass_one(self, way: WayOn, octets: bytes, packets: int, current: PassedOver, end: LinkEnd) -> None:
        target = way.target
        if current.ends:  # a straggler, or END again, for which nobody is interrupted
            if target.idle and target.has_air(1, len(octets)):
                target.pass_on(octets)
            return
        if reason := way.ended(len(octets)):
            current.ways = [other for other in current.ways if other is not way]
            current.waits = [*(current.waits or ()), *([target] if reason != TOO_LONG else ())]
            self._end_way(way, end, complete=False)
            self._not_relayed(target, end, reason)
            return
        way.packets += packets
        if not self._is_there(target, current, octets) and not target.pass_on(octets, target.permit):
            way.lost += packets

    def _finish(self, current: PassedOver, end: LinkEnd, *, complete: bool) -> None:
        for way in current.ways:
            self._end_way(way, end, complete=complete and way.whole)

    def _end_way(self, way: WayOn, end: LinkEnd, *, complete: bool) -> None:
        way.let_go()
        way.target.relayed += 1
        self._report(OverRelayed(UNNAMED, end.name, way.target.name, way.packets, way.lost, 0.0, complete))

    def _not_relayed(self, target: LinkEnd, end: LinkEnd, reason: str) -> None:
        target.not_relayed += 1
        self._report(OverNotRelayed(UNNAMED, end.name, target.name, reason))
