"""The log of a conversation: overs, messages and notes, a line each, and what was missed. No terminal, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import count
from typing import assert_never

from app.events import Kept, MissedTaken, NothingMissed, OverPlayed, TalkEnded, TextConfirmed, TextUnconfirmed
from app.history.folder import TEXT_SUFFIX, Mark
from app.history.overs import RecordedOver
from app.history.past import History, PastEntry

KeptEvent = Kept | MissedTaken | NothingMissed | TextConfirmed | TextUnconfirmed
"""Events about what is on the disk, or has become of it."""
SOMEBODY = "somebody"
"""A station that does not give its name."""
DELIVERED = "  delivered"
NO_NUMBER = -1
"""Stands for the number on the channel of an over from the disk, which does not have it."""
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
    message: int | None = None
    """Number of a message on the channel."""
    name: str = ""
    """Name of the file of an over or a message; "" where it is not on the disk."""
    missed: bool = False
    """Nobody has heard or read it yet."""
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
        missed = "" if not self.missed else "  unread" if self.over is None else "  missed"
        return self.text + ("" if narrow else self.packets) + self.outcome + missed


@dataclass
class Log:
    """The newest lines, the oldest first."""

    lines: deque[LogLine] = field(default_factory=lambda: deque(maxlen=LINES_KEPT))
    missed: set[str] = field(default_factory=set)
    """Names of the files of everything that was missed, also of what the log has no line for."""
    _numbers: count[int] = field(default_factory=count)

    def __iter__(self) -> Iterator[LogLine]:
        return iter(self.lines)

    @property
    def last_missed(self) -> str:
        """Name of the one who said or wrote the newest of what was missed; "" where the log does not know."""
        return next((line.who for line in reversed(self.lines) if line.missed), "")

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, place: int) -> LogLine:
        return self.lines[place]

    def note(
        self, side: Side, who: str, text: str, now_s: float, *, trouble: bool = False, message: int | None = None
    ) -> None:
        """Add a message, or a note on something that happened. message: its number on the channel."""
        line = LogLine(next(self._numbers), now_s, side, who, text, message=message, trouble=trouble)
        self.lines.append(line)

    def put_past(self, past: History, me: str, now_s: float, now_utc_s: float) -> None:
        """Begin with what is on the disk."""
        lines, at_s = [], float("-inf")
        for entry in past.entries:
            at_s = max(at_s, now_s - max(0.0, now_utc_s - _utc_s(entry)))
            lines.append(_past_line(next(self._numbers), entry, at_s, me))
        self.lines.extendleft(reversed(lines))
        self.missed |= past.missed

    def take(self, event: KeptEvent) -> None:
        """Take what is on the disk, or has become of it."""
        match event:
            case Kept(what, number, direction, name, missed):
                self.missed |= {name} if missed else set()
                side = Side.MINE if direction == "sent" else Side.THEIRS
                self._change(
                    lambda line: line.side is side and number == (line.over if what == "over" else line.message),
                    lambda line: replace(line, name=name, missed=missed),
                )
            case MissedTaken(name):
                self.missed.discard(name)
                self._change(lambda line: line.name == name, lambda line: replace(line, missed=False))
            case NothingMissed():
                self.missed.clear()
                for place, line in enumerate(self.lines):
                    if line.missed:
                        self.lines[place] = replace(line, missed=False)
            case TextConfirmed(number):
                self._change(_our_message(number), lambda line: replace(line, outcome=DELIVERED))
            case TextUnconfirmed(number, _, tries):
                times = f"not confirmed, sent {tries} time{'' if tries == 1 else 's'}" if tries else "not sent"
                outcome = f"  {times}"
                self._change(_our_message(number), lambda line: replace(line, outcome=outcome, trouble=True))
            case _:
                assert_never(event)

    def begin(self, side: Side, who: str, over: int, now_s: float) -> None:
        """Add the line of an over that begins."""
        self.lines.append(LogLine(next(self._numbers), now_s, side, who, "", over, running=True))

    def end(self, side: Side, end: TalkEnded | OverPlayed, outcome: str, *, trouble: bool) -> None:
        """Say in the line of a running over how long it was and, where that is worth a word, what became of it."""
        length, packets = f"{end.duration_s:4.1f} s", packets_words(end.packets)
        self._change(
            lambda line: line.over == end.over and line.side is side and line.running,
            lambda line: replace(line, text=length, packets=packets, outcome=outcome, running=False, trouble=trouble),
        )

    def cut_off(self) -> None:
        """End the overs that go on without their end being told: the station closes."""
        for place, line in enumerate(self.lines):
            if line.running:
                self.lines[place] = replace(line, running=False, text="cut off", trouble=True)

    def add_cost(self, over: int, cost: str) -> None:
        """Say in the line of an over of ours what it took of the link."""
        self._change(_our_over(over), lambda line: replace(line, cost=cost))

    def add_receipt(self, over: int, heard: int, packets: int) -> None:
        """Say in the line of an over of ours how much of it the addressee heard."""
        share = 100 * heard / packets if packets else 100.0

        def confirm(line: LogLine) -> LogLine:
            trouble = line.trouble or heard < packets
            return replace(line, outcome=f"{line.outcome}  heard {share:.0f} %", trouble=trouble)

        self._change(_our_over(over), confirm)

    def _change(self, which: Callable[[LogLine], bool], change: Callable[[LogLine], LogLine]) -> None:
        """Replace the newest line that is meant: the numbers of overs are eight random bits, and come again."""
        for place in range(len(self.lines) - 1, -1, -1):
            if which(self.lines[place]):
                self.lines[place] = change(self.lines[place])
                return


def _our_over(number: int) -> Callable[[LogLine], bool]:
    return lambda line: line.side is Side.MINE and line.over == number


def _our_message(number: int) -> Callable[[LogLine], bool]:
    return lambda line: line.side is Side.MINE and line.message == number


def _utc_s(entry: PastEntry) -> float:
    recorded = entry.recorded
    return recorded.began_utc_s if isinstance(recorded, RecordedOver) else recorded.at_utc_s


def _past_line(number: int, entry: PastEntry, at_s: float, me: str) -> LogLine:
    """Return the line of an over or a message from the disk."""
    recorded, missed, name = entry.recorded, entry.mark is Mark.MISSED, entry.path.name
    side = Side.MINE if recorded.direction == "sent" else Side.THEIRS
    who = recorded.sender or SOMEBODY
    if isinstance(recorded, RecordedOver):
        length, packets = f"{recorded.duration_s:4.1f} s", packets_words(len(recorded.packets))
        outcome = losses(recorded) if side is Side.THEIRS else ""
        line = LogLine(
            number, at_s, side, who, length, NO_NUMBER, packets=packets, outcome=outcome, trouble=bool(outcome)
        )
    else:
        line = LogLine(number, at_s, side, who, quoted(recorded.text, recorded.addressee, me))
        outcome = DELIVERED if entry.mark is Mark.DELIVERED else ""
    return replace(line, name=name, missed=missed, outcome=outcome)


def quoted(text: str, addressee: str, me: str) -> str:
    """Return a message as the log shows it, with whom it is for where that is not everybody."""
    return f"“{text}”" + to_words(addressee, me)


def to_words(addressee: str, me: str) -> str:
    """Return for whom an over or a message is, to stand behind the name of its sender; "" for everybody."""
    return "" if not addressee else " to you" if addressee == me else f" to {addressee}"


def packets_words(count: int) -> str:
    """Return the number of packets of an over as the log shows it."""
    return f"  {count} packet{'' if count == 1 else 's'}"


def missed_words(missed: set[str]) -> str:
    """Return how much was missed: "2 overs and 1 message missed"; "" where nothing was. missed: names of files."""
    messages = sum(name.endswith(TEXT_SUFFIX) for name in missed)
    counts = ((len(missed) - messages, "over"), (messages, "message"))
    parts = [f"{number} {what}{'' if number == 1 else 's'}" for number, what in counts if number]
    return " and ".join(parts) + (" missed" if parts else "")


def losses(event: OverPlayed | RecordedOver) -> str:
    """Return what did not arrive whole of somebody's over, or ""."""
    parts = [f"{event.lost} lost"] if event.lost else []
    parts += [f"{event.rebuilt} rebuilt"] if event.rebuilt else []
    parts += [f"{event.damaged} damaged"] if event.damaged else []
    parts += [] if event.complete else ["cut short" if isinstance(event, OverPlayed) and event.cut else "signal lost"]
    return "  " + ", ".join(parts) if parts else ""
