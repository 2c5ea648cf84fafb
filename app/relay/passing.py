"""Frames of a sealed or ham channel whose key this relay has not got: they are passed on as they are, where they fit.

Of such a frame its type, its over and its number are seen, and of BEGIN the nonce. What is said, by whom and to whom is
not, so the relay adds no name, waits for no floor and tells no talker anything.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

import trio

from app.relay.link_end import LIMIT_MARGIN_S, LinkEnd
from app.relay.passed_over import OverElsewhere, PassedOver, WayOn, misfit
from app.relay.reasons import NO_AIRTIME, NOBODY_THERE, SOMEBODY_TALKS
from app.relay.reports import OverNotRelayed, OverRelayed, RelayReport
from transport.protection.rate_limit import TokenBucket
from transport.protocol.frames import MAX_K, NONCE_BYTES, Type
from transport.protocol.open_frames import HEADER, HEADER_BYTES, voice_shape
from transport.protocol.over_pace import TALK_LIMIT_S, OverPace
from transport.protocol.relaying import KnownOvers, Sighting, origin_of

OVERS_PER_S, OVERS_AT_ONCE = 2.0, 16.0
"""Overs a second that are taken from one link, and how many at once."""
SINGLES_PER_S, SINGLES_AT_ONCE = 1.0, 8.0
"""Messages and receipts a second that are passed on from one link, and how many at once."""
MAX_SINGLES = 256
"""Nonces of those that are remembered; the oldest makes room."""
TOLD_EVERY_S = 60.0
"""Time between two reports that overs do not fit, in seconds."""
MAX_TOLD = 64
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
        self._begun: list[dict[int, PassedOver]] = [{} for _ in ends]
        """The overs that have begun on each link, and not been followed, by their numbers: 256 at the most."""
        self._elsewhere: dict[int, OverElsewhere] = {}
        """The over that others were heard to say last on each link, by its number, if it is known: one for each."""
        self._overs = [TokenBucket(OVERS_PER_S, OVERS_AT_ONCE) for _ in ends]
        self._singles = [TokenBucket(SINGLES_PER_S, SINGLES_AT_ONCE) for _ in ends]
        self._nonces: OrderedDict[bytes, None] = OrderedDict()
        self._told: dict[tuple[int, int, str], float] = {}

    def take(self, octets: bytes, end: LinkEnd) -> None:
        """Take a frame that has the shape of a sealed or ham one (open_frames.peek_mode)."""
        kind_octet, over, sequence = HEADER.unpack_from(octets)
        now = trio.current_time()
        elsewhere = self._elsewhere.get(end.number)
        if elsewhere is not None and elsewhere.over != over:
            elsewhere = None
        if elsewhere is not None:
            elsewhere.heard.append(sequence)
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
                self._single(octets, end, now)

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
        current = self._current.get(end.number)
        if current is not None and current.nonce == nonce:
            if self._is_new(current, sequence, end, now):
                self._pass(octets, 0, current, end)
            return
        if self._mark(nonce, over, end) in (Sighting.NEW, Sighting.GOES_ON):
            self._begun[end.number][over] = PassedOver(over, nonce, octets, sequence, now)
        if current is None or current.ends:
            end.begins(now, over)

    def _followed(
        self, over: int, packets: int, copies: int, sequence: int, end: LinkEnd, now: float
    ) -> PassedOver | None:
        """Return the over with this number, of which a VOICE has come, if it is followed, or is from here on.

        Whoever talks goes on: another over takes its place where it has ended, or says next to nothing.
        """
        current, begun = self._current.get(end.number), self._begun[end.number].get(over)
        talks, pace = current is not None and not current.ends, self._paces[end.number]
        if begun is not None and now > begun.begun_s + BEGUN_S * end.slowness:
            begun = None
        if current is not None and current.over == over and (talks or begun is None):
            return current
        if begun is None or (talks and not pace.yields(now)):
            return None
        if not self._overs[end.number].take(now):
            return None
        self.lose(end)
        end.heard += 1
        end.speaks(now, over, min(packets, MAX_K), begins=True)
        self._current[end.number] = self._begun[end.number].pop(over)
        begun.join(packets, copies, sequence, pace, now, took_over=talks)
        return begun

    def _passes(self, nonce: bytes, target: LinkEnd) -> bool:
        """Tell whether an over is being passed on to this link."""
        passed = (one for one in self._current.values() if one.nonce == nonce and not one.ends)
        return any(way.target is target for one in passed for way in one.ways or ())

    def _mark(self, nonce: bytes, over: int, end: LinkEnd) -> Sighting:
        """Take note that an over has begun on a link, and what of it was heard there where it is known already."""
        sighting = self._known.heard(origin_of(nonce), nonce, end.number)
        if sighting is Sighting.ELSEWHERE and getattr(self._elsewhere.get(end.number), "nonce", b"") != nonce:
            self._elsewhere[end.number] = OverElsewhere(over, nonce)
        return sighting

    def _is_there(self, target: LinkEnd, nonce: bytes, sequence: int) -> bool:
        """Tell whether another relay has said this frame on a link before: of two that began at once, both go on."""
        elsewhere = self._elsewhere.get(target.number)
        return elsewhere is not None and elsewhere.nonce == nonce and sequence in elsewhere.heard

    def _is_new(self, current: PassedOver, sequence: int, end: LinkEnd, now: float) -> bool:
        """Tell whether a frame of an over has not come before, and can have been said by now. If so, it counts."""
        if not self._paces[end.number].takes(current.place(sequence), now):
            end.dropped += 1
            return False
        return current.window.takes(sequence)

    def _end(self, octets: bytes, over: int, sequence: int, end: LinkEnd, now: float) -> None:
        current = self._current.get(end.number)
        if current is None or current.over != over:
            end.ends(now, over)
        elif current.ends == 1 or (not current.ends and self._is_new(current, sequence, end, now)):
            self._pass(octets, 0, current, end)
            current.ends += 1
            end.ends(now, over)
            if current.ends == 1:
                self._finish(current, end, complete=True)

    def _voice(
        self, octets: bytes, packets: int, copies: int, sequence: int, current: PassedOver, end: LinkEnd, now: float
    ) -> None:
        pace = self._paces[end.number]
        if packets > 2 * current.k or copies not in (0, current.k):
            end.dropped += 1
            return
        goes_on = sequence > current.window.highest
        if not self._is_new(current, sequence, end, now):
            return
        if current.ends and goes_on and not self._resume(current, packets, copies, end, now):
            end.dropped += 1
            return
        self._known.speaks(origin_of(current.nonce), current.nonce, end.number)
        count = min(packets, current.k)
        pace.arrived(current.place(sequence) + count - 1, packets, now)
        end.speaks(now, current.over, min(packets, MAX_K))
        if current.ways is None:
            targets = [other for other in self._ends if self._takes(other, current, packets, copies, end, now)]
            until_s = now + TALK_LIMIT_S + LIMIT_MARGIN_S
            current.ways = [WayOn(target, target.turns, until_s) for target in targets]
            self._pass(current.begin, 0, current, end)
        elif len(octets) > current.longest:  # it repeats what stood in the one before, and the first one could not
            self._leave_misfits(current, packets, copies, end, now)
        current.longest = max(current.longest, len(octets))
        self._pass(octets, count, current, end)

    def _resume(self, current: PassedOver, packets: int, copies: int, end: LinkEnd, now: float) -> bool:
        """Have an over go on after an END that was another's, on the links where it was; return whether it does.

        Its BEGIN is known there. It goes on a few times, and ends when it would have without.
        """
        if current.resumed >= MAX_RESUMED or not self._overs[end.number].take(now):
            return False
        current.resumed += 1
        current.ends = 0
        if current.ways is not None:
            ways = [way for way in current.ways if self._takes(way.target, current, packets, copies, end, now)]
            current.ways = [WayOn(way.target, way.target.turns, way.until_s) for way in ways]
        return True

    def _leave_misfits(self, current: PassedOver, packets: int, copies: int, end: LinkEnd, now: float) -> None:
        """End an over on the links where frames of so many packets and copies do not fit."""
        for way in list(current.ways or ()):
            if reason := misfit(end, way.target, packets, copies):
                current.ways = [other for other in current.ways or () if other is not way]
                self._end_way(way, end, complete=False)
                self._tell(end, way.target, reason, now)

    def _takes(self, target: LinkEnd, current: PassedOver, packets: int, copies: int, end: LinkEnd, now: float) -> bool:
        """Tell whether an over of frames of so many packets and copies goes to a link; if so, take the floor there."""
        if target is end or self._known.is_on(origin_of(current.nonce), target.number):
            return False
        reason = misfit(end, target, packets, copies)
        if reason:
            self._tell(end, target, reason, now)
            return False
        copied = self._begun[target.number].get(current.over)
        target.give_way(to_same=copied is not None and copied.nonce == current.nonce)
        if not target.free or target.queue or not target.link.ready or not target.may_begin:
            reason = SOMEBODY_TALKS if target.link.ready else NOBODY_THERE
            if target.link.ready and target.free and not target.queue:
                reason = NO_AIRTIME
            self._not_relayed(target, end, reason)
            return False
        target.moved(target.floor.press(now))
        return True

    def _pass(self, octets: bytes, packets: int, current: PassedOver, end: LinkEnd) -> None:
        """Pass a frame with so many new packets on, on all ways that go on."""
        for way in list(current.ways or ()):
            target = way.target
            if current.ends:  # a straggler, or END again, for which nobody is interrupted
                if target.idle and target.has_air(1, len(octets)):
                    target.pass_on(octets)
                continue
            reason = way.ended(len(octets))
            if reason:
                current.ways = [other for other in current.ways or () if other is not way]
                self._end_way(way, end, complete=False)
                self._not_relayed(target, end, reason)
                continue
            way.packets += packets
            if self._is_there(target, current.nonce, HEADER.unpack_from(octets)[2]):
                continue
            if not target.pass_on(octets, target.permit):
                way.lost += packets

    def _finish(self, current: PassedOver, end: LinkEnd, *, complete: bool) -> None:
        for way in current.ways or ():
            self._end_way(way, end, complete=complete)

    def _end_way(self, way: WayOn, end: LinkEnd, *, complete: bool) -> None:
        way.let_go()
        way.target.relayed += 1
        self._report(OverRelayed(UNNAMED, end.name, way.target.name, way.packets, way.lost, 0.0, complete))

    def _not_relayed(self, target: LinkEnd, end: LinkEnd, reason: str) -> None:
        target.not_relayed += 1
        self._report(OverNotRelayed(UNNAMED, end.name, target.name, reason))

    def _single(self, octets: bytes, end: LinkEnd, now: float) -> None:
        """Pass a message or a receipt on, once."""
        nonce = octets[HEADER_BYTES : HEADER_BYTES + NONCE_BYTES]
        if nonce in self._nonces or not self._singles[end.number].take(now):
            return
        self._nonces[nonce] = None
        if len(self._nonces) > MAX_SINGLES:
            self._nonces.popitem(last=False)
        for target in (other for other in self._ends if other is not end and not misfit(end, other, 1)):
            target.give_way()
            if target.free and target.link.ready and target.has_air(1, len(octets)):
                target.pass_on(octets)

    def _tell(self, end: LinkEnd, target: LinkEnd, reason: str, now: float) -> None:
        """Report that the passphrase is needed, and why, now and then."""
        key = end.number, target.number, reason
        if now < self._told.get(key, -TOLD_EVERY_S) + TOLD_EVERY_S:
            return
        if len(self._told) >= MAX_TOLD:
            self._told.clear()
        self._told[key] = now
        target.tell(
            f"sealed overs of {end.name} cannot go on as they are: {reason}",
            "start the relay with --passphrase, which packs them anew",
        )
