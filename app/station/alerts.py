"""Signals to the user: which over is a call, and the tones of calls and of the ends of overs."""

from __future__ import annotations

from collections.abc import Callable

import trio

from app.audio.player import Player
from app.audio.tones import call_tone, courtesy_tone
from app.events import CallHeard, Event, OverBegan, OverPlayed, TalkEnded
from app.settings.model import Settings

CALL_AFTER_S = 30.0
"""Pause after which an over is a call, in seconds: who was not listening for so long has looked away."""


class Alerts:
    """A watcher of the conversation that recognises calls. No sound, no clock."""

    def __init__(self, me: str) -> None:
        """Take the name of this station."""
        self._me = me
        self._quiet_since_s: float | None = None
        """Time of the last word on the channel; None before the first."""

    def note(self, event: Event, now: float) -> CallHeard | None:
        """Follow the station's events; return the call that this one is, or None."""
        call = None
        if isinstance(event, OverBegan) and event.addressee in ("", self._me):
            long_quiet = self._quiet_since_s is None or now - self._quiet_since_s >= CALL_AFTER_S
            call = CallHeard(event.sender, event.addressee == self._me) if long_quiet else None
        if isinstance(event, OverBegan | OverPlayed | TalkEnded):
            self._quiet_since_s = now
        return call


class Bell:
    """The tones that the user hears, and the event that tells of a call."""

    def __init__(self, settings: Settings, player: Player, emit: Callable[[Event], None]) -> None:
        """Take the settings, which say what tones are wanted."""
        self._settings = settings
        self._player = player
        self._emit = emit
        self._alerts = Alerts(settings.name)

    def note(self, event: Event) -> None:
        """Follow the station's events, after the host has been told of them."""
        if call := self._alerts.note(event, trio.current_time()):
            self._emit(call)
            if self._settings.call_tone:
                self._player.chime(call_tone())
        if isinstance(event, OverPlayed) and event.packets and self._settings.courtesy_tone:
            self._player.play(courtesy_tone())
