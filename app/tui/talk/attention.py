"""The user's attention: whether somebody sits before the screen, as far as can be told. No terminal, no clock."""

from __future__ import annotations

FOCUSED_S = 120.0
"""Time without a key, a click or an over of one's own after which the user has gone, in seconds."""
BLURRED_S = 20.0
"""The same while another window has the focus: its user hears, but does not read. It covers the next answer in a
conversation by pedal, which needs no focus."""


class Attention:
    """The signs that the user is there. Every call is told the time, in seconds of one steady clock."""

    def __init__(self, now_s: float) -> None:
        """Begin with a user who has just started the program."""
        self._touched_s = now_s
        self._focused = True
        """The terminal has the focus; one that does not tell of that has it always."""

    def touch(self, now_s: float) -> None:
        """Take a sign of life: a key, a click, an over of the user's own."""
        self._touched_s = now_s

    def focus(self, gained: bool, now_s: float) -> None:
        """Take that the terminal has got the focus, or has lost it."""
        self._focused = gained
        if gained:
            self.touch(now_s)

    def looks(self, now_s: float) -> bool:
        """Tell whether the user has the screen before them."""
        return self._focused and not self.away(now_s)

    def away(self, now_s: float) -> bool:
        """Tell whether the user seems to be away."""
        return now_s - self._touched_s >= (FOCUSED_S if self._focused else BLURRED_S)
