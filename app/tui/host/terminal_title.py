"""The terminal's title, which says who calls, and blinks, for a user who looks elsewhere.

CSI 22 ; 0 t    keep the title that the terminal has        CSI 23 ; 0 t    put it back
OSC 0 ; TEXT BEL                                            (xterm's control sequences, "ctlseqs")
"""

from __future__ import annotations

from collections.abc import Callable

KEEP, RESTORE = "\x1b[22;0t", "\x1b[23;0t"
BLINK_S = 0.6


class TerminalTitle:
    """The title of one terminal. Its owner calls `blink` every BLINK_S."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._kept = False
        self._lit = False

    def blink(self, calling: str) -> None:
        """Show who calls, a name without control characters; with "" the title is the terminal's own again."""
        if not calling:
            self.restore()
            return
        self._lit = not self._lit
        if not self._kept:
            self._kept = True
            self._write(KEEP)
        self._write(f"\x1b]0;{'●' if self._lit else '○'} {calling} calls - gossamer\x07")

    def restore(self) -> None:
        """Put the terminal's own title back."""
        if self._kept:
            self._kept = False
            self._write(RESTORE)
