"""Output of the commands: facts or words on standard output, notes and a progress bar on standard error.

Nothing else in the program prints: here every text becomes plain, and fits the encoding of the terminal.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import sys
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from app.errors import FileProblem, os_reason
from transport.texts import passes, plain_text

if TYPE_CHECKING:  # imported where a bar is drawn: most commands are faster than that
    from rich.progress import Progress as RichProgress


LAYOUT = "\n\t"
"""Characters of our own that put a text of several lines into shape."""
LONGEST_NOTE = 1000
"""Largest number of characters in a line about a problem; a setting or a file name can be as long as it likes."""


def complete_standard_streams() -> None:
    """Put nowhere in the place of standard streams that whoever started us has closed.

    Otherwise the next socket or file would get number 0, 1 or 2, and whatever a library prints would go into it. Python
    goes on to know a closed stream as None.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for what libraries print: argparse, Textual


def note(message: str) -> None:
    """Print one line about something that went wrong to standard error."""
    line = f"gossamer: {plain_text(message)}"
    aside(line if len(line) <= LONGEST_NOTE else f"{line[:LONGEST_NOTE]}...")


def aside(text: str) -> None:
    """Print a text to standard error. A terminal that is gone, or a full disk, stops nothing."""
    with contextlib.suppress(OSError, ValueError):
        try:
            _write(sys.stderr, plain_text(text, keep=LAYOUT))
        except OSError:
            _forget_unwritten()
            raise


def _forget_unwritten() -> None:
    """Put a new stream in the place of standard error, without what could not be written.

    Python 3.11.2, which is Debian 12's, tries that again at its end, and ends with an exit code of its own, 120.
    """
    stream = sys.stderr
    if stream is not None:
        sys.stderr = open(  # noqa: SIM115  # it stays open
            stream.fileno(), "w", buffering=1, encoding=stream.encoding, errors=stream.errors, closefd=False
        )


def tell(text: str) -> None:
    """Print what a command answers, one line or more, to standard output.

    Raises FileProblem where it cannot be written, BrokenPipeError where nobody reads it any more.
    """
    _answer(plain_text(text, keep=LAYOUT))


def show_picture(lines: Sequence[str]) -> None:
    """Print lines that hold colours of our own making; whoever calls has made the words of others in them plain.

    Raises FileProblem, BrokenPipeError.
    """
    _answer("\n".join(lines))


def say(facts: dict[str, Any], text: str, *, as_json: bool) -> int:
    """Print the facts as JSON, or the text for a person. Returns exit code 0."""
    if as_json:
        print_json(facts)
    else:
        tell(text)
    return 0


def print_json(facts: dict[str, Any]) -> None:
    """Print one JSON object on one line of standard output; what a terminal could obey is escaped, and not lost."""
    import json

    text = json.dumps(plain(facts), ensure_ascii=False, allow_nan=False)
    if not (sys.stdout and "utf" in (sys.stdout.encoding or "").lower()):
        text = json.dumps(plain(facts), allow_nan=False)
    _answer("".join(letter if passes(letter) else json.dumps(letter)[1:-1] for letter in text))


def _answer(text: str) -> None:
    with answering():
        _write(sys.stdout, text)


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Turn what is wrong with standard output inside the block into FileProblem, but for a reader that is gone."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = None  # or the interpreter complains once more when it flushes
        raise FileProblem(f"cannot write to standard output: {os_reason(error)}", "name a place with room") from error


def _write(stream: TextIO | None, text: str) -> None:
    """Write a text and a line break. A letter that the stream's encoding lacks is escaped; a closed stream is none."""
    if stream is None:
        return
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()


def plain(value: Any) -> Any:
    """Return a value made of what JSON knows: dataclasses become objects, NaN and infinity become null."""
    import dataclasses  # here: `gossamer ptt` does without it, and it is slow to load

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
        self._label = plain_text(label)
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
        if sys.stderr is not None and sys.stderr.isatty():
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
