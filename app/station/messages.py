"""Short messages: sent once or until they are confirmed, and shown once however often they come.

The station that a TEXT is addressed to answers it with a RECEIPT of the same numbers (transport/docs/wire-format.md).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import trio

from app.errors import GossamerError
from app.events import Event, TextConfirmed, TextHeard, TextSent, TextUnconfirmed
from app.station.transmitter import Transmitter
from app.texts import counted
from transport.protection.rate_limit import TokenBucket
from transport.protocol.floor import FOLLOWED_MARGIN_S
from transport.protocol.frames import MAX_TEXT_BYTES, Receipt, Text
from transport.protocol.over_pace import TALK_LIMIT_S

PAUSES_S = (5.0, 10.0, 20.0, 20.0)
"""Waits for the receipt of a message, in seconds, from when it has left or was lost: after each but the last it is sent
again."""
LEAVES_S = 60.0
"""Longest time until the link has taken a message, in seconds, beyond what waits before it: then it counts as lost."""
LOOK_EVERY_S = 0.5
"""Time between two looks at whether the channel is free, in seconds."""
WAITS_S = TALK_LIMIT_S + FOLLOWED_MARGIN_S
"""Longest wait for a free channel, in seconds: longer than anybody may talk, so that whoever does locks nobody out."""
MAX_KEPT = 16
"""Messages that wait for a free channel or a receipt at a time; of more, the oldest are given up."""
MAX_REMEMBERED = 256
"""Messages by whose numbers one that comes again, or back, is known: more than are shown from a message's first try to
its last."""
TEXTS_PER_S = 1.0
"""Messages a second that are shown at the most, of those to this station and of all others: nobody reads more..."""
TEXTS_AT_ONCE = 16.0
"""...and how many may come at once, after a pause; of more, the rest are dropped."""


def check_text(text: str) -> None:
    """Look at a message that is to be sent. Raises GossamerError for one that is empty, too long or no Unicode."""
    try:
        excess = len(text.encode()) - MAX_TEXT_BYTES
    except UnicodeEncodeError:  # half a character, or bytes of a command line that are no UTF-8
        raise GossamerError("the message has bytes that are no characters", "write it in UTF-8") from None
    if not text.strip():
        raise GossamerError("the message is empty", "write something")
    if excess > 0:
        raise GossamerError(f"the message is {counted(excess, 'byte')} too long", f"it has at most {MAX_TEXT_BYTES}")


@dataclass(slots=True)
class _Message:
    """A message that waits for a free channel, or for its receipt."""

    frame: Text
    confirm: bool
    due_s: float
    """Time at which it is sent, or given up."""
    put_off_s: float | None = None
    """Time since which it waits for a free channel; None while it does not."""
    tries: int = 0
    """How often it was given to the transmitter."""
    sent: int = 0
    """How often the link has taken it."""


def _number(frame: Text) -> int:
    """Return what a message is known by, whichever way it comes: its sender's name may be cut on one."""
    return frame.over << 16 | frame.sequence


class Messages:
    """The messages of one station, both ways."""

    def __init__(
        self, name: str, transmitter: Transmitter, emit: Callable[[Event], None], free: Callable[[], bool]
    ) -> None:
        """Take the station's name, and where frames and events go.

        free: tells whether there is a link and nobody talks; what is to be sent meanwhile waits.
        """
        self._name = name
        self._transmitter = transmitter
        self._emit = emit
        self._free = free
        self._kept: dict[int, _Message] = {}
        self._to_us = TokenBucket(TEXTS_PER_S, TEXTS_AT_ONCE)
        self._to_others = TokenBucket(TEXTS_PER_S, TEXTS_AT_ONCE)
        self._seen: deque[int] = deque(maxlen=MAX_REMEMBERED)
        self._changed = trio.Event()

    def send(self, text: str, addressee: str, *, confirm: bool) -> int:
        """Send a message, now or once nobody talks, and return its number, 0..2^24-1. TextSent follows.

        confirm: send it again until its addressee has confirmed it; TextConfirmed or TextUnconfirmed follows, the
        latter also where it could not be sent at all.
        """
        number = int.from_bytes(os.urandom(3))
        frame = Text(number >> 16, number & 0xFFFF, self._name, text, addressee)
        self._seen.append(_number(frame))  # relays may bring it back
        while len(self._kept) >= MAX_KEPT:
            self._give_up(next(iter(self._kept)))
        self._kept[number] = message = _Message(frame, confirm and bool(addressee), trio.current_time())
        if self._free():
            self._send(number, message)
        self._changed.set()
        return number

    def _send(self, number: int, message: _Message) -> None:
        def left(now: float) -> None:
            message.sent += 1
            if message.sent == 1:
                self._emit(TextSent(number, message.frame.addressee, message.frame.text))
            if not message.confirm:
                self._kept.pop(number, None)
            message.due_s = now + self._transmitter.left_s + PAUSES_S[message.tries - 1]
            self._changed.set()

        def lost(now: float) -> None:
            message.due_s = now + PAUSES_S[message.tries - 1]
            self._changed.set()

        message.put_off_s = None
        message.tries += 1
        message.due_s = trio.current_time() + self._transmitter.left_s + LEAVES_S
        self._transmitter.send(message.frame, left, lost)

    def take(self, receipt: Receipt) -> bool:
        """Take a receipt; return whether it was for one of our messages."""
        number = receipt.over << 16 | receipt.sequence
        message = self._kept.get(number)
        if message is None or not message.confirm:
            return False
        del self._kept[number]
        self._emit(TextConfirmed(number, message.frame.addressee))
        return True

    def hear(self, frame: Text, now: float) -> None:
        """Show a message that has not come before, at a reader's pace, and confirm one to this station that was shown.

        What is for this station has a pace of its own: messages to others keep none to it away.
        """
        to_us = bool(self._name) and frame.addressee == self._name
        if _number(frame) not in self._seen:
            if not (self._to_us if to_us else self._to_others).take(now):
                return
            self._seen.append(_number(frame))
            self._emit(TextHeard(frame.sender, frame.text, frame.addressee, _number(frame)))
        if to_us:
            self._transmitter.answer(Receipt(frame.over, frame.sequence, 0, of_text=True))

    async def run(self) -> None:
        """Send what waits, again what is not confirmed, and give it up in the end, until cancelled."""
        while True:
            now = trio.current_time()
            for number, message in [*self._kept.items()]:
                if message.due_s > now or self._put_off(message, now):
                    continue
                if message.tries < len(PAUSES_S):
                    self._send(number, message)
                else:
                    self._give_up(number)
            self._changed = trio.Event()
            with trio.move_on_at(min((message.due_s for message in self._kept.values()), default=float("inf"))):
                await self._changed.wait()

    def _put_off(self, message: _Message, now: float) -> bool:
        """Let a message that is due wait until the channel is free, but not for ever; return whether it waits."""
        if self._free():
            return False
        if message.put_off_s is None:
            message.put_off_s = now
        if now - message.put_off_s >= WAITS_S:
            return False
        message.due_s = now + LOOK_EVERY_S
        return True

    def _give_up(self, number: int) -> None:
        message = self._kept.pop(number)
        if message.confirm or not message.sent:
            self._emit(TextUnconfirmed(number, message.frame.addressee, message.sent))
