"""The last over once more: its packets as the decoder got them, kept in memory, and played again on request."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import trio

from app.audio.devices import BLOCK_S, Block
from app.audio.player import Player
from app.codecs.decoding import FeatureDecoder
from app.events import Event, OverBegan, OverEnded, ReplayBegan, ReplayEnded, ReplayRefused
from app.station.parts import Codec
from app.threads import InThread
from codec.format import PACKET_S

MAX_PACKETS = 4096
"""22 minutes of one over are kept, 130 kB."""
AHEAD_S = 0.5
"""Decoded ahead of the loudspeaker: enough for no gap, little to throw away when somebody talks."""


class RememberingDecoder:
    """A decoder that notes what it is given."""

    def __init__(self, decoder: FeatureDecoder, note: Callable[[bytes | None], None]) -> None:
        self._decoder = decoder
        self._note = note

    @property
    def codec_id(self) -> int:
        return self._decoder.codec_id

    def decode(self, packet: bytes | None) -> np.ndarray:
        self._note(packet)
        return self._decoder.decode(packet)

    def reset(self) -> None:
        self._decoder.reset()


class Replay:
    """Knows the last over that was heard to its end."""

    def __init__(self, codec: Codec, player: Player, emit: Callable[[Event], None], in_thread: InThread) -> None:
        """`remembering` is the codec that the listener is to use; both may use it, one at a time."""
        self._codec = codec
        self.remembering = Codec(codec.encoder, RememberingDecoder(codec.decoder, self._remember), codec.synthesizer)
        self._player = player
        self._emit = emit
        self._in_thread = in_thread
        self._hearing: list[bytes | None] = []
        self._last: tuple[str, tuple[bytes | None, ...]] | None = None
        self._asked = trio.Event()
        self._playing = False
        self._stopped = False

    def _remember(self, packet: bytes | None) -> None:
        if len(self._hearing) < MAX_PACKETS:
            self._hearing.append(packet)

    def note(self, event: Event) -> None:
        """An event of the engine."""
        match event:
            case OverBegan():
                self.stop()
                self._hearing = []
            case OverEnded(_, sender) if self._hearing:
                self._last, self._hearing = (sender, tuple(self._hearing)), []

    def ask(self, busy: bool) -> None:
        """Play it, or stop playing it. busy: somebody talks."""
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
        """Something more important comes."""
        if self._playing and not self._stopped:
            self._stopped = True
            self._player.hush()

    async def run(self) -> None:
        """Plays what is asked for, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked = trio.Event()
            assert self._last is not None
            sender, packets = self._last
            self._emit(ReplayBegan(sender, len(packets) * PACKET_S))
            await self._play(packets)
            self._playing = False
            self._emit(ReplayEnded())

    async def _play(self, packets: tuple[bytes | None, ...]) -> None:
        for number, packet in enumerate(packets):
            while self._player.queued_s > AHEAD_S and not self._stopped:
                await trio.sleep(BLOCK_S)
            samples = await self._in_thread(self._synthesize, packet, number == 0)
            if samples is None or self._stopped:
                return
            self._player.play(samples)
        while self._player.queued_s > 0 and not self._stopped:
            await trio.sleep(BLOCK_S)

    def _synthesize(self, packet: bytes | None, first: bool) -> Block | None:
        """In the thread, which the listener uses too: not once an over has begun. float32 [2560]"""
        if self._stopped:
            return None
        if first:
            self._codec.decoder.reset()
            self._codec.synthesizer.reset()
        return self._codec.synthesizer.synthesize(self._codec.decoder.decode(packet))
