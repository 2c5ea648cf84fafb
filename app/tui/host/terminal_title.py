"""The terminal's title, which says who calls, and blinks, and how much was missed, for a user who looks elsewhere.

CSI 22 ; 0 t    keep the title that the terminal has        CSI 23 ; 0 t    put it back
OSC 0 ; TEXT BEL                                            (xterm's control sequences, "ctlseqs")
"""

from __future__ import annotations

from collections.abc import Callable

KEEP, RESTORE = "\x1b[22;0t", "\x1b[23;0t"
BLINK_S = 1.0


class TerminalTitle:
    """The title of one terminal. Its owner calls `show` every BLINK_S."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._kept = False
        self._lit = False
        self._shown = ""

    def show(self, calling: str, missed: int) -> None:
        """Show who calls, a name without control characters, or how much was missed.

        With "" and 0 the title is the terminal's own again.
        """
        if calling:
            self._lit = not self._lit
            self._say(f"{'●' if self._lit else '○'} {calling} calls - gossamer")
        elif missed:
            self._say(f"({missed}) missed - gossamer")
        else:
            self.restore()

    def _say(self, text: str) -> None:
        if not self._kept:
            self._kept = True
            self._write(KEEP)
        if text != self._shown:
            self._shown = text
            self._write(f"\x1b]0;{text}\x07")

    def restore(self) -> None:
        """Put the terminal's own title back."""
        if self._kept:
            self._kept, self._shown = False, ""
            self._write(RESTORE)
