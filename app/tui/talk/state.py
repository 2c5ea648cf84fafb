"""What the screen says, worked out from the engine's events: no terminal, no clock. Times are seconds of one clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import count
from typing import assert_never

from app import events
from app.events import EndReason
from transport.protocol.floor_states import State

REFUSAL_SHOWN_S = 4.0
"""How long a refusal stays on the screen when nothing else happens: long enough to read a line twice."""
STATIONS_KEPT = 12
OVERS_KEPT = 200
"""Lines of the log. At a few seconds an over, half an hour."""


class Phase(Enum):
    """What push-to-talk is doing, in the words on the screen."""

    STARTING = "STARTING"
    QUIET = "LISTENING"
    ASKED = "ASKING"
    ON_AIR = "ON AIR"
    COLLISION = "COLLISION"
    DRAINING = "SENDING"
    RECEIVING = "RECEIVING"
    REFUSED = "REFUSED"
    REPLAY = "REPLAY"
    ENDED = "ENDED"


MINE = (Phase.ASKED, Phase.ON_AIR, Phase.COLLISION)
"""The talk key is down, or latched, and counts."""

_FLOOR = {
    State.IDLE: Phase.QUIET,
    State.ASKED: Phase.ASKED,
    State.ON_AIR: Phase.ON_AIR,
    State.COLLIDED: Phase.COLLISION,
    State.DRAINING: Phase.DRAINING,
    State.RECEIVING: Phase.RECEIVING,
    State.LOCKED_OUT: Phase.REFUSED,
}
"""The phase that goes with each state of the floor."""


AS_MEANT = (EndReason.RELEASED, EndReason.CLIP_ENDED)
"""Ends of an over that need no remark."""


class Side(Enum):
    """Whose line of the log it is."""

    MINE = "mine"
    THEIRS = "theirs"
    NOTE = "note"


@dataclass(frozen=True)
class Length:
    """How long an over was."""

    duration_s: float
    packets: int

    def words(self, narrow: bool = False) -> str:
        """Return the duration and, unless `narrow`, the packets, which can be worked out from it."""
        packets = f"  {self.packets} packet{'' if self.packets == 1 else 's'}"
        return f"{self.duration_s:4.1f} s" + ("" if narrow else packets)


@dataclass(frozen=True)
class LogLine:
    """One over, message or note in the log; replaced while its over goes on."""

    number: int
    """Counts up; the same line keeps its number."""
    at_s: float
    side: Side
    who: str
    text: str
    over: int | None = None
    running: bool = False
    """The over goes on: what is shown after ``text`` is its age."""
    trouble: bool = False
    cost: str = ""
    """What it took of the link; shown after ``text``, where there is room."""
    length: Length | None = None
    """Of an over that has ended; shown before ``text``."""

    def words(self, narrow: bool = False) -> str:
        """Return length and text, without the packets where it is narrow."""
        return (self.length.words(narrow) if self.length is not None else "") + self.text


@dataclass
class Standing:
    """Everything that the talk screen shows in words and figures; ``apply`` is the only thing that changes it."""

    me: str = "you"
    phase: Phase = Phase.STARTING
    since_s: float = 0.0
    """When the phase began."""
    who: str = ""
    """Who talks, or talked last, on the other side."""
    reason: str = ""
    """Why: refused, collided, ended."""
    refused_at_s: float | None = None
    """A refusal is to be read until REFUSAL_SHOWN_S later."""
    floor: Phase = Phase.STARTING
    """The engine's last word on the floor; the phase is this, unless there is more to say."""
    hearing: bool = False
    """Somebody's over is being played: that lasts a little longer than the floor is theirs."""
    replaying: str = ""
    """Whose over is being played once more."""
    calling: str = ""
    """Who has called after a pause, until that over has ended."""
    vox: bool = False
    """Voice operation is on."""
    addressee: str = ""
    """Who is asked to confirm our overs."""
    stations: list[str] = field(default_factory=list)
    """Who was heard, the newest first."""
    time_left_s: float | None = None
    """Seconds to the time-out, once it is near, as of ``time_left_at_s``."""
    time_left_at_s: float = 0.0
    draining_s: float = 0.0
    """Seconds until our last frame is out, as of the last report."""
    loudest_db: float = events.QUIET_DB
    """The microphone's highest peak since the phase began."""
    signal_lost: bool = False
    station: events.StationReady | None = None
    wire: events.WireRate | None = None
    counts: events.PacketCounts | None = None
    refusals: events.ChannelCounts | None = None
    playout: events.PlayoutState | None = None
    mouth_to_ear: events.MouthToEar | None = None
    problems: dict[str, events.DeviceProblem | events.LinkProblem] = field(default_factory=dict)
    """What is missing now: "microphone", "loudspeaker", "link"."""
    devices: dict[str, events.DeviceReady] = field(default_factory=dict)
    log: deque[LogLine] = field(default_factory=lambda: deque(maxlen=OVERS_KEPT))
    _numbers: count[int] = field(default_factory=count)

    def pass_time(self, now_s: float) -> None:
        """Let a refusal fade."""
        self._settle(now_s)

    def wrote(self, text: str, now_s: float, to: str = "") -> None:
        """We sent a short message."""
        self._note(Side.MINE, self.me, f"“{text}”" + (f" to {to}" if to else ""), now_s)

    def _to(self, addressee: str) -> str:
        return "" if not addressee else " to you" if addressee == self.me else f" to {addressee}"

    def _heard_of(self, name: str) -> None:
        if name:
            self.stations = [name, *(other for other in self.stations if other != name)][:STATIONS_KEPT]

    def note(self, about: str, text: str, now_s: float) -> None:
        """Something that is not of the engine has gone wrong."""
        self._note(Side.NOTE, about, text, now_s, trouble=True)

    def end(self, reason: str, now_s: float) -> None:
        """The engine is going; ``reason`` says why, in one line."""
        self.reason, self.floor = reason, Phase.ENDED
        self._settle(now_s)

    def apply(self, event: events.Event, now_s: float) -> None:
        """Take one event. Every kind that the engine emits is listed here."""
        self._take(event, now_s)
        self._settle(now_s)

    def _take(self, event: events.Event, now_s: float) -> None:
        match event:
            case events.StationReady():
                self.station, self.floor = event, Phase.QUIET
            case events.SlowLink():
                self._note(Side.NOTE, "link", str(event), now_s, trouble=True)
            case events.FloorChanged():
                self.floor = _FLOOR[event.state]
                if self.floor not in (Phase.REFUSED, Phase.RECEIVING):
                    self.refused_at_s = None
            case events.Collision():
                self.reason = event.reason
                self._note(Side.NOTE, "collision", event.reason, now_s, trouble=True)
            case events.TalkPermitted():
                self._begin_line(Side.MINE, self.me, event.over, now_s)
            case events.TalkDenied():
                self.reason, self.refused_at_s = event.reason, now_s
                self._note(Side.NOTE, "refused", event.reason, now_s, trouble=True)
            case events.TalkTimeWarning():
                self.time_left_s, self.time_left_at_s = event.left_s, now_s
            case events.TalkEnded():
                ending = "" if event.reason in AS_MEANT else f", {event.reason.value}"
                self._end_line(Side.MINE, event, ending, bool(ending))
            case events.TalkDraining():
                self.draining_s = event.left_s
            case events.OverSent():
                cost = f"  wire {event.wire_bps:.0f} bit/s"
                self._change_line(event.over, _is_mine, lambda line: replace(line, cost=cost))
            case events.Receipt():
                share = 100 * event.heard / event.packets if event.packets else 100.0
                heard, trouble = f"  heard {share:.0f} %", event.heard < event.packets
                self._change_line(
                    event.over,
                    _is_mine,
                    lambda line: replace(line, text=line.text + heard, trouble=line.trouble or trouble),
                )
            case events.OverBegan():
                self.who, self.signal_lost, self.hearing = event.sender or "somebody", False, True
                self._begin_line(Side.THEIRS, self.who, event.over, now_s)
                self._heard_of(event.sender)
                self.who += self._to(event.addressee)
            case events.OverEnded():
                self._end_line(Side.THEIRS, event, _losses(event), bool(event.lost) or not event.complete)
                self.hearing, self.calling = False, ""
            case events.CallHeard():
                self.calling = event.sender or "somebody"
            case events.TextHeard():
                self._heard_of(event.sender)
                text = f"“{event.text}”{self._to(event.addressee)}"
                self._note(Side.THEIRS, event.sender or "somebody", text, now_s)
            case events.VoxChanged():
                self.vox = event.on
                if event.problem:
                    self._note(Side.NOTE, "voice", event.problem, now_s, trouble=True)
            case events.ReplayBegan():
                self.replaying = event.sender or "somebody"
            case events.ReplayEnded():
                self.replaying = ""
            case events.ReplayRefused():
                self._note(Side.NOTE, "replay", event.reason, now_s, trouble=True)
            case events.CodecMismatch():
                text = f"talks with codec {event.theirs}, this is {event.ours}: one of you needs the other's version"
                self._note(Side.NOTE, event.sender or "somebody", text, now_s, trouble=True)
            case events.WireRate():
                self.wire = event
            case events.PacketCounts():
                self.counts = event
            case events.PlayoutState():
                self.playout, self.signal_lost = event, event.signal_lost
            case events.PongHeard():
                pass
            case events.MouthToEar():
                self.mouth_to_ear = event
            case events.DeviceProblem():
                self.devices.pop(event.device, None)
                self.problems[event.device] = event
            case events.DeviceReady():
                if problem := self.problems.pop(event.device, None):
                    # Another device took over, at once perhaps: then this is the only place to read why.
                    self._note(Side.NOTE, event.device, problem.cause, now_s, trouble=True)
                    self._note(Side.NOTE, event.device, f"works: {event.name}", now_s)
                self.devices[event.device] = event
            case events.LinkProblem():
                if self.problems.get("link") != event:
                    self._note(Side.NOTE, "link", event.cause, now_s, trouble=True)
                self.problems["link"] = event
            case events.RecordingProblem():
                self._note(Side.NOTE, "recording", str(event), now_s, trouble=True)
            case events.LinkRecovered():
                if self.problems.pop("link", None):
                    self._note(Side.NOTE, "link", "works again", now_s)
            case events.ChannelCounts():
                self.refusals = event
            case events.ChannelProblem():
                self._note(Side.NOTE, "channel", str(event), now_s, trouble=True)
            case events.Level():
                if event.device == "microphone":  # what the meters show they are told directly
                    self.loudest_db = max(self.loudest_db, event.peak_db)
            case _:
                assert_never(event)  # mypy fails on an event that has no case

    def _settle(self, now_s: float) -> None:
        """Work out the phase from everything that was told."""
        if self.refused_at_s is not None and now_s - self.refused_at_s >= REFUSAL_SHOWN_S:
            self.refused_at_s = None
        phase = self.floor
        if phase is Phase.QUIET and self.hearing:
            phase = Phase.RECEIVING
        elif phase is Phase.QUIET and self.replaying:
            phase = Phase.REPLAY
        if self.refused_at_s is not None and phase not in (*MINE, Phase.ENDED):
            phase = Phase.REFUSED
        if phase is not self.phase:
            self.phase, self.since_s, self.time_left_s, self.loudest_db = phase, now_s, None, events.QUIET_DB

    def _note(self, side: Side, who: str, text: str, now_s: float, trouble: bool = False) -> None:
        self.log.append(LogLine(next(self._numbers), now_s, side, who, text, trouble=trouble))

    def _begin_line(self, side: Side, who: str, over: int, now_s: float) -> None:
        self.log.append(LogLine(next(self._numbers), now_s, side, who, "", over, running=True))

    def _end_line(self, side: Side, end: events.TalkEnded | events.OverEnded, text: str, trouble: bool) -> None:
        length = Length(end.duration_s, end.packets)
        self._change_line(
            end.over,
            lambda line: line.side is side and line.running,
            lambda line: replace(line, length=length, text=text, running=False, trouble=trouble),
        )

    def _change_line(self, over: int, which: Callable[[LogLine], bool], change: Callable[[LogLine], LogLine]) -> None:
        """Over numbers are eight random bits and come again: it is the newest line that is meant."""
        for place in range(len(self.log) - 1, -1, -1):
            if self.log[place].over == over and which(self.log[place]):
                self.log[place] = change(self.log[place])
                return


def _is_mine(line: LogLine) -> bool:
    return line.side is Side.MINE


def _losses(event: events.OverEnded) -> str:
    parts = [f"{event.lost} lost"] if event.lost else []
    parts += [f"{event.damaged} damaged"] if event.damaged else []
    parts += [] if event.complete else ["signal lost"]
    return "  " + ", ".join(parts) if parts else ""
