"""Overs of other stations: facts from the channel become packets, features and sound, each at its deadline.

link --frame--> channel end --fact--> play-out --deadline--> decoder --> synthesizer --> player
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import trio

from app.audio.devices import Block
from app.audio.player import Player
from app.events import CodecMismatch, Event, OverBegan, OverPlayed, PacketCounts, PlayoutState
from app.station.latency import Latency
from app.station.speech import SpeechDecoder
from codec import format as fmt
from transport.playout.items import ReceivedPacket
from transport.playout.playout import MAX_OVERS, PlayedOver, Playout, PlayoutItem
from transport.protection.rate_limit import TokenBucket
from transport.protocol.frames import Begin, Repeat
from transport.protocol.over import CopyHeard, Malformed, OverBegun, OverEnded, OverSuperseded, PacketHeard
from transport.protocol.receiver import Fact, Rubbish, VoiceArrived

MAX_HEARD = 2 * MAX_OVERS
"""Overs that the play-out holds, and those of which it has nothing more and whose end is being played."""
MAX_OVERDUE_S = 1.0
"""Time by which a packet may be heard after its deadline, in seconds; later it would put off all that follows.

What waits in front of the loudspeaker counts: after a freeze packets are due one soon after another, and their sound is
not played any faster.
"""
SILENT_OVERS_PER_S = 1.0
"""Overs a second that the host is told of before there is speech in them, and as many of another codec."""


@dataclass(slots=True)
class _Heard:
    """An over that is being played, or waits until the one before it has been."""

    number: int
    """Number that the play-out gave to the over."""
    begin: Begin
    first_index: int
    next_index: int
    ended: bool = False
    """True once END has come."""
    told: bool = False
    """True once the host was told that the over has begun."""
    fresh: bool = True
    """True while nothing of the over has been played."""


@dataclass(frozen=True, slots=True)
class Taps:
    """Functions that are shown what is heard; none of them may block."""

    packet: Callable[[ReceivedPacket], None]
    """Shown each packet as the decoder gets it."""
    sound: Callable[[Block], None]
    """Shown the decoded sound, float32 [n], aligned with what was encoded and before the volume."""


class Listener:
    """The way from facts to the player. What the facts mean for the floor is the conversation's business."""

    def __init__(
        self,
        *,
        speech: SpeechDecoder,
        player: Player,
        latency: Latency,
        taps: Taps,
        slow_link: bool,
        emit: Callable[[Event], None],
    ) -> None:
        """Take the parts; slow_link: true where the link is slower than speech, by its plan."""
        self._speech = speech
        self._player = player
        self._latency = latency
        self._taps = taps
        self._emit = emit
        self._playout = Playout(slow_link=slow_link)
        self._heard: deque[_Heard] = deque(maxlen=MAX_HEARD)
        """Overs that the play-out holds: the first is being played, the last one received if its END has not come."""
        self._refused: int | None = None
        """Over that is not played, because another codec made it."""
        self._wake = trio.Event()
        self._on_over_played: Callable[[Begin], None] = _ignore
        self._silent_overs = TokenBucket(SILENT_OVERS_PER_S)
        self._mismatches = TokenBucket(SILENT_OVERS_PER_S)
        self._rubbish = 0
        self._told_counts: PacketCounts | None = None

    # --- frames in ---

    def take(self, fact: Fact, now: float) -> None:
        """Take what a frame meant, in the order in which the channel tells it."""
        match fact:
            case OverBegun(begin, first_index):
                self._begin(begin, first_index, now)
            case OverSuperseded():
                self._playout.end(None, now)
            case PacketHeard(index, packet, damaged) if self._refused is None:
                self._playout.push(index, packet, damaged, now)
                self._tell_began(speaks=True)
            case CopyHeard(index, copy) if self._refused is None:
                self._playout.push_copy(index, copy, now)
            case OverEnded(end) if self._refused is None and self._heard:
                self._heard[-1].ended = True
                self._playout.end(end.packets_sent, now)
            case VoiceArrived() if self._playout.gathering:
                self._tell_playout(signal_lost=False)
            case Rubbish() | Malformed():
                self._rubbish += 1
                self._tell_counts()
        self._end_unplayed()
        self._wake.set()

    def abandon(self) -> None:
        """End the over that is being received, once what has come of it is played: its talker has disappeared."""
        self._playout.end(None, trio.current_time())
        self._end_unplayed()
        self._wake.set()

    def stop(self) -> None:
        """Tell of the over that is being played as far as it came: this station is closed."""
        self._playout.stop()
        while self._playout.finished:
            played = self._playout.finished.popleft()
            self._leave(self._heard_as(played.over), played, cut=True)

    def catch_up(self, since_s: float) -> None:
        """Leave out what is late because this process stood still until `since_s`."""
        now = trio.current_time()
        self._playout.catch_up(now, since_s)
        self._playout.skip_overdue(now + self._player.queued_s)
        self._end_unplayed()
        self._wake.set()

    @property
    def playing(self) -> bool:
        """True while an over is being played or waits to be."""
        return bool(self._heard)

    def will_play(self, over: int) -> bool:
        """Tell whether some of that over is being played or waits to be."""
        return any(heard.begin.over == over for heard in self._heard)

    def _begin(self, begin: Begin, first_index: int, now: float) -> None:
        if begin.codec_id != self._speech.codec_id:
            if self._refused != begin.over and self._mismatches.take(trio.current_time()):
                self._emit(CodecMismatch(begin.sender, self._speech.codec_id, begin.codec_id))
            self._refused = begin.over
            return
        self._refused = None
        repeats = begin.repeat is not Repeat.NONE
        number = self._playout.begin(begin.k, first_index, repeat=repeats, begun_s=now)
        self._heard.append(_Heard(number, begin, first_index, first_index))
        self._tell_began(speaks=False)

    # --- sound out ---

    async def run(self, on_over_played: Callable[[Begin], None]) -> None:
        """Play what is due, until cancelled; `on_over_played` is told when the last of an over went to the player."""
        self._on_over_played = on_over_played
        while True:
            deadline_s = self._playout.next_deadline_s()
            heard_s = trio.current_time() + self._player.queued_s  # when what is decoded now will be heard
            if self._playout.finished:
                await self._finish(self._playout.finished.popleft())
            elif deadline_s is None or deadline_s > trio.current_time():
                self._wake = trio.Event()
                with trio.move_on_at(deadline_s if deadline_s is not None else float("inf")):
                    await self._wake.wait()
            elif deadline_s < heard_s - MAX_OVERDUE_S:
                self._playout.skip_overdue(heard_s)
                self._end_unplayed()
            elif (item := self._playout.take(trio.current_time())) is not None:
                await self._play(self._heard[0], item)

    async def _play(self, heard: _Heard, item: PlayoutItem) -> None:
        queued_s = self._player.queued_s
        packet = ReceivedPacket(item.packet, item.copy)
        self._taps.packet(packet)
        fresh, heard.fresh = heard.fresh, False
        samples = await self._speech.decode(packet, fresh)
        if item.packet is not None and (item.index - heard.first_index) % heard.begin.k == 0:
            self._latency.played(item.waited_s, queued_s)
        self._player.play(samples)
        self._taps.sound(samples[fmt.DELAY_SAMPLES :] if fresh else samples)
        heard.next_index = item.index + 1
        self._tell_counts()
        self._tell_playout(item.signal_lost)

    async def _finish(self, played: PlayedOver) -> None:
        """Finish an over that was played, and of which the play-out has nothing more."""
        tail = await self._speech.flush()
        self._player.play(tail)
        self._taps.sound(tail)
        self._leave(self._heard_as(played.over), played)

    def _end_unplayed(self) -> None:
        """Finish at once the overs of which nothing was played: empty ones, and those given up to make room."""
        finished = self._playout.finished
        for played in [played for played in finished if self._heard_as(played.over).fresh]:
            finished.remove(played)
            self._leave(self._heard_as(played.over), played)

    def _heard_as(self, number: int) -> _Heard:
        """Return the over with the number that the play-out gave it."""
        return next(heard for heard in self._heard if heard.number == number)

    def _leave(self, heard: _Heard, played: PlayedOver, *, cut: bool = False) -> None:
        was_first = heard is self._heard[0]
        self._heard.remove(heard)
        packets, begin = max(0, played.ends - heard.first_index), heard.begin
        if heard.told:
            self._emit(
                OverPlayed(
                    over=begin.over,
                    sender=begin.sender,
                    packets=packets,
                    lost=played.count.lost,
                    damaged=played.count.damaged,
                    duration_s=packets * fmt.PACKET_S,
                    complete=heard.ended and not cut,
                    cut=cut,
                    rebuilt=played.count.rebuilt,
                )
            )
        self._on_over_played(begin)
        if was_first and self._heard and not cut:
            self._tell_began(speaks=bool(self._playout.waiting_s))

    def _tell_began(self, *, speaks: bool) -> None:
        """Tell of the over whose turn it is; of one that has no speech yet, only if there was none a second ago."""
        if not self._heard or self._heard[0].told or not (speaks or self._silent_overs.take(trio.current_time())):
            return
        begin = self._heard[0].begin
        self._heard[0].told = True
        self._emit(OverBegan(begin.over, begin.sender, begin.k, begin.addressee))

    def _tell_playout(self, signal_lost: bool) -> None:
        playout = self._playout
        self._emit(PlayoutState(playout.hold_s, playout.waiting_s, signal_lost, playout.gathering))

    def _tell_counts(self) -> None:
        count = self._playout.count
        counts = PacketCounts(count.played, count.lost, count.damaged, count.late, self._rubbish, count.rebuilt)
        if counts != self._told_counts:
            self._told_counts = counts
            self._emit(counts)


def _ignore(begin: Begin) -> None:
    """Do nothing: the listener does not run yet."""
