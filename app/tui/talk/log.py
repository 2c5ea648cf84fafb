"""The log of a conversation: overs, messages and notes, a line each. No terminal, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import count

from app.events import OverPlayed, TalkEnded

LINES_KEPT = 200
"""Largest number of lines that the log keeps: half an hour of overs of a few seconds each."""


class Side(Enum):
    """The owner of a line of the log: this station, another one, or the program itself."""

    MINE = "mine"
    THEIRS = "theirs"
    NOTE = "note"


@dataclass(frozen=True)
class LogLine:
    """One over, message or note; replaced by another of the same number while its over goes on."""

    number: int
    """Position in the whole log, counted from 0."""
    at_s: float
    side: Side
    who: str
    text: str
    """A message or a note; of an over its length."""
    over: int | None = None
    running: bool = False
    """The over goes on; its age is shown in place of a text."""
    packets: str = ""
    """Number of packets of an over; a narrow screen leaves it out, for it follows from the length."""
    outcome: str = ""
    """The outcome of an over: why it ended, what was lost of it, how much the addressee heard."""
    trouble: bool = False
    cost: str = ""
    """The share of the link that an over of ours took; shown where there is room."""

    def words(self, narrow: bool = False) -> str:
        """Return everything that is said of it but for the cost; where it is narrow, the packets are left out too."""
        return self.text + ("" if narrow else self.packets) + self.outcome


@dataclass
class Log:
    """The newest lines, the oldest first."""

    lines: deque[LogLine] = field(default_factory=lambda: deque(maxlen=LINES_KEPT))
    _numbers: count[int] = field(default_factory=count)

    def __iter__(self) -> Iterator[LogLine]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, place: int) -> LogLine:
        return self.lines[place]

    def note(self, side: Side, who: str, text: str, now_s: float, *, trouble: bool = False) -> None:
        """Add a message, or a note on something that happened."""
        self.lines.append(LogLine(next(self._numbers), now_s, side, who, text, trouble=trouble))

    def begin(self, side: Side, who: str, over: int, now_s: float) -> None:
        """Add the line of an over that begins."""
        self.lines.append(LogLine(next(self._numbers), now_s, side, who, "", over, running=True))

    def end(self, side: Side, end: TalkEnded | OverPlayed, outcome: str, *, trouble: bool) -> None:
        """Say in the line of a running over how long it was and, where that is worth a word, what became of it."""
        length, packets = f"{end.duration_s:4.1f} s", f"  {end.packets} packet{'' if end.packets == 1 else 's'}"
        self._change(
            end.over,
            lambda line: line.side is side and line.running,
            lambda line: replace(line, text=length, packets=packets, outcome=outcome, running=False, trouble=trouble),
        )

    def cut_off(self) -> None:
        """End the overs that go on without their end being told: the station closes."""
        for place, line in enumerate(self.lines):
            if line.running:
                self.lines[place] = replace(line, running=False, text="cut off", trouble=True)

    def add_cost(self, over: int, cost: str) -> None:
        """Say in the line of an over of ours what it took of the link."""
        self._change(over, _is_mine, lambda line: replace(line, cost=cost))

    def add_receipt(self, over: int, heard: int, packets: int) -> None:
        """Say in the line of an over of ours how much of it the addressee heard."""
        share = 100 * heard / packets if packets else 100.0

        def confirm(line: LogLine) -> LogLine:
            trouble = line.trouble or heard < packets
            return replace(line, outcome=f"{line.outcome}  heard {share:.0f} %", trouble=trouble)

        self._change(over, _is_mine, confirm)

    def _change(self, over: int, which: Callable[[LogLine], bool], change: Callable[[LogLine], LogLine]) -> None:
        """Replace the newest line of an over: the numbers of overs are eight random bits, and come again."""
        for place in range(len(self.lines) - 1, -1, -1):
            if self.lines[place].over == over and which(self.lines[place]):
                self.lines[place] = change(self.lines[place])
                return


def _is_mine(line: LogLine) -> bool:
    return line.side is Side.MINE


def losses(event: OverPlayed) -> str:
    """Return what did not arrive whole of somebody's over, or ""."""
    parts = [f"{event.lost} lost"] if event.lost else []
    parts += [f"{event.damaged} damaged"] if event.damaged else []
    parts += [] if event.complete else ["signal lost"]
    return "  " + ", ".join(parts) if parts else ""
