"""The listener's end of transmissions: which over is followed, and where each packet belongs. No I/O, no clock.

over.py says how the frames of an over are laid out; over_pace.py what can be believed of it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from transport.protocol.frames import Begin, End, Repeat, Voice, VoiceWithCopies
from transport.protocol.over import (
    MAX_PACKETS,
    CopyHeard,
    Malformed,
    OverBegun,
    OverEnded,
    OverEvent,
    Overlap,
    OverSuperseded,
    PacketHeard,
    PacketRepeated,
    VoiceIgnored,
    voice_number,
)
from transport.protocol.over_pace import OverPace
from transport.protocol.relaying import goes_before, origin_of

REMEMBERED_OVERS = 16
"""Finished overs that a listener remembers, so that a straggling BEGIN does not open one of them again."""

MAX_EARLY = 512
"""Packets of an over of which is remembered that they came early: more than the longest over has."""


class OverReceiver:
    """The receiving end of the overs on one link: BEGIN, VOICE and END in, facts out."""

    def __init__(self, slowness: float = 1.0) -> None:
        """Take the seconds that a second of speech takes on the link, by its plan."""
        self.current: Begin | None = None
        """First BEGIN heard of the over that is followed; None while none is."""
        self._last_over: int | None = None
        """Number of the over that is or was followed last."""
        self._before: tuple[Begin, int] | None = None
        """The BEGIN of a version that is followed once it speaks, and its first packet.

        It goes before the one that is followed, or that one says nothing so far.
        """
        self._first_index = 0
        """First packet of the over that is followed."""
        self._spoken = False
        """True once a packet of it has come."""
        self._left = b""
        """Nonce of the over that lost the ear last, because little came of it or nothing."""
        self._pace = OverPace(slowness)
        self._finished: deque[tuple[int, bytes]] = deque(maxlen=REMEMBERED_OVERS)
        self._counted: tuple[int, bytes] | None = None
        """Number and nonce of the over whose packets are these; its talker may have been away for a while."""
        self._intact: set[int] = set()
        self._damaged: set[int] = set()
        self._early: dict[int, bytes] = {}
        """Intact packets of these that came before they can have been said by who began with the BEGIN."""

    def receive(self, frame: Begin | Voice | End, now: float) -> list[OverEvent]:
        """Return what the frame that came at `now`, in seconds of a steady clock, means.

        The list is empty where the frame is not new (a BEGIN or an END again, a straggler).
        """
        if isinstance(frame, Begin):
            return self._receive_begin(frame, now)
        before = self._before
        if (
            isinstance(frame, Voice)
            and before is not None
            and frame.over == before[0].over
            and self._moves(before[0], now)
        ):
            superseded = [] if self.current is None else [OverSuperseded(self.current)]
            left = None if self.current is None else (self.current, self._first_index)
            followed = self._follow(*before, now)
            if left is not None and goes_before(left[0].nonce, followed.begin.nonce):
                self._before = left
            return [*superseded, followed, *self._receive_voice(frame, followed.begin, now)]
        if self.current is None or frame.over != self.current.over:
            straggler = bool(self._finished) and self._finished[-1][0] == frame.over
            if isinstance(frame, End) or straggler:
                return []
            return [VoiceIgnored(frame.over, len(frame.packets), frame.packets)]
        if isinstance(frame, Voice):
            return self._receive_voice(frame, self.current, now)
        return [self._finish(frame, self.current, now)]

    def _moves(self, before: Begin, now: float) -> bool:
        """Tell whether a version that goes before the one that is followed takes its place once it speaks.

        Of two relays that begin at once, the other one ends soon. A stranger who copies a BEGIN and a VOICE now and
        then moves no ear from the one who talks.
        """
        if self.current is None or not self._spoken:
            return True
        return (before.nonce != self._left and self._pace.is_new(now)) or self._pace.yields(now)

    def believed(self, end: End, now: float) -> End:
        """Return an END, of the over that is or was followed last with no more packets than can have been spoken."""
        if self._last_over != end.over:
            return end
        return replace(end, packets_sent=self._pace.length(end.packets_sent, now))

    def abandon(self) -> None:
        """Forget the over, because its talker disappeared. Its next BEGIN, should it come back, is a late join."""
        self._left = self.current.nonce if self.current is not None else self._left
        self.current = None

    @property
    def packets_heard(self) -> int:
        """Number of intact packets of the current or last over."""
        return len(self._intact)

    def _receive_begin(self, begin: Begin, now: float) -> list[OverEvent]:
        if voice_number(begin.sequence, begin.k) is not None:
            return [Malformed(f"BEGIN in place {begin.sequence}, which is a VOICE's")]
        if (begin.over, begin.nonce) in self._finished:
            return []
        first_index = (voice_number(begin.sequence + 1, begin.k) or 0) * begin.k
        current = self.current
        if current is None:
            return [self._follow(begin, first_index, now)]
        if (begin.over, begin.nonce) == (current.over, current.nonce):
            # An over that goes on for longer than anybody may talk, or that jumps, is ended here and joined anew.
            if self._pace.takes(first_index, now) and not self._pace.too_long(now):
                return []
            return [OverSuperseded(current), self._follow(begin, first_index, now)]
        if origin_of(begin.nonce) == origin_of(current.nonce) and goes_before(begin.nonce, current.nonce):
            if begin.over == current.over:
                return [OverSuperseded(current), self._follow(begin, first_index, now)]
            self._before = begin, first_index  # two relays carry it, and one ends; or a stranger has copied a BEGIN
            return []
        same_talker = begin.sender == current.sender
        if not same_talker and not self._pace.yields(now):
            same_origin = origin_of(begin.nonce) == origin_of(current.nonce) and begin.over != current.over
            if same_origin and not self._spoken:
                self._before = begin, first_index
            return [Overlap(begin)]
        return [OverSuperseded(current), self._follow(begin, first_index, now, took_over=not same_talker)]

    def _follow(self, begin: Begin, first_index: int, now: float, *, took_over: bool = False) -> OverBegun:
        supersedes = self.current is not None
        self._left = self.current.nonce if took_over and self.current is not None else self._left
        self.current, self._last_over, self._before = begin, begin.over, None
        self._first_index, self._spoken = first_index, False
        if (begin.over, begin.nonce) != self._counted:
            self._intact.clear()
            self._damaged.clear()
            self._early.clear()
        self._counted = (begin.over, begin.nonce)
        self._pace.join(begin.sender, begin.k, first_index, now, took_over, supersedes)
        return OverBegun(begin, first_index)

    def _receive_voice(self, voice: Voice, begin: Begin, now: float) -> list[OverEvent]:
        number = voice_number(voice.sequence, begin.k)
        if number is None:
            return [Malformed(f"VOICE in place {voice.sequence}, which is a BEGIN's")]
        repeated = begin.k if begin.repeat is Repeat.PACKETS and number else 0
        own = len(voice.packets) - repeated
        copies = voice.copies if isinstance(voice, VoiceWithCopies) else ()
        copied = begin.k if begin.repeat is Repeat.COPIES and number else 0
        if not 1 <= own <= begin.k or len(copies) != copied:
            return [Malformed(f"VOICE of {len(voice.packets)} packets and {len(copies)} copies with k = {begin.k}")]
        first = number * begin.k
        if first + own > MAX_PACKETS:
            return [Malformed(f"VOICE with packet {first + own} where END can count {MAX_PACKETS}")]
        if not self._pace.takes(first, now):
            return [Malformed(f"VOICE with packet {first}, which nobody can have spoken yet")]
        indices = [*range(first, first + own), *range(first - repeated, first)]
        # The older packets first: they are the more urgent ones.
        places = sorted(zip(indices, voice.packets, strict=True), key=lambda place: place[0])
        events: list[OverEvent] = [self._place(index, packet, voice.damaged, begin.k, now) for index, packet in places]
        if not self._spoken and self._before is not None and goes_before(begin.nonce, self._before[0].nonce):
            self._before = None  # whoever goes before has spoken first
        self._spoken = True
        self._pace.arrived(first + own - 1, sum(isinstance(event, PacketHeard) for event in events), now)
        return [*events, *self._useful_copies(first - copied, copies)]

    def _useful_copies(self, first: int, copies: tuple[bytes, ...]) -> list[OverEvent]:
        """Return the copies, from the packet with this place on, of the packets that did not come."""
        places = enumerate(copies, first)
        return [
            CopyHeard(index, copy) for index, copy in places if index not in self._intact and index not in self._damaged
        ]

    def _place(self, index: int, packet: bytes, damaged: bool, k: int, now: float) -> PacketHeard | PacketRepeated:
        """Take a packet. Of two in one place, the first of which came early, the one nearer to its time is kept."""
        nearer = not damaged and self._early.get(index, packet) != packet
        if (index in self._intact and not nearer) or (damaged and index in self._damaged):
            return PacketRepeated(index)
        (self._damaged if damaged else self._intact).add(index)
        if not damaged and len(self._early) < MAX_EARLY and self._pace.is_early((index // k + 1) * k - 1, now):
            self._early[index] = packet
        else:
            self._early.pop(index, None)
        return PacketHeard(index, packet, damaged)

    def _finish(self, end: End, begin: Begin, now: float) -> OverEnded:
        self._finished.append((begin.over, begin.nonce))
        self.current = None
        believed = self.believed(end, now)
        self._pace.ended(believed.packets_sent, now)
        return OverEnded(believed, sum(index < believed.packets_sent for index in self._intact), begin)
