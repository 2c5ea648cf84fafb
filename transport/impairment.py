"""The effects of a bad link on frames, drawn from a seed: rate, delay, jitter, loss, bit errors, order, duplicates.

No I/O, no clock: it is told when a frame is handed over, and says when which bytes arrive. links/impaired.py performs
it.
"""

from __future__ import annotations

import dataclasses
import math
import random
from dataclasses import dataclass, field

from transport.errors import UsageError

MIN_HELD_BACK_S = 0.05
MAX_HELD_BACK_S = 4.0
"""Bounds of how long a reordered frame is held back, which is one and a half times the last spacing of frames."""
DUPLICATE_WITHIN_S = 0.1
"""Longest time from a frame to its duplicate, in seconds."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """The faults of a link, the same in each direction; by default none."""

    rate_bps: float | None = None
    """Bits per second on the wire, everything below the frame counted; None: no limit."""
    delay_s: float = 0.0
    jitter_s: float = 0.0
    """Most that the delay is longer, in seconds, evenly distributed; the order of frames is kept."""
    loss: float = 0.0
    """Share of frames lost, 0..1."""
    burst_frames: float | None = None
    """Mean length of a run of lost frames (Gilbert-Elliott); None: each frame is lost on its own."""
    ber: float = 0.0
    """Share of bits flipped, 0..0.5."""
    reorder: float = 0.0
    """Share of frames held back until after the next one."""
    duplicate: float = 0.0
    """Share of frames that arrive twice."""
    seed: int = 0
    """Seed of the random draws: the same seed, the same accidents."""

    def __post_init__(self) -> None:
        if self.rate_bps is not None and not self.rate_bps > 0:
            raise UsageError("rate must be above 0 bit/s")
        if not (0 <= self.delay_s < math.inf and 0 <= self.jitter_s < math.inf):
            raise UsageError("delay and jitter cannot be negative")
        for name in ("loss", "reorder", "duplicate"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is a share between 0 and 1")
        if not 0 <= self.ber <= 0.5:
            raise UsageError("ber is a share of flipped bits between 0 and 0.5")
        if self.burst_frames is not None:
            shortest = max(1.0, self.loss / (1 - self.loss)) if self.loss < 1 else 1.0
            if not shortest <= self.burst_frames < math.inf:
                raise UsageError(f"with this loss, burst is at least {shortest:.3g} frames")

    def reversed(self) -> Impairment:
        """Return the same for the other direction, with another seed."""
        return dataclasses.replace(self, seed=self.seed ^ 0x5EED)


@dataclass(frozen=True, slots=True, order=True)
class Delivery:
    """Bytes that arrive, and when; sorted by time, then in the order in which they were handed over."""

    at_s: float
    number: int
    octets: bytes = field(compare=False)


@dataclass(slots=True)
class ImpairmentCount:
    """A count of the faults so far."""

    frames: int = 0
    lost: int = 0
    flipped_bits: int = 0
    reordered: int = 0
    duplicated: int = 0


class ImpairedPath:
    """One direction of an impaired link."""

    def __init__(self, impairment: Impairment, overhead_bytes: int = 0) -> None:
        """Take the bytes that go over the wire with every frame and take time at the rate."""
        self.count = ImpairmentCount()
        self._impairment = impairment
        self._overhead_bytes = overhead_bytes
        self._random = random.Random(impairment.seed)
        self._free_at_s = -math.inf
        self._last_handed_s: float | None = None
        self._last_arrival_s = -math.inf
        self._in_burst = False
        self._number = 0

    def change(self, impairment: Impairment) -> None:
        """Change the impairment from the next frame on. What is on its way stays so; the seed is not used again."""
        self._impairment = impairment

    def airtime_s(self, frame_bytes: int) -> float:
        """Return the seconds on the wire for one frame."""
        rate_bps = self._impairment.rate_bps
        return 8 * (frame_bytes + self._overhead_bytes) / rate_bps if rate_bps else 0.0

    def free_at_s(self, now: float) -> float:
        """Return when the wire can take the next frame: now, or when the last one has left it."""
        return max(now, self._free_at_s)

    def occupy(self, frame_bytes: int, now: float) -> None:
        """Keep the wire busy for one frame more, which goes elsewhere: a copy for another caller."""
        self._free_at_s = self.free_at_s(now) + self.airtime_s(frame_bytes)

    def hand_over(self, frame: bytes, now: float) -> list[Delivery]:
        """Take a frame, to be sent as soon as the wire is free, and return what arrives of it, and when."""
        wanted = self._impairment
        self.count.frames += 1
        left_s = self.free_at_s(now) + self.airtime_s(len(frame))
        self._free_at_s = left_s
        spacing_s = 0.0 if self._last_handed_s is None else left_s - self._last_handed_s
        self._last_handed_s = left_s
        # The draws for a frame are always the same, so that one more kind of trouble does not reshuffle the others.
        jitter, order, twice, apart = (self._random.random() for _ in range(4))
        lost = self._is_lost()
        octets = self._with_flipped_bits(frame)
        if lost:
            self.count.lost += 1
            return []
        arrival_s = left_s + wanted.delay_s + jitter * wanted.jitter_s
        if order < wanted.reorder:
            self.count.reordered += 1
            arrival_s += min(max(1.5 * spacing_s, MIN_HELD_BACK_S), MAX_HELD_BACK_S)
        else:
            arrival_s = self._last_arrival_s = max(arrival_s, self._last_arrival_s)
        deliveries = [self._delivery(arrival_s, octets)]
        if twice < wanted.duplicate:
            self.count.duplicated += 1
            deliveries.append(self._delivery(arrival_s + apart * DUPLICATE_WITHIN_S, octets))
        return deliveries

    def _delivery(self, at_s: float, octets: bytes) -> Delivery:
        self._number += 1
        return Delivery(at_s, self._number, octets)

    def _is_lost(self) -> bool:
        """Decide by Gilbert-Elliott: every frame is lost in the bad state, none in the good one.

        With mean run b and share p the chances are: bad to good 1/b, good to bad p / (b (1 - p)). b = 1 / (1 - p) makes
        the frames independent of each other.
        """
        share = self._impairment.loss
        draw = self._random.random()
        if share in (0.0, 1.0):
            return bool(share)
        run = self._impairment.burst_frames or 1 / (1 - share)
        self._in_burst = draw >= 1 / run if self._in_burst else draw < share / (run * (1 - share))
        return self._in_burst

    def _with_flipped_bits(self, frame: bytes) -> bytes:
        ber = self._impairment.ber
        if not ber:
            return frame
        octets = bytearray(frame)
        # The gap from one flipped bit to the next is geometric: cheaper than a draw for every bit.
        at = -1
        while True:
            at += 1 + int(math.log(1.0 - self._random.random()) / math.log1p(-ber))
            if at >= 8 * len(octets):
                return bytes(octets)
            octets[at // 8] ^= 0x80 >> at % 8
            self.count.flipped_bits += 1
