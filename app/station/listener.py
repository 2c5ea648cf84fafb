"""The others' overs: frames from the link become packets, features and sound, each at its deadline.

link --frame--> receiving end --packet--> play-out --deadline--> decoder --> synthesiser --> player
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import trio

from app.audio.devices import Block
from app.audio.player import Player
from app.events import CodecMismatch, Event, OverBegan, PacketCounts, PlayoutState
from app.events import OverEnded as OverPlayed
from app.station.latency import Latency
from app.station.parts import Codec
from app.threads import InThread
from codec import format as fmt
from transport.playout.playout import PlayedOver, Playout, PlayoutItem
from transport.protocol.frames import Begin
from transport.protocol.over import Malformed, OverBegun, OverEnded, PacketHeard
from transport.protocol.receiver import Fact, Rubbish, VoiceArrived


@dataclass(slots=True)
class _Heard:
    """An over that is being played, or waits until the one before it was."""

    number: int
    """The play-out's."""
    begin: Begin
    first_index: int
    next_index: int
    ended: bool = False
    fresh: bool = True
    """Nothing of it has been played yet."""


class Listener:
    """From frames to the player. What frames mean for the floor is the engine's business."""

    def __init__(
        self,
        codec: Codec,
        player: Player,
        latency: Latency,
        emit: Callable[[Event], None],
        in_thread: InThread,
        on_heard: Callable[[Block], None],
        on_over_played: Callable[[Begin], None],
        *,
        slow_link: bool,
    ) -> None:
        """`on_heard` is shown what was decoded, aligned with what was encoded, before the volume; `on_over_played` is
        told when the last of an over has gone to the player. `slow_link`: by its plan it is slower than speech."""
        self._codec_id = codec.codec_id
        self._decoder = codec.decoder
        self._synthesizer = codec.synthesizer
        self._player = player
        self._latency = latency
        self._emit = emit
        self._in_thread = in_thread
        self._on_heard = on_heard
        self._on_over_played = on_over_played
        self._playout = Playout(slow_link=slow_link)
        self._heard: deque[_Heard] = deque()
        """What the play-out holds: the first is being played, the last is being received if its END has not come."""
        self._refused: int | None = None
        self._wake = trio.Event()
        self._rubbish = 0
        self._told_counts: PacketCounts | None = None

    # --- frames in ---

    def take(self, fact: Fact, now: float) -> None:
        """Take what a frame meant, in the order in which the channel tells it."""
        match fact:
            case OverBegun(begin, first_index):
                self._begin(begin, first_index)
            case PacketHeard(index, packet, damaged) if self._refused is None:
                self._playout.push(index, packet, damaged, now)
            case OverEnded(end) if self._refused is None and self._heard:
                self._heard[-1].ended = True
                self._playout.end(end.packets_sent, now)
            case VoiceArrived() if self._playout.gathering:
                self._tell_playout(signal_lost=False)
            case Rubbish() | Malformed():
                self._rubbish += 1
                self._tell_counts()
        self._wake.set()

    def abandon(self) -> None:
        """End the over that is being received, once what has come of it is played: its talker has disappeared."""
        self._playout.end(None, trio.current_time())
        self._wake.set()

    @property
    def playing(self) -> bool:
        """An over is being heard, or waits to be."""
        return bool(self._heard)

    def will_play(self, over: int) -> bool:
        """Some of that over is being heard, or waits to be."""
        return any(heard.begin.over == over for heard in self._heard)

    def _begin(self, begin: Begin, first_index: int) -> None:
        if begin.codec_id != self._codec_id:
            if self._refused != begin.over:
                self._emit(CodecMismatch(begin.sender, self._codec_id, begin.codec_id))
            self._refused = begin.over
            return
        self._refused = None
        number = self._playout.begin(begin.k, first_index, repeat=begin.repeat)
        self._heard.append(_Heard(number, begin, first_index, first_index))
        if len(self._heard) == 1:
            self._tell_began()

    # --- sound out ---

    async def run(self) -> None:
        """Plays what is due, until cancelled."""
        while True:
            deadline_s = self._playout.next_deadline_s()
            if self._playout.finished:
                await self._finish(self._playout.finished.popleft())
            elif deadline_s is None or deadline_s > trio.current_time():
                self._wake = trio.Event()
                with trio.move_on_at(deadline_s if deadline_s is not None else float("inf")):
                    await self._wake.wait()
            elif (item := self._playout.take(trio.current_time())) is not None:
                await self._play(self._heard[0], item)

    async def _play(self, heard: _Heard, item: PlayoutItem) -> None:
        queued_s = self._player.queued_s
        samples = await self._in_thread(self._synthesize, item.packet, heard.fresh)
        if item.packet is not None and (item.index - heard.first_index) % heard.begin.k == 0:
            self._latency.played(item.waited_s, queued_s)
        self._player.play(samples)
        self._on_heard(samples[fmt.DELAY_SAMPLES :] if heard.fresh else samples)
        heard.fresh = False
        heard.next_index = item.index + 1
        self._tell_counts()
        self._tell_playout(item.signal_lost)

    def _synthesize(self, packet: bytes | None, fresh: bool) -> Block:
        """In the thread. Returns float32 [2560]."""
        if fresh:
            self._decoder.reset()
            self._synthesizer.reset()
        return self._synthesizer.synthesize(self._decoder.decode(packet))

    async def _finish(self, played: PlayedOver) -> None:
        """The play-out has nothing more of that over; of one that it gave up to make room nothing was ever played."""
        [heard] = [waiting for waiting in self._heard if waiting.number == played.over]
        if not heard.fresh:
            tail: np.ndarray = await self._in_thread(self._synthesizer.flush)
            self._player.play(tail)
            self._on_heard(tail)
        was_first = heard is self._heard[0]
        self._heard.remove(heard)
        packets, begin = heard.next_index - heard.first_index, heard.begin
        self._emit(
            OverPlayed(
                begin.over,
                begin.sender,
                packets,
                played.count.lost,
                played.count.damaged,
                packets * fmt.PACKET_S,
                heard.ended,
            )
        )
        self._on_over_played(begin)
        if was_first and self._heard:
            self._tell_began()

    def _tell_began(self) -> None:
        begin = self._heard[0].begin
        self._emit(OverBegan(begin.over, begin.sender, begin.k, begin.addressee))

    def _tell_playout(self, signal_lost: bool) -> None:
        playout = self._playout
        self._emit(PlayoutState(playout.hold_s, playout.waiting_s, signal_lost, playout.gathering))

    def _tell_counts(self) -> None:
        count = self._playout.count
        counts = PacketCounts(count.played, count.lost, count.damaged, count.late, self._rubbish)
        if counts != self._told_counts:
            self._told_counts = counts
            self._emit(counts)
