"""Output of the commands: facts or words on standard output, notes and a progress bar on standard error."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # imported where a bar is drawn: most commands are faster than that
    from rich.progress import Progress as RichProgress


def note(message: str) -> None:
    """Print one line about something that went wrong to standard error."""
    print(f"gossamer: {message}", file=sys.stderr, flush=True)


def say(facts: dict[str, Any], text: str, *, as_json: bool) -> int:
    """Print the facts as JSON, or the text for a person. Returns exit code 0."""
    if as_json:
        print_json(facts)
    else:
        print(text, flush=True)
    return 0


def print_json(facts: dict[str, Any]) -> None:
    """Print one JSON object on one line of standard output."""
    print(json.dumps(plain(facts), ensure_ascii=False, allow_nan=False), flush=True)


def plain(value: Any) -> Any:
    """Return a value made of what JSON knows: dataclasses become objects, NaN and infinity become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value))
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Progress:
    """A progress bar on standard error, drawn only on a terminal and gone when done.

    `with Progress("a.wav") as bar: bar.at(0.5)`
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar: RichProgress | None = None

    def at(self, fraction: float | None) -> None:
        """Show how far the work has come, 0..1; None where the length is unknown."""
        if self._bar is not None:
            task = self._bar.task_ids[0]
            if fraction is None:
                self._bar.update(task, total=None)
            else:
                self._bar.update(task, total=1.0, completed=min(1.0, fraction))

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TaskProgressColumn, TextColumn
            from rich.progress import Progress as RichProgress

            columns = (BarColumn(30), TaskProgressColumn(), TextColumn("{task.description}", markup=False))
            # Packets and sound go to standard output as bytes: rich must not put a text stream in its place.
            self._bar = RichProgress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)
            self._bar.add_task(self._label, total=1.0)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
