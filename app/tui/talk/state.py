"""The state of the talk screen, worked out from the engine's events: no terminal, no clock. Times are of one clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

from app import events
from app.tui.talk.link_title import LinkTitle
from app.tui.talk.log import SOMEBODY, KeptEvent, Log, Side, losses, quoted
from app.tui.talk.phase import FLOOR_PHASES, MINE, Phase
from app.tui.talk.stations import Stations
from app.tui.talk.talk_key import TalkKey

REFUSAL_SHOWN_S = 4.0
"""Seconds that a refusal stays on the screen when nothing else happens: long enough to read a line twice."""
AS_MEANT = (events.EndReason.RELEASED, events.EndReason.CLIP_ENDED)
"""Ends of an over of ours that need no remark."""

_Floor = events.FloorChanged | events.Collision | events.TalkDenied | events.TalkTimeWarning
_Ours = events.TalkPermitted | events.TalkEnded | events.TalkDraining | events.OverSent | events.OverConfirmed
_Theirs = (
    events.OverBegan
    | events.OverPlayed
    | events.CallHeard
    | events.TextHeard
    | events.CodecMismatch
    | events.ReplayBegan
)
_Figures = (
    events.WireRate
    | events.PacketCounts
    | events.PlayoutState
    | events.MouthToEar
    | events.ChannelCounts
    | events.Level
)
_Health = (
    events.DeviceProblem
    | events.DeviceReady
    | events.LinkProblem
    | events.LinkRecovered
    | events.RecordingProblem
    | events.ChannelProblem
    | events.PresenceChanged
)
_Unshown = events.PongHeard | events.TextSent
_Station = (
    events.StationReady | events.SlowLink | events.VoxChanged | events.ReplayEnded | events.ReplayRefused | _Unshown
)
ShownProblem = events.DeviceProblem | events.LinkProblem


@dataclass
class TalkState:
    """Everything that the talk screen shows; changed by `apply`, by `pass_time` and by what the user does."""

    me: str = "you"
    protection: str = ""
    """Protection of the channel, in words."""
    key: TalkKey = field(default_factory=TalkKey)
    now_s: float = 0.0
    """The time as of the last change."""
    phase: Phase = Phase.STARTING
    since_s: float = 0.0
    """Time at which the phase began."""
    who: str = ""
    """Name of the one who talks, or talked last, on the other side."""
    meant_for: str = ""
    """Name of the one whom that is for; "" is everybody."""
    reason: str = ""
    """Reason why an over was refused, collided, or the station ended."""
    refused_at_s: float | None = None
    """Time of the refusal that is still to be read."""
    floor: Phase = Phase.STARTING
    """The phase of the engine's last word on the floor; `phase` is this, unless there is more to say."""
    hearing: bool = False
    """Somebody's over is being played: that lasts a little longer than the floor is theirs."""
    replaying: events.ReplayBegan | None = None
    """The over that is being played once more."""
    calling: str = ""
    """Name of the one who has called after a pause, until that over has ended."""
    vox: bool = False
    """Voice operation is on."""
    clip_instead: bool = False
    """A recorded clip speaks where there is no microphone."""
    addressee: str = ""
    """Name of the one who is asked to confirm our overs."""
    automatic: bool = False
    """The addressee is whoever alone is here with us."""
    others: Stations = field(default_factory=Stations)
    time_left_s: float | None = None
    """Seconds to the time-out, once it is near, as of `time_left_at_s`."""
    time_left_at_s: float = 0.0
    draining_s: float = 0.0
    """Seconds until our last frame is out, as of the last report."""
    loudest_db: float = events.QUIET_DB
    """The microphone's highest peak since the phase began."""
    signal_lost: bool = False
    station: events.StationReady | None = None
    link: LinkTitle = field(default_factory=LinkTitle)
    wire: events.WireRate | None = None
    counts: events.PacketCounts | None = None
    refusals: events.ChannelCounts | None = None
    playout: events.PlayoutState | None = None
    mouth_to_ear: events.MouthToEar | None = None
    problems: dict[str, ShownProblem] = field(default_factory=dict)
    """Problems of now, by "microphone", "loudspeaker" and "link"."""
    devices: dict[str, events.DeviceReady] = field(default_factory=dict)
    log: Log = field(default_factory=Log)

    def pass_time(self, now_s: float) -> None:
        """Let a refusal fade."""
        self._settle(now_s)

    def wrote(self, text: str, now_s: float, to: str = "", number: int | None = None) -> None:
        """Log a short message of ours. number: its number on the channel; None where it was not sent."""
        self.log.note(Side.MINE, self.me, quoted(text, to, ""), now_s, message=number)

    def note(self, about: str, text: str, now_s: float) -> None:
        """Log that something has gone wrong."""
        self.log.note(Side.NOTE, about, text, now_s, trouble=True)

    def end(self, reason: str, now_s: float) -> None:
        """Show that the engine is going, with one line why."""
        self.reason, self.floor = reason, Phase.ENDED
        self._settle(now_s)

    def apply(self, event: events.Event, now_s: float) -> None:
        """Take one event. mypy fails on one that has no case, here or in the methods below."""
        if isinstance(event, _Floor):
            self._take_floor(event, now_s)
        elif isinstance(event, _Ours):
            self._take_ours(event, now_s)
        elif isinstance(event, _Theirs):
            self._take_theirs(event, now_s)
        elif isinstance(event, _Figures):
            self._take_figures(event)
        elif isinstance(event, _Health):
            self._take_health(event, now_s)
        elif isinstance(event, KeptEvent):
            self.log.take(event)
        else:
            self._take_station(event, now_s)
        self._settle(now_s)

    def _take_floor(self, event: _Floor, now_s: float) -> None:
        """Take what is said of who may talk."""
        match event:
            case events.FloorChanged():
                self.floor = FLOOR_PHASES[event.state]
                if self.floor not in (Phase.REFUSED, Phase.RECEIVING):
                    self.refused_at_s = None
            case events.Collision():
                self.reason = event.reason
                # Without a second talker it is a receipt that has not come, which may have many reasons.
                self.note("collision" if self.floor is Phase.COLLISION else "unconfirmed", event.reason, now_s)
            case events.TalkDenied():
                self.reason, self.refused_at_s = event.reason, now_s
                self.note("refused", event.reason, now_s)
            case events.TalkTimeWarning():
                self.time_left_s, self.time_left_at_s = event.left_s, now_s
            case _:
                assert_never(event)

    def _take_ours(self, event: _Ours, now_s: float) -> None:
        """Take what is said of our over."""
        match event:
            case events.TalkPermitted():
                self.log.begin(Side.MINE, self.me, event.over, now_s)
            case events.TalkEnded():
                outcome = "" if event.reason in AS_MEANT else f", {event.reason.value}"
                self.log.end(Side.MINE, event, outcome, trouble=bool(outcome))
            case events.TalkDraining():
                self.draining_s = event.left_s
            case events.OverSent():
                self.log.add_cost(event.over, f"  wire {event.wire_bps:.0f} bit/s")
            case events.OverConfirmed():
                self.log.add_receipt(event.over, event.heard, event.packets)
            case _:
                assert_never(event)

    def _take_theirs(self, event: _Theirs, now_s: float) -> None:
        """Take what is heard of others."""
        sender = event.sender or SOMEBODY
        match event:
            case events.OverBegan():
                self.signal_lost, self.hearing = False, True
                self.log.begin(Side.THEIRS, sender, event.over, now_s)
                self.others.heard(event.sender)
                self.who, self.meant_for = sender, event.addressee
            case events.OverPlayed():
                self.log.end(Side.THEIRS, event, losses(event), trouble=bool(event.lost) or not event.complete)
                self.hearing, self.calling = False, ""
            case events.CallHeard():
                self.calling = sender
            case events.TextHeard():
                if event.addressee != self.me:  # a relay's words on an over of ours: nobody to talk to
                    self.others.heard(event.sender)
                text = quoted(event.text, event.addressee, self.me)
                self.log.note(Side.THEIRS, sender, text, now_s, message=event.number)
            case events.CodecMismatch():
                text = f"talks with codec {event.theirs}, this is {event.ours}: one of you needs the other's version"
                self.note(sender, text, now_s)
            case events.ReplayBegan():
                self.replaying = event
            case _:
                assert_never(event)

    def _take_figures(self, event: _Figures) -> None:
        """Take the newest of a figure."""
        match event:
            case events.WireRate():
                self.wire = event
            case events.PacketCounts():
                self.counts = event
            case events.PlayoutState():
                self.playout, self.signal_lost = event, event.signal_lost
            case events.MouthToEar():
                self.mouth_to_ear = event
            case events.ChannelCounts():
                self.refusals = event
            case events.Level():
                if event.device == "microphone":  # what the meters show they are told directly
                    self.loudest_db = max(self.loudest_db, event.peak_db)
            case _:
                assert_never(event)

    def _take_health(self, event: _Health, now_s: float) -> None:
        """Take what is said of devices, of the link and who is on it, and of the files."""
        match event:
            case events.DeviceProblem():
                self.devices.pop(event.device, None)
                self._take_problem(event.device, event, now_s)
            case events.DeviceReady():
                if self.problems.pop(event.device, None):
                    self.log.note(Side.NOTE, event.device, f"works: {event.name}", now_s)
                self.devices[event.device] = event
            case events.LinkProblem():
                self._take_problem("link", event, now_s)
            case events.LinkRecovered():
                if self.problems.pop("link", None):
                    self.log.note(Side.NOTE, "link", "works again", now_s)
            case events.PresenceChanged():
                self.others.take(event, now_s)
                self.addressee = self.others.only_other if self.automatic else self.addressee
            case events.RecordingProblem():
                self.note("recording", str(event), now_s)
            case events.ChannelProblem():
                self.note("channel", str(event), now_s)
            case _:
                assert_never(event)

    def _take_station(self, event: _Station, now_s: float) -> None:
        """Take what is said of the station itself."""
        match event:
            case events.StationReady():
                self.station, self.floor = event, Phase.QUIET
                self.link = LinkTitle.of(event)
            case events.SlowLink():
                self.note("link", str(event), now_s)
            case events.VoxChanged():
                self.vox = event.on
                if event.problem:
                    self.note("voice", event.problem, now_s)
            case events.ReplayEnded():
                self.replaying = None
            case events.ReplayRefused():
                self.note("replay", event.reason, now_s)
            case events.PongHeard() | events.TextSent():
                pass
            case _:
                assert_never(event)

    def _take_problem(self, about: str, problem: ShownProblem, now_s: float) -> None:
        """List a problem until it is gone, and log it: the log keeps it whole, however little room there is."""
        if self.problems.get(about) != problem:
            self.note(about, str(problem), now_s)
        self.problems[about] = problem

    def _settle(self, now_s: float) -> None:
        """Work out the phase from everything that was told."""
        self.now_s = now_s
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
