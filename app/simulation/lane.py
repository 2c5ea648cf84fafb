"""One codec's way from mouth to ear: coder, frames, link, play-out, decoder. No I/O; the time is passed in.

The play-out is the same for all: a unit is heard when it is there and its turn has come. Where it is not there the
codec conceals for a while, then there is silence until something comes: what came late is heard late, what was lost is
passed over in the time that the pause has taken already.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.codecs.lanes import ReferenceCodec
from app.simulation.framing import Framing, Sent
from codec.format import SAMPLE_RATE_HZ
from transport.errors import FrameError
from transport.impairment import Delivery, ImpairedPath
from transport.playout.jitter import MIN_HOLD_S

Array = NDArray[np.float32]
QUEUE_S = 10.0
"""What waits for the link at most; a frame that would wait longer is dropped, as by any modem."""
CONCEALED_S = 0.64
"""After so long without news there is silence."""
TICK_S = 1 / SAMPLE_RATE_HZ
RATE_WINDOW_S = 5.12
"""Twice the time from BEGIN to BEGIN: rates are even."""
LOSS_WINDOW_S = 10.0
STEP_S = 0.1
"""Of the drawn waveform."""
STEPS = 600


@dataclass(frozen=True, slots=True)
class LaneReading:
    """One lane now."""

    asked_bps: float
    """Bits a second that its frames put on the link, everything counted, over RATE_WINDOW_S."""
    got_bps: float
    """Of these, what arrived and could be read."""
    queue_s: float
    """How long the link is still busy with what was given to it."""
    delay_s: float | None
    """From the mouth to the ear, of what is heard; while nothing comes it grows. None: nothing was heard yet."""
    lost: float
    """Share of the speech whose fate is known, over LOSS_WINDOW_S."""
    damaged: float
    """Share that was heard with bits wrong."""
    sounding: bool
    """What is heard now arrived; else it is concealment or silence."""
    heard_s: float
    """Speech heard since the link was changed."""


@dataclass(frozen=True, slots=True)
class HeardLevel:
    """A tenth of a second of what is heard."""

    rms: float
    arrived: bool
    """Speech that came; else concealment or silence."""
    damaged: bool


class _Rate:
    """Bits in a window of time."""

    def __init__(self, began_s: float) -> None:
        self._began_s = began_s
        self._entries: deque[tuple[float, float]] = deque()
        self._bits = 0.0

    def add(self, octets: float, now: float) -> None:
        self._entries.append((now, 8 * octets))
        self._bits += 8 * octets

    def bps(self, now: float) -> float:
        while self._entries and self._entries[0][0] <= now - RATE_WINDOW_S:
            self._bits -= self._entries.popleft()[1]
        return self._bits / max(1e-9, min(RATE_WINDOW_S, now - self._began_s))


class Lane:
    """One of them at work."""

    def __init__(
        self,
        codec: ReferenceCodec,
        framing: Framing,
        path: ImpairedPath,
        overhead_bytes: int,
        now: float,
        hold_s: float = MIN_HOLD_S,
    ) -> None:
        """hold_s: what the first unit waits, as a play-out that has learned the link's jitter would have it. Raises
        CodecMissing, CodecError."""
        self.codec, self.path = codec, path
        self.levels: deque[HeardLevel] = deque(maxlen=STEPS)
        self._encode, self._decode = codec.open_encoder(), codec.open_decoder()
        self._framing, self._overhead_bytes = framing, overhead_bytes
        self._unit_s = codec.frame_samples / SAMPLE_RATE_HZ
        self._began_s, self._hold_s = now, hold_s
        self._said = np.zeros(0, np.float32)
        self._on_the_way: list[tuple[Delivery, Sent]] = []
        self._asked, self._got = _Rate(now), _Rate(now)
        self._fates: deque[tuple[float, float, bool, bool]] = deque()
        """Time, seconds of speech, lost, damaged."""
        self._arrived: dict[int, tuple[bytes, bool]] = {}
        self._next = 0
        self._start_s: float | None = None
        self._sound: deque[Array] = deque()
        self._quality = (False, False)
        self._waited_s = 0.0
        self._delay_s: float | None = None
        self._heard_s = 0.0
        self._step: list[Array] = []
        self._step_samples = 0
        self._send(framing.begin(), now)

    # From the mouth to the link

    def speak(self, block: Array, now: float) -> None:
        """block: float32 [n], that ends now."""
        self._said = np.concatenate([self._said, block])
        size = self.codec.frame_samples
        while len(self._said) >= size:
            unit, self._said = self._said[:size], self._said[size:]
            self._send(self._framing.push(self._encode(unit)), now)

    def _send(self, made: list[Sent], now: float) -> None:
        for sent in made:
            self._asked.add(len(sent.octets) + self._overhead_bytes, now)
            deliveries = []
            if self.path.free_at_s(now) - now <= QUEUE_S:
                deliveries = self.path.hand_over(sent.octets, now)
            if not deliveries:
                self._fate(sent, now, lost=True)
            for place, delivery in enumerate(deliveries):
                told = sent if not place else Sent(sent.octets, 0.0)
                heapq.heappush(self._on_the_way, (delivery, told))

    def _fate(self, sent: Sent, now: float, *, lost: bool, damaged: bool = False) -> None:
        if sent.speech_s:
            self._fates.append((now, sent.speech_s, lost, damaged))

    # From the link to the ear

    def hear(self, samples: int, now: float) -> Array:
        """The next `samples` of what the far end hears, float32; they end now."""
        self._receive(now)
        parts: list[Array] = []
        wanted = samples
        while wanted:
            if not self._sound:
                self._refill(now, wanted)
            part = self._sound.popleft()
            if len(part) > wanted:
                self._sound.appendleft(part[wanted:])
                part = part[:wanted]
            parts.append(part)
            wanted -= len(part)
        heard = np.concatenate(parts)
        self._measure(heard)
        return heard

    def _receive(self, now: float) -> None:
        while self._on_the_way and self._on_the_way[0][0].at_s <= now:
            delivery, sent = heapq.heappop(self._on_the_way)
            try:
                units = self._framing.receive(delivery.octets, now)
            except FrameError:
                self._fate(sent, now, lost=True)
                continue
            self._got.add(len(delivery.octets) + self._overhead_bytes, now)
            self._fate(sent, now, lost=False, damaged=any(unit.damaged for unit in units))
            for unit in units:
                if unit.index >= self._next:
                    self._arrived.setdefault(unit.index, (unit.content, unit.damaged))
            if units and self._start_s is None:
                self._start_s = now + self._hold_s
                self._next = units[0].index

    def _refill(self, now: float, wanted: int) -> None:
        """Puts something into the sound: the next unit, concealment, or silence."""
        if self._start_s is None or now < self._start_s:
            self._quality = (False, False)
            self._sound.append(np.zeros(wanted, np.float32))
            return
        while self._arrived and self._next not in self._arrived and self._waited_s > self._unit_s - TICK_S:
            self._next += 1  # lost: the pause has taken its time already
            self._waited_s -= self._unit_s
        if self._next in self._arrived:
            content, damaged = self._arrived.pop(self._next)
            self._sound.append(self._decode(content))
            self._delay_s = now - self._began_s - self._next * self._unit_s
            self._quality = (True, damaged)
            self._heard_s += self._unit_s
            self._waited_s = 0.0
            self._next += 1
            return
        self._quality = (False, False)
        known_lost = bool(self._arrived)
        if known_lost and self._waited_s > TICK_S:
            left = round((self._unit_s - self._waited_s) * SAMPLE_RATE_HZ)
            self._sound.append(np.zeros(max(1, left), np.float32))
        elif self._waited_s < CONCEALED_S:
            self._sound.append(self._decode(None))
        else:
            self._sound.append(np.zeros(wanted, np.float32))
        self._waited_s += len(self._sound[-1]) / SAMPLE_RATE_HZ

    def _measure(self, heard: Array) -> None:
        self._step.append(heard)
        self._step_samples += len(heard)
        if self._step_samples >= STEP_S * SAMPLE_RATE_HZ:
            whole = np.concatenate(self._step)
            self.levels.append(HeardLevel(float(np.sqrt(np.mean(whole * whole))), *self._quality))
            self._step, self._step_samples = [], 0

    def reading(self, now: float) -> LaneReading:
        """The lane now."""
        while self._fates and self._fates[0][0] <= now - LOSS_WINDOW_S:
            self._fates.popleft()
        known_s = sum(entry[1] for entry in self._fates)
        shares = [
            sum(entry[1] for entry in self._fates if entry[place]) / known_s if known_s else 0.0 for place in (2, 3)
        ]
        delay_s = None if self._delay_s is None else self._delay_s + max(0.0, self._waited_s - self._unit_s)
        return LaneReading(
            self._asked.bps(now),
            self._got.bps(now),
            self.path.free_at_s(now) - now,
            delay_s,
            shares[0],
            shares[1],
            self._quality[0],
            self._heard_s,
        )
