"""When to ring: which over is a call, and which end of an over deserves a tone. No sound, no clock."""

from __future__ import annotations

from app.events import CallHeard, Event, OverBegan, OverEnded, TalkEnded

CALL_AFTER_S = 30.0
"""A channel that was quiet for so long has lost one's attention."""


class Alerts:
    """Follows the conversation."""

    def __init__(self, me: str) -> None:
        self._me = me
        self._quiet_since_s: float | None = None
        """None: nothing was ever said."""

    def note(self, event: Event, now: float) -> CallHeard | None:
        """An event of the engine; returns the call that it is."""
        call = None
        if isinstance(event, OverBegan) and event.addressee in ("", self._me):
            long_quiet = self._quiet_since_s is None or now - self._quiet_since_s >= CALL_AFTER_S
            call = CallHeard(event.sender, event.addressee == self._me) if long_quiet else None
        if isinstance(event, OverBegan | OverEnded | TalkEnded):
            self._quiet_since_s = now
        return call
