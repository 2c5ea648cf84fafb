"""The queue in front of the loudspeaker, fed to it in slices of 0.1 s at the most: so soon do volume and mute act."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
import trio

from app.audio.devices import BLOCK_S, BLOCK_SAMPLES, Block, Loudspeaker
from app.audio.level import LevelMeter
from app.events import Event
from codec.format import SAMPLE_RATE_HZ

CUSHION_S = 0.05
"""Seconds of sound kept queued in the loudspeaker, which add to the delay.

A packet may be so much late, in decoding or in a slow moment of this process, before a gap is heard.
"""
CUSHION = np.zeros(round(CUSHION_S * SAMPLE_RATE_HZ), np.float32)
"""Silence of CUSHION_S: float32 [n]."""
SHORTEST_SLEEP_S = 0.005
"""Shortest wait for the loudspeaker: a remainder of rounding must not keep the processor spinning."""
MAX_WAITING_S = 30.0
"""Most sound that waits for the loudspeaker, in seconds; of more, the newest is dropped.

What is received waits in the play-out, and comes here when it is due.
"""
MAX_CHIME_S = 5.0
"""Most sound of tones that waits, in seconds."""
MAX_WAITING_BLOCKS = round(MAX_WAITING_S / BLOCK_S)
MAX_CHIME_BLOCKS = round(MAX_CHIME_S / BLOCK_S)
BLOCKS_TOGETHER = 5
"""Blocks (0.1 s) that are fed at a time: each wake costs more than what it feeds."""
LAST_WORD_S = 0.2
"""Seconds without more sound after which a burst of it is over."""


class Player:
    """A queue of sound in front of a loudspeaker."""

    def __init__(self, loudspeaker: Loudspeaker, emit: Callable[[Event], None], volume: float, muted: bool) -> None:
        self._loudspeaker = loudspeaker
        self._emit = emit
        self._meter = LevelMeter("loudspeaker")
        self.dropped_blocks = 0
        """Number of blocks that found no room."""
        self._waiting: deque[Block] = deque(maxlen=MAX_WAITING_BLOCKS)
        self._chimes: deque[Block] = deque(maxlen=MAX_CHIME_BLOCKS)
        """Tones that are mixed into whatever is played."""
        self._more = trio.Event()
        self.volume = volume
        self.muted = muted
        self.quiet = False
        """True while this station talks: nothing is heard but its own signals."""

    def play(self, samples: Block, *, signal: bool = False) -> None:
        """Queue float32 [n]. While `quiet` it is dropped, unless it is a signal of this station's own."""
        if self.quiet and not signal:
            return
        self._put(self._waiting, samples, MAX_WAITING_BLOCKS)

    def chime(self, samples: Block) -> None:
        """Mix float32 [n] into what is being played now. Not while `quiet`."""
        if not self.quiet:
            self._put(self._chimes, samples, MAX_CHIME_BLOCKS)

    def _put(self, queue: deque[Block], samples: Block, most: int) -> None:
        """Queue float32 [n] in blocks, as far as there is room."""
        for at in range(0, len(samples), BLOCK_SAMPLES):
            if len(queue) >= most:
                self.dropped_blocks += 1
            else:
                queue.append(samples[at : at + BLOCK_SAMPLES])
        self._more.set()

    def hush(self) -> None:
        """Drop everything that is queued, here and in the loudspeaker."""
        self._waiting.clear()
        self._chimes.clear()
        self._loudspeaker.hush()

    def hush_chimes(self) -> None:
        """Drop the chimes that wait; what is in the loudspeaker already is heard."""
        self._chimes.clear()

    @property
    def queued_s(self) -> float:
        """Sound given and not played yet, in seconds."""
        return max(len(self._waiting), len(self._chimes)) * BLOCK_S + self._loudspeaker.queued_s

    async def run(self) -> None:
        """Feed the loudspeaker until cancelled."""
        while True:
            await self._more.wait()
            self._loudspeaker.play(CUSHION)
            while await self._anything(LAST_WORD_S):
                await self._feed()
            self._loudspeaker.play(CUSHION)  # pushes the end of the last word out of the resampler
            self._show(np.zeros_like(CUSHION, shape=800))

    async def _anything(self, patience_s: float) -> bool:
        """Wait until there is something to play; return False where nothing came in time."""
        with trio.move_on_after(patience_s):
            while not (self._waiting or self._chimes):
                self._more = trio.Event()
                await self._more.wait()
        return bool(self._waiting or self._chimes)

    def _next(self) -> Block:
        block = self._waiting.popleft() if self._waiting else np.zeros(0, np.float32)
        if self._chimes:
            chime = self._chimes.popleft()
            length = max(len(block), len(chime))
            block = np.pad(block, (0, length - len(block))) + np.pad(chime, (0, length - len(chime)))
        return block

    async def _feed(self) -> None:
        while (ahead_s := self._loudspeaker.queued_s - CUSHION_S) > 0:
            await trio.sleep(max(ahead_s, SHORTEST_SLEEP_S))
        if not (self._waiting or self._chimes):
            return  # hushed meanwhile
        together = max(len(self._waiting), len(self._chimes))
        blocks = [self._next() for _ in range(min(BLOCKS_TOGETHER, together))]
        block = np.concatenate(blocks) * np.float32(0.0 if self.muted else self.volume)
        self._loudspeaker.play(block)
        self._show(block)

    def _show(self, block: Block) -> None:
        level = self._meter.push(block)
        if level is not None:
            self._emit(level)
