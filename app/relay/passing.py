"""Frames of a sealed or ham channel whose key this relay has not got: they are passed on as they are, where they fit.

Of such a frame its type, its over and its number are seen, and of BEGIN the nonce. What is said, by whom and to whom is
not, so the relay adds no name, waits for no floor and tells no talker anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from app.relay.elsewhere import OversElsewhere
from app.relay.link_end import LinkEnd
from app.relay.passed_over import BegunOvers, OverStart, PassedOver, nonce_in, silence_s
from app.relay.passing_singles import PassingSingles
from app.relay.reports import RelayReport
from app.relay.ways_on import WaysOn
from transport.protection.rate_limit import TokenBucket
from transport.protocol.frames import MAX_K, Type
from transport.protocol.open_frames import HEADER, voice_shape
from transport.protocol.over_pace import OverPace
from transport.protocol.relaying import KnownOvers, Sighting, origin_of

OVERS_PER_S, OVERS_AT_ONCE = 2.0, 16.0
"""Overs a second that are taken from one link, and how many at once."""
BEGINS_PER_S, BEGINS_AT_ONCE = 0.5, 4.0
"""BEGINs with the number of an over that are passed on from one link a second, and how many at once: those with its
nonce, and as many others."""
STRAGGLING_S = 3.0
"""Time after its last VOICE in which a BEGIN with the number of an over is one of its own, in seconds of speech."""
MAX_RESUMED = 8
"""Times that an over goes on after an END, which may have been another's."""
BEGUN_S = 10.0
"""Time after a BEGIN within which a VOICE of its over counts, in seconds of speech: BEGINs come more often."""


class Passing:
    """The sealed frames of all links of a relay without a key."""

    def __init__(
        self,
        ends: Sequence[LinkEnd],
        known: KnownOvers,
        report: Callable[[RelayReport], None],
        on_follow: Callable[[LinkEnd], None],
    ) -> None:
        """Take the links. on_follow: told that another over is followed on a link from here on."""
        self._ends = ends
        self._known = known
        self._on_follow = on_follow
        self._paces = [OverPace(end.slowness) for end in ends]
        self._current: dict[int, PassedOver] = {}
        """The over that is followed on each link from its first VOICE on, by its number: one for each at the most."""
        self._begun = [BegunOvers(BEGUN_S * end.slowness) for end in ends]
        self._elsewhere = OversElsewhere()
        self._overs = [TokenBucket(OVERS_PER_S, OVERS_AT_ONCE) for _ in ends]
        self._begins = [TokenBucket(BEGINS_PER_S, BEGINS_AT_ONCE) for _ in ends]
        self._begins_again = [TokenBucket(BEGINS_PER_S, BEGINS_AT_ONCE) for _ in ends]
        self._singles = PassingSingles(ends)
        self._ways = WaysOn(ends, known, self._begun, self._elsewhere, report, self._yields)

    def take(self, octets: bytes, end: LinkEnd) -> None:
        """Take a frame that has the shape of a sealed or ham one (open_frames.peek_mode)."""
        kind_octet, over, sequence = HEADER.unpack_from(octets)
        now = trio.current_time()
        elsewhere = self._elsewhere.hear(end.number, over, octets)
        match kind_octet & 0x0F:
            case Type.BEGIN:
                self._begin(octets, over, sequence, end, now)
            case Type.VOICE | Type.VOICE_WITH_COPIES:
                packets, copies = voice_shape(octets) or (0, 0)  # it has a shape, or it would not be here
                current = self._followed(over, packets, copies, sequence, end, now)
                if current is not None:
                    self._voice(octets, packets, copies, sequence, current, end, now)
                elif elsewhere is not None and self._is_genuine(elsewhere.nonce, octets):
                    self._known.speaks(origin_of(elsewhere.nonce), elsewhere.nonce, end.number)
                    end.speaks(now, over, min(packets, MAX_K))
            case Type.END:
                self._end(octets, over, sequence, end, now)
            case Type.TEXT | Type.RECEIPT:
                self._singles.take(octets, end, now)

    def lose(self, end: LinkEnd, over: int | None = None) -> None:
        """Take that nothing more comes of the over that is followed on this link, if it has this number."""
        current = self._current.get(end.number)
        if current is None or over not in (None, current.over):
            return
        del self._current[end.number]
        if not current.ends:
            self._ways.finish(current, end, complete=False)

    def _yields(self, end: LinkEnd, now: float) -> bool:
        """Tell whether the over that is followed on a link says next to nothing; if so, it ends."""
        current = self._current.get(end.number)
        if current is None or current.ends or not self._paces[end.number].yields(now):
            return False
        self.lose(end)
        return True

    def look(self, now: float) -> None:
        """End what has come to nothing, whether or not the floor has told of it."""
        for end in self._ends:
            current = self._current.get(end.number)
            if current is not None and now > current.heard_s + silence_s(MAX_K, end):
                self.lose(end)

    def close(self) -> None:
        """End all that is being passed on."""
        for end in self._ends:
            self.lose(end)

    def _begin(self, octets: bytes, over: int, sequence: int, end: LinkEnd, now: float) -> None:
        nonce = nonce_in(octets)
        if self._passes(nonce, end):  # and so does another relay: each says the frames that the other one has not
            self._mark(nonce, over, end)
            return
        current, begin = self._current.get(end.number), OverStart(nonce, octets, sequence, now)
        if current is not None and current.knows(nonce):
            if over == current.over:
                self._begin_too(current, begin, self._begins_again[end.number], end, now)
            return
        if self._mark(nonce, over, end) in (Sighting.NEW, Sighting.GOES_ON):
            if current is not None and current.over == over and self._goes_on(current, end, now):
                self._begin_too(current, begin, self._begins[end.number], end, now)
            else:
                self._begun[end.number].keep(over, begin, now)
        if current is None or current.ends:
            end.begins(now, over)

    @staticmethod
    def _goes_on(current: PassedOver, end: LinkEnd, now: float) -> bool:
        """Tell whether an over has not ended, or has so short a while ago that its END may be forged."""
        return not current.ends or now < current.heard_s + STRAGGLING_S * end.slowness

    def _begin_too(self, current: PassedOver, begin: OverStart, rate: TokenBucket, end: LinkEnd, now: float) -> None:
        """Pass on a BEGIN with the number of an over that is followed: its own again, or one that may be genuine."""
        if not rate.take(now):
            end.dropped += 1
        elif self._is_new(current, begin.octets, begin.sequence, end, now):
            current.begins_too(begin)
            self._ways.pass_on(begin.octets, 0, current, end)

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
        self._on_follow(end)
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
        if sighting is Sighting.ELSEWHERE:
            self._elsewhere.mark(end.number, over, nonce)
        return sighting

    def _is_genuine(self, nonce: bytes, octets: bytes) -> bool:
        """Tell whether a frame that others say of an over is one that has come from where the over comes from."""
        return any(one.knows(nonce) and one.frames.has(octets) for one in self._current.values())

    def _is_new(
        self, current: PassedOver, octets: bytes, sequence: int, end: LinkEnd, now: float, k: int = 1, packets: int = 0
    ) -> int:
        """Return which of the frames of an over with its number this is; 0: it counts for nothing.

        It does where it has come before, or cannot have been said by now. k: packets a frame, by a VOICE, which has so
        many new packets.
        """
        if current.in_time(sequence, k, packets, self._paces[end.number], now):
            return current.frames.takes(octets)
        end.dropped += 1
        return 0

    def _end(self, octets: bytes, over: int, sequence: int, end: LinkEnd, now: float) -> None:
        current = self._current.get(end.number)
        if current is None or current.over != over:
            end.ends(now, over)
        elif not current.knows(nonce_in(octets)):
            end.dropped += 1
        elif current.ends == 1 or (not current.ends and self._is_new(current, octets, sequence, end, now)):
            self._ways.pass_on(octets, 0, current, end)
            current.ends += 1
            end.ends(now, over)
            if current.ends == 1:
                self._ways.finish(current, end, complete=True)

    def _voice(
        self, octets: bytes, packets: int, copies: int, sequence: int, current: PassedOver, end: LinkEnd, now: float
    ) -> None:
        pace = self._paces[end.number]
        k = current.k_of(packets, copies)
        goes_on = sequence > current.highest
        version = self._is_new(current, octets, sequence, end, now, k, min(packets, k))
        if not version:
            return
        if current.ends and goes_on and not self._resume(current, packets, copies, end, now):
            end.dropped += 1
            return
        for begin in current.begins:
            self._known.speaks(origin_of(begin.nonce), begin.nonce, end.number)
        current.k, current.highest, current.heard_s = min(current.k, k), max(current.highest, sequence), now
        count = min(packets, k) if version == 1 else 0
        pace.arrived(current.place(sequence, k) + count - 1, packets if count else 0, now)
        end.speaks(now, current.over, min(packets, MAX_K))
        if not current.ends:
            self._ways.begin_on_others(current, packets, copies, end, now)
        self._ways.pass_voice(octets, packets, copies, count, current, end, now)

    def _resume(self, current: PassedOver, packets: int, copies: int, end: LinkEnd, now: float) -> bool:
        """Have an over go on after an END that was another's, on the links where it was; return whether it does.

        Its BEGIN is known there. It goes on a few times, and ends when it would have without.
        """
        if current.resumed >= MAX_RESUMED or not self._overs[end.number].take(now):
            return False
        current.resumed, current.ends = current.resumed + 1, 0
        self._ways.resume(current, packets, copies, end, now)
        return True
