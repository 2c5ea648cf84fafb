"""The news to a sender that nobody here understands: REFUSAL, when to send it and when to believe it. No I/O, no clock.

    stranger --frames that fail the key--> Refuser --REFUSAL, once a minute--> SentSignals --> one line for the user

A REFUSAL proves nothing, for there is no key that both ends have. So it can do no more than show that line, it counts
only where it names a frame that was sent a while ago, and it is shorter than what it answers.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable

from transport.protocol.frames import VOICE_SHAPES, Mode, Refusal, Type
from transport.protocol.open_frames import HEADER, REFUSAL_BYTES

AGAIN_S = 60.0
"""Shortest time between two REFUSALs of one station, in seconds."""
WAIT_S = (0.3, 1.0)
"""Shortest and longest time between the end of what is refused and the REFUSAL, in seconds.

It is drawn, so that a receipt goes first and several stations do not answer at once.
"""
OVERDUE_S = 10.0
"""Time after which a REFUSAL that could not be sent, because the channel was busy, is not sent any more, in seconds."""
OVER_S = 180.0
"""Longest time for which the end of a refused over is waited for, in seconds."""
SENT_KEPT, SENT_S = 64, 180.0
"""Number of frames whose refusal is believed, and the longest time since they were sent, in seconds."""


def _name(octets: bytes) -> tuple[int, int, int]:
    """Return what tells a frame from others: over, sequence, and its last two bytes, which are of a tag or a check."""
    _, over, sequence = HEADER.unpack_from(octets)
    return over, sequence, int.from_bytes(octets[-2:])


class Refuser:
    """The station that tells others, rarely, that it does not understand them."""

    def __init__(self, mode: Mode, draw: Callable[[float, float], float] = random.uniform) -> None:
        """Take the mode of the channel, and a function that draws a number between two."""
        self._mode = mode
        self._draw = draw
        self._over: int | None = None
        """Over whose sender is to be told, once it has ended."""
        self._since_s = 0.0
        self._named = b""
        """The frame of it that will be named."""
        self._due: tuple[float, bytes] | None = None
        self._refused_s = -AGAIN_S
        self._accepted: dict[int, float] = {}
        """Time of the latest good frame of each over, by its number: at most 256."""

    def accepted(self, over: int, now: float) -> None:
        """Take note that a frame of this over was good: what fails beside it is damaged or forged."""
        self._accepted[over] = now

    def refused(self, octets: bytes, shown: bool, now: float) -> None:
        """Take a frame that this channel cannot open. shown: it showed that somebody sends such frames on purpose."""
        kind, over = octets[0] & 0x0F, octets[1]
        if shown and self._due is None and now >= self._refused_s + AGAIN_S:
            self._over, self._since_s, self._named = over, now, b""
        if over != self._over or now > self._since_s + OVER_S or self._knows(over, now):
            return
        if kind not in VOICE_SHAPES and len(octets) >= REFUSAL_BYTES:
            self._named = octets
        if kind not in (Type.BEGIN, *VOICE_SHAPES) and self._named:  # whoever sent it can listen now
            self._due, self._over = (now + self._draw(*WAIT_S), self._named), None

    def due(self, now: float) -> tuple[Refusal, bytes] | None:
        """Return the REFUSAL to send now, with the frame that it answers; the channel must be free."""
        if self._due is None or now < self._due[0]:
            return None
        (due_s, octets), self._due = self._due, None
        over, sequence, echo = _name(octets)
        if now > due_s + OVERDUE_S or self._knows(over, now):
            return None
        self._refused_s = now
        return Refusal(over, sequence, self._mode, echo), octets

    def _knows(self, over: int, now: float) -> bool:
        """Tell whether an over of this number was understood a while ago."""
        return now - self._accepted.get(over, -OVER_S) < OVER_S


class SentSignals:
    """The frames that this station has sent, VOICE apart, by which a REFUSAL is known to be about one of them."""

    def __init__(self) -> None:
        self._sent: OrderedDict[tuple[int, int, int], float] = OrderedDict()

    def add(self, octets: bytes, now: float) -> None:
        """Take a frame that goes on the link."""
        self._sent[_name(octets)] = now
        if len(self._sent) > SENT_KEPT:
            self._sent.popitem(last=False)

    def refused(self, refusal: Refusal, now: float) -> bool:
        """Tell whether a REFUSAL is about one of them. It counts once."""
        sent_s = self._sent.pop((refusal.over, refusal.sequence, refusal.echo), None)
        return sent_s is not None and now - sent_s <= SENT_S
