"""Overs once more: the last one, as the decoder got it, and those that were missed, one after another from the disk."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence

import trio

from app.audio.devices import Block
from app.audio.player import Player
from app.events import Event, NothingMissed, OverBegan, OverPlayed, ReplayBegan, ReplayEnded, ReplayRefused
from app.history.overs import RecordedOver
from app.station.past_end import PastEnd
from app.station.speech import SpeechDecoder
from codec.format import PACKET_S
from transport.playout.items import ReceivedPacket

MAX_PACKETS = 4096
"""Largest number of packets of one over that are kept: 22 minutes, 130 kB."""
AHEAD_S = 0.5
"""Sound decoded ahead of the loudspeaker, in seconds: enough for no gap, little to drop when somebody talks."""
LOOK_EVERY_S = 0.1
"""Time between two looks at how much is left to play, in seconds."""
PAUSE_S = 0.5
"""Silence between two overs that were missed, in seconds."""
BUSY = "somebody talks: replay it after the over"
SILENT = "the loudspeaker is off: the overs that were missed would be missed again"


class _Wanted(enum.Enum):
    """The choice of what is played."""

    NOTHING = enum.auto()
    LAST = enum.auto()
    MISSED = enum.auto()


class Replay:
    """The last over that was heard to its end, and what was missed, ready to be played."""

    def __init__(self, speech: SpeechDecoder, player: Player, past: PastEnd, emit: Callable[[Event], None]) -> None:
        """Take the decoder and the player, which the listener uses too, though never at the same time."""
        self._speech = speech
        self._player = player
        self._past = past
        self._emit = emit
        self._hearing: list[ReceivedPacket] = []
        self._last: tuple[str, tuple[ReceivedPacket, ...]] | None = None
        self._asked = trio.Event()
        self._wanted = _Wanted.NOTHING
        self._stopped = False
        """Nothing more is to be played."""
        self._skipped = False
        """The over that is played now is not wanted any more; the next one is."""

    def remember(self, packet: ReceivedPacket) -> None:
        """Keep what came of a packet of the over that is being heard."""
        if len(self._hearing) < MAX_PACKETS:
            self._hearing.append(packet)

    def note(self, event: Event) -> None:
        """Follow the station's events: which over is being heard."""
        match event:
            case OverBegan():
                self.stop()
                self._hearing = []
            case OverPlayed(_, sender) if self._hearing:
                self._last, self._hearing = (sender, tuple(self._hearing)), []

    def ask(self, busy: bool) -> None:
        """Play the last over, or stop playing; refuse where there is none, or `busy`: somebody talks."""
        if self._wanted is not _Wanted.NOTHING:
            self.stop()
        elif busy:
            self._emit(ReplayRefused(BUSY))
        elif self._last is None:
            self._emit(ReplayRefused("nothing has been heard yet"))
        else:
            self._begin(_Wanted.LAST)

    def ask_missed(self, busy: bool) -> None:
        """Play what was missed, the oldest first, or go on to the next of it; refuse where there is none, or `busy`."""
        if self._wanted is _Wanted.MISSED:
            self._skipped = True
            self._player.hush()
        elif busy:
            self._emit(ReplayRefused(BUSY))
        elif self._wanted is _Wanted.NOTHING:
            self._begin(_Wanted.MISSED)

    def _begin(self, wanted: _Wanted) -> None:
        self._wanted, self._stopped, self._skipped = wanted, False, False
        self._asked.set()

    def stop(self) -> None:
        """Stop playing: something more important comes."""
        if self._wanted is not _Wanted.NOTHING and not self._stopped:
            self._stopped = True
            self._player.hush()

    async def run(self) -> None:
        """Play what is asked for, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked = trio.Event()
            if self._wanted is _Wanted.MISSED:
                await self._play_missed()
            elif self._last is not None:
                sender, packets = self._last
                self._emit(ReplayBegan(sender, len(packets) * PACKET_S))
                await self._play(packets)
                self._emit(ReplayEnded())
            self._wanted = _Wanted.NOTHING

    async def _play_missed(self) -> None:
        """Play the overs that were missed, and have the messages shown; what was stopped or not heard stays missed."""
        paths = await self._past.missed()
        if not paths:
            self._emit(ReplayRefused("nothing was missed"))
        played = silent = False
        for place, path in enumerate(paths):
            if self._stopped:
                break
            entry = await self._past.read(path)
            if isinstance(entry, RecordedOver):
                if self._past.audible:
                    if played:
                        await trio.sleep(PAUSE_S)
                    played |= await self._play_one(entry, left=len(paths) - place - 1)
                if not self._past.audible:
                    silent = True
                    continue
            if not self._stopped:
                await self._past.take(path)
        if played:
            self._emit(ReplayEnded())
        if silent:
            self._emit(ReplayRefused(SILENT))
        if not self._stopped and not await self._past.missed():
            self._emit(NothingMissed())

    async def _play_one(self, over: RecordedOver, left: int) -> bool:
        """Play an over that was missed, and tell whether it could be played. left: how much more was missed."""
        if self._stopped:
            return False
        if over.codec_id != self._speech.codec_id:
            who = over.sender or "somebody"
            self._emit(ReplayRefused(f"{who} spoke codec {over.codec_id}, this is {self._speech.codec_id}"))
            return False
        self._skipped = False
        self._emit(ReplayBegan(over.sender, over.duration_s, over.began_utc_s, left))
        await self._play(over.received_packets())
        return True

    async def _play(self, packets: Sequence[ReceivedPacket]) -> None:
        for number, packet in enumerate(packets):
            while self._player.queued_s > AHEAD_S and not self._ended:
                await trio.sleep(LOOK_EVERY_S)
            samples = await self._speech.in_thread(self._synthesize, packet, number == 0)
            if samples is None or self._ended:
                return
            self._player.play(samples)
        while self._player.queued_s > 0 and not self._ended:
            await trio.sleep(LOOK_EVERY_S)

    @property
    def _ended(self) -> bool:
        """Whether the over that is played now is not to be played any further."""
        return self._stopped or self._skipped

    def _synthesize(self, packet: ReceivedPacket, fresh: bool) -> Block | None:
        """Return the sound of a packet, float32 [2560], or None once an over has begun: the decoder is its own then.

        Runs in the thread.
        """
        return None if self._stopped else self._speech.synthesize(packet, fresh)
