"""Short messages: sent once or until they are confirmed, and shown once however often they come.

The station that a TEXT is addressed to answers it with a RECEIPT of the same numbers (transport/docs/wire-format.md).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import trio

from app.events import Event, TextConfirmed, TextSent, TextUnconfirmed
from app.station.transmitter import Transmitter
from transport.protocol.frames import Receipt, Text

PAUSES_S = (5.0, 10.0, 20.0, 20.0)
"""Waits for the receipt of a message, in seconds, from when it has left: after each but the last it is sent again."""
LOOK_EVERY_S = 0.5
"""Time between two looks at whether the channel is free, in seconds."""
MAX_UNCONFIRMED = 16
"""Messages that wait for a receipt at a time; of more, the oldest are given up."""
MAX_REMEMBERED = 64
"""Messages of others by whose numbers one that comes again is known."""


@dataclass(slots=True)
class _Unconfirmed:
    """A message that waits for its receipt."""

    frame: Text
    tries: int = 0
    due_s: float = float("inf")
    """Time at which it is sent again or given up; infinite while it has not left."""


class Messages:
    """The messages of one station, both ways."""

    def __init__(self, name: str, transmitter: Transmitter, emit: Callable[[Event], None]) -> None:
        """Take the station's name, and where frames and events go."""
        self._name = name
        self._transmitter = transmitter
        self._emit = emit
        self._unconfirmed: dict[int, _Unconfirmed] = {}
        self._seen: deque[tuple[str, int, int]] = deque(maxlen=MAX_REMEMBERED)
        self._changed = trio.Event()

    def send(self, text: str, addressee: str, *, confirm: bool) -> int:
        """Send a message and return its number, 0..2^24-1. TextSent follows.

        confirm: send it again until its addressee has confirmed it; TextConfirmed or TextUnconfirmed follows.
        """
        number = int.from_bytes(os.urandom(3))
        frame = Text(number >> 16, number & 0xFFFF, self._name, text, addressee)
        if confirm and addressee:
            while len(self._unconfirmed) >= MAX_UNCONFIRMED:
                self._give_up(next(iter(self._unconfirmed)))
            self._unconfirmed[number] = _Unconfirmed(frame)
        self._send(number, frame)
        return number

    def _send(self, number: int, frame: Text) -> None:
        def left(now: float) -> None:
            waiting = self._unconfirmed.get(number)
            if waiting is not None:
                waiting.due_s = now + self._transmitter.left_s + PAUSES_S[waiting.tries]
                waiting.tries += 1
                self._changed.set()
            if waiting is None or waiting.tries == 1:
                self._emit(TextSent(number, frame.addressee, frame.text))

        self._transmitter.send(frame, left)

    def take(self, receipt: Receipt) -> bool:
        """Take a receipt; return whether it was for one of our messages."""
        number = receipt.over << 16 | receipt.sequence
        waiting = self._unconfirmed.pop(number, None)
        if waiting is not None:
            self._emit(TextConfirmed(number, waiting.frame.addressee))
        return waiting is not None

    def is_new(self, frame: Text) -> bool:
        """Tell whether a message of somebody else has not come before, and remember it."""
        key = (frame.sender, frame.over, frame.sequence)
        if key in self._seen:
            return False
        self._seen.append(key)
        return True

    async def run(self, idle: Callable[[], bool] = lambda: True) -> None:
        """Send again what is not confirmed, and give it up in the end, until cancelled.

        idle: tells whether nobody talks; what is due meanwhile waits until the channel is free.
        """
        while True:
            now = trio.current_time()
            if not idle():
                self._put_off(now + LOOK_EVERY_S)
            for number, waiting in [*self._unconfirmed.items()]:
                if waiting.due_s > now:
                    continue
                if waiting.tries < len(PAUSES_S):
                    waiting.due_s = float("inf")
                    self._send(number, waiting.frame)
                else:
                    self._give_up(number)
            self._changed = trio.Event()
            with trio.move_on_at(min((waiting.due_s for waiting in self._unconfirmed.values()), default=float("inf"))):
                await self._changed.wait()

    def _put_off(self, until_s: float) -> None:
        for waiting in self._unconfirmed.values():
            waiting.due_s = max(waiting.due_s, until_s)

    def _give_up(self, number: int) -> None:
        waiting = self._unconfirmed.pop(number)
        self._emit(TextUnconfirmed(number, waiting.frame.addressee, waiting.tries))
