"""The last over once more: its packets as the decoder got them, kept in memory, and played again on request."""

from __future__ import annotations

from collections.abc import Callable

import trio

from app.audio.devices import BLOCK_S, Block
from app.audio.player import Player
from app.events import Event, OverBegan, OverPlayed, ReplayBegan, ReplayEnded, ReplayRefused
from app.station.speech import SpeechDecoder
from codec.format import PACKET_S

MAX_PACKETS = 4096
"""Largest number of packets of one over that are kept: 22 minutes, 130 kB."""
AHEAD_S = 0.5
"""Sound decoded ahead of the loudspeaker, in seconds: enough for no gap, little to drop when somebody talks."""


class Replay:
    """The last over that was heard to its end, ready to be played again."""

    def __init__(self, speech: SpeechDecoder, player: Player, emit: Callable[[Event], None]) -> None:
        """Take the decoder and the player, which the listener uses too, though never at the same time."""
        self._speech = speech
        self._player = player
        self._emit = emit
        self._hearing: list[bytes | None] = []
        self._last: tuple[str, tuple[bytes | None, ...]] | None = None
        self._asked = trio.Event()
        self._playing = False
        self._stopped = False

    def remember(self, packet: bytes | None) -> None:
        """Keep a packet of the over that is being heard, None for a lost one."""
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
        """Play the last over, or stop playing it; refuse where there is none, or `busy`: somebody talks."""
        if self._playing:
            self.stop()
        elif busy:
            self._emit(ReplayRefused("somebody talks: replay it after the over"))
        elif self._last is None:
            self._emit(ReplayRefused("nothing has been heard yet"))
        else:
            self._playing, self._stopped = True, False
            self._asked.set()

    def stop(self) -> None:
        """Stop playing: something more important comes."""
        if self._playing and not self._stopped:
            self._stopped = True
            self._player.hush()

    async def run(self) -> None:
        """Play what is asked for, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked = trio.Event()
            if self._last is None:
                continue
            sender, packets = self._last
            self._emit(ReplayBegan(sender, len(packets) * PACKET_S))
            await self._play(packets)
            self._playing = False
            self._emit(ReplayEnded())

    async def _play(self, packets: tuple[bytes | None, ...]) -> None:
        for number, packet in enumerate(packets):
            while self._player.queued_s > AHEAD_S and not self._stopped:
                await trio.sleep(BLOCK_S)
            samples = await self._speech.in_thread(self._synthesize, packet, number == 0)
            if samples is None or self._stopped:
                return
            self._player.play(samples)
        while self._player.queued_s > 0 and not self._stopped:
            await trio.sleep(BLOCK_S)

    def _synthesize(self, packet: bytes | None, fresh: bool) -> Block | None:
        """Return the sound of a packet, float32 [2560], or None once an over has begun: the decoder is its own then.

        Runs in the thread.
        """
        return None if self._stopped else self._speech.synthesize(packet, fresh)
