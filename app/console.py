"""A progress bar and one-line notes on standard error, for a person; nothing but the notes where nobody watches."""

from __future__ import annotations

import sys
import time
from types import TracebackType

BAR_CELLS = 30
REDRAW_S = 0.1
"""Often enough to look alive, seldom enough to cost nothing."""


def note(message: str) -> None:
    """One line about something that went wrong, on standard error."""
    print(f"gossamer: {message}", file=sys.stderr, flush=True)


class Progress:
    """`with Progress("a.wav") as bar: bar.at(0.5)`; drawn only on a terminal and gone when done."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._shown = sys.stderr.isatty()
        self._drawn_at = -REDRAW_S

    def at(self, fraction: float | None) -> None:
        """fraction: 0..1, or None where the length is unknown."""
        now = time.monotonic()
        if not self._shown or now - self._drawn_at < REDRAW_S:
            return
        self._drawn_at = now
        if fraction is None:
            text = f"{self._label} ..."
        else:
            full = round(BAR_CELLS * min(1.0, fraction))
            text = f"[{'#' * full}{'.' * (BAR_CELLS - full)}] {fraction:4.0%} {self._label}"
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> Progress:
        self.at(0.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
