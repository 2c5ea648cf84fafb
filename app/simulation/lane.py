"""One codec from mouth to ear, in blocks as a microphone delivers them. No I/O; the time is passed in."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from app.codecs.reference import ReferenceCodec, Speech
from app.simulation.one_way import OneWay
from app.simulation.timeline import SoundTimeline
from codec.format import SAMPLE_RATE_HZ
from transport.playout.playout import PlayoutItem

CONCEALED_S = 0.64
"""Time without news after which there is silence; no codec here makes up more than comfort noise after it."""
TICK_S = 1 / SAMPLE_RATE_HZ
STEP_S = 0.1
"""Step of the drawn waveform, in seconds."""
STEPS = 600
"""Steps of the waveform that are kept."""


@dataclass(frozen=True, slots=True)
class LaneReading:
    """The state of a lane at one moment."""

    asked_bps: float
    """Bits per second that its frames put on the link, everything counted, over the last RATE_WINDOW_S."""
    got_bps: float
    """Bits per second that arrived and could be read."""
    queue_s: float
    """Time for which the link is still busy with what was given to it."""
    delay_s: float | None
    """Delay from mouth to ear of what is heard; it grows while nothing comes. None: nothing was heard yet."""
    lost: float
    """Share of the speech whose fate is known that was lost, over the last LOSS_WINDOW_S."""
    damaged: float
    """Share of it that came with wrong bits."""
    sounding: bool
    """True while what is heard now has arrived; if not, it is concealment or silence."""
    heard_s: float
    """Speech that was heard since the lane began, in seconds."""


@dataclass(frozen=True, slots=True)
class HeardLevel:
    """Level of a tenth of a second of what is heard."""

    rms: float
    """Root mean square, 0..1."""
    arrived: bool
    """True for speech that arrived; if not, it is concealment or silence."""
    damaged: bool
    """True for speech that arrived with wrong bits."""


class Lane:
    """One codec at work on its link."""

    def __init__(self, codec: ReferenceCodec, way: OneWay, now: float) -> None:
        """Begin at `now`, as the way does. Raises CodecMissing or CodecError."""
        self.codec, self.way = codec, way
        self.levels: deque[HeardLevel] = deque(maxlen=STEPS)
        self._encode, self._decode = codec.open_encoder(), codec.open_decoder()
        self._frame_samples = codec.frame_samples
        self._frame_s = codec.frame_samples / SAMPLE_RATE_HZ
        self._began_s = now
        self._said = np.zeros(0, np.float32)
        self._sound = SoundTimeline(now)
        self._item: PlayoutItem | None = None
        self._item_ends_s = now
        self._news_end_s = now
        """Time at which the last speech that arrived was over."""
        self._delay_s: float | None = None
        self._heard_s = 0.0
        self._step: list[Speech] = []
        self._step_samples = 0

    def speak(self, block: Speech, now: float) -> None:
        """Take a block of what is said, float32 [n], that ends now."""
        self._said = np.concatenate([self._said, block])
        size = self._frame_samples
        while len(self._said) >= size:
            frame, self._said = self._said[:size], self._said[size:]
            self.way.push(self._encode(frame), now)

    def hear(self, samples: int, now: float) -> Speech:
        """Return the next `samples` of what the far end hears, float32; they end now."""
        for at_s, item in self.way.play_until(now):
            self._play(at_s, item)
        heard = self._sound.read(samples)
        self._measure(heard, now)
        return heard

    def _play(self, at_s: float, item: PlayoutItem) -> None:
        self._item, self._item_ends_s = item, at_s + self._frame_s
        if item.packet is not None:
            self._delay_s = at_s - self._began_s - item.index * self._frame_s
            self._heard_s += self._frame_s
            self._news_end_s = self._item_ends_s
        elif at_s - self._news_end_s > CONCEALED_S - TICK_S:
            return
        self._sound.place(at_s, self._decode(item.packet))

    def _playing(self, now: float) -> PlayoutItem | None:
        """Return the item that sounds and has arrived; None where there is concealment or silence."""
        item = self._item if now <= self._item_ends_s else None
        return item if item is not None and item.packet is not None else None

    def _measure(self, heard: Speech, now: float) -> None:
        self._step.append(heard)
        self._step_samples += len(heard)
        if self._step_samples >= STEP_S * SAMPLE_RATE_HZ:
            whole = np.concatenate(self._step)
            playing = self._playing(now)
            rms = float(np.sqrt(np.mean(whole * whole)))
            self.levels.append(HeardLevel(rms, playing is not None, playing is not None and playing.damaged))
            self._step, self._step_samples = [], 0

    def reading(self, now: float) -> LaneReading:
        """Return the state of the lane at `now`, the end of the block that was heard last."""
        way = self.way
        lost, damaged = way.fates.shares(now)
        return LaneReading(
            asked_bps=way.asked.bps(now),
            got_bps=way.got.bps(now),
            queue_s=way.queue_s(now),
            delay_s=None if self._delay_s is None else self._delay_s + max(0.0, now - self._news_end_s),
            lost=lost,
            damaged=damaged,
            sounding=self._playing(now) is not None,
            heard_s=self._heard_s,
        )
