"""The audience of a station: whether the user is there, and whether what is played can be heard. No I/O, no clock."""

from __future__ import annotations

from app.events import DeviceProblem, DeviceReady, Event
from app.station.controls import Controls

NEVER_S = float("-inf")


class Lapse:
    """A condition that comes and goes, and whether it was so at any moment since a time."""

    def __init__(self) -> None:
        self._now = False
        self._ended_s = NEVER_S

    def set(self, now_is: bool, now_s: float) -> None:
        """Take whether it is so from now on."""
        if self._now and not now_is:
            self._ended_s = now_s
        self._now = now_is

    def since(self, at_s: float) -> bool:
        """Tell whether it is so, or has been so since then."""
        return self._now or self._ended_s > at_s


class Audience:
    """The one who listens here. An over counts as heard only where nothing was in its way from begin to end."""

    def __init__(self) -> None:
        self._away = Lapse()
        self._silent = Lapse()
        self._turned_off = self._broken = False

    def apply(self, controls: Controls, now_s: float) -> None:
        """Take where the controls stand."""
        self._away.set(controls.away, now_s)
        self._turned_off = controls.muted or controls.volume <= 0.0
        self._silent.set(self._turned_off or self._broken, now_s)

    def note(self, event: Event, now_s: float) -> None:
        """Follow the station's events: a loudspeaker may come and go."""
        if isinstance(event, DeviceProblem | DeviceReady) and event.device == "loudspeaker":
            self._broken = isinstance(event, DeviceProblem)
            self._silent.set(self._turned_off or self._broken, now_s)

    @property
    def hears(self) -> bool:
        """Whether what is played now can be heard."""
        return not (self._turned_off or self._broken)

    def missed_over(self, since_s: float) -> bool:
        """Tell whether an over that began then, and has ended now, was missed."""
        return self._away.since(since_s) or self._silent.since(since_s)

    def missed_text(self, now_s: float) -> bool:
        """Tell whether a message that is shown now is read by nobody."""
        return self._away.since(now_s)
