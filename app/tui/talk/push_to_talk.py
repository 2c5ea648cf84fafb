"""The talk key at work: its table, the timer that the table asks for, and the engine that it commands."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.screen import Screen
from textual.timer import Timer

from app.events import EndReason, Event, FloorChanged, TalkDenied, TalkEnded
from app.station.engine import Engine
from app.tui.talk.talk_key import KeyInput, KeyState, TalkCommand, TalkKey
from transport.protocol.floor_states import State

OURS = (State.ASKED, State.ON_AIR, State.COLLIDED)
"""States of the floor in which an over of ours goes on."""


class PushToTalk:
    """The link from the talk key to the engine: events of the key go in, commands for the engine come out."""

    def __init__(self, screen: Screen[None], key: TalkKey, engine: Engine, changed: Callable[[], None]) -> None:
        """Use the timers of a screen. changed: called after every step."""
        self._screen = screen
        self._key = key
        self._engine = engine
        self._changed = changed
        self._timer: Timer | None = None

    def take(self, what: KeyInput, at_s: float) -> None:
        """Take what happened to the key at a time of the steady clock."""
        match self._key.handle(what, at_s):
            case TalkCommand.START:
                self._engine.key_down()
            case TalkCommand.STOP:
                self._engine.key_up()
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._key.deadline_s is not None:
            wait_s = max(0.001, self._key.deadline_s - time.monotonic())
            self._timer = self._screen.set_timer(wait_s, self._queue_deadline)
        self._changed()

    def hear(self, event: Event, now_s: float) -> None:
        """Take what the engine says: an over may end, or begin, without the key."""
        state = self._key.state
        if isinstance(event, TalkDenied) or (isinstance(event, TalkEnded) and event.reason is not EndReason.RELEASED):
            self.take(KeyInput.ENDED, now_s)
        elif isinstance(event, FloorChanged):
            ours = event.state in OURS
            if ours and state is KeyState.UP:
                self.take(KeyInput.VOICE_BEGAN, now_s)
            elif not ours and state is KeyState.BY_VOICE:
                self.take(KeyInput.ENDED, now_s)

    def _queue_deadline(self) -> None:
        """Let the deadline pass behind what is in the queues of program and screen already.

        A screen that was slow must not take repeats that wait there for a release.
        """
        self._screen.app.call_later(self._screen.call_later, self._pass_deadline)

    def _pass_deadline(self) -> None:
        self.take(KeyInput.TIME, time.monotonic())
