"""The over of `gossamer send`: what has become of it so far, and what the user should know of it."""

from __future__ import annotations

import trio

from app import events
from app.cli.link_hints import LinkHints
from app.console import aside, note
from app.events import EndReason, Event
from app.settings.words import fingerprint_line
from app.texts import counted
from transport.protocol.floor_states import State
from transport.protocol.frames import Mode


class OutgoingOver:
    """One over on its way out, from the first try for the floor to its last bit."""

    def __init__(self, *, live: bool) -> None:
        """Take live: true for an over from the microphone, false for one from a file."""
        self._live = live
        self.done = trio.Event()
        """Set when the over is sent, or can never be."""
        self.denied = trio.Event()
        """Set when somebody else has the floor."""
        self.busy = trio.Event()
        """Set while somebody else is heard."""
        self.free = trio.Event()
        """Set while nobody is."""
        self.interrupted = False
        """True once a signal has asked for the end."""
        self.microphone_tried = trio.Event()
        """Set when the microphone works, or does not open."""
        self.sent: events.OverSent | None = None
        self.receipt: events.OverConfirmed | None = None
        self.problem = ""
        """Reason why nothing was sent, in one line."""
        self.left = trio.Event()
        """Set when its END has left."""
        self.cut = False
        """True once errors of the link have ended the over: its END is no success."""
        self.mode = Mode.OPEN
        self.not_understood = trio.Event()
        """Set when somebody here has another passphrase, mode or clock."""
        self.hints = LinkHints()

    def note(self, event: Event) -> None:
        """Take an event of the engine, and print what the user should know of it."""
        match event:
            case events.OverSent() if not self.cut:
                self.sent = event
                self.left.set()
                if self.hints.works.is_set():
                    self.done.set()
            case events.TalkEnded(packets=packets, duration_s=lost_s, reason=EndReason.LINK_LOST):
                had_left = f"{counted(packets, 'packet')} had left"
                self.problem = f"the over was lost after {lost_s:.1f} s, {had_left}: send it again when the link works"
                self.done.set()  # it cannot be continued; why was said when the link failed
            case events.FloorChanged(state):
                self._floor_changed(state)
            case events.TalkDenied(reason):
                self.problem = self.problem or reason
                self.denied.set()
            case events.LinkProblem() if not self.done.is_set():  # afterwards the far end may leave, as `listen --once`
                self._link_fails(event)
            case events.LinkRecovered() if self.hints.fails.is_set():
                self.hints.recovered()
                if self.sent is not None:
                    self.done.set()
            case events.OverConfirmed():
                self.receipt = event
            case events.RecordingProblem():
                note(str(event))
            case events.ChannelProblem():
                note(str(event))
                self.not_understood.set()
            case events.TextHeard():
                aside(str(event))
            case events.TalkPermitted() if self._live:
                aside("on air: Ctrl-C ends the over")
            case events.StationReady():
                self.mode = event.mode
                if event.fingerprint:
                    aside(fingerprint_line(event.fingerprint))
                for command in event.invitations:
                    aside(f"to call this station: {command}")
            case events.SlowLink():
                note(f"this link is {event}")
            case events.DeviceReady("microphone"):
                self.microphone_tried.set()
            case events.DeviceProblem("microphone"):
                if self.microphone_tried.is_set():
                    note(str(event))
                else:
                    self.problem = str(event)
                    self.microphone_tried.set()
                    self.done.set()

    def doubt(self) -> None:
        """Take that the link still told of errors when the over had left: whoever was there may have gone."""
        if not self.done.is_set():
            self.problem, self.sent, self.cut = (
                f"{self.hints.last}: the over may not have been heard, send it again",
                None,
                True,
            )
            self.done.set()

    def _link_fails(self, event: events.LinkProblem) -> None:
        """Take an error of the link: a hint, until it has lasted."""
        if event.lasting:
            self.problem, self.sent, self.cut = str(event), None, True
            self.done.set()
        else:
            self.hints.failed(event)

    def _floor_changed(self, state: State) -> None:
        if state is State.IDLE:
            self.busy = trio.Event()
            self.free.set()
        elif state in (State.RECEIVING, State.LOCKED_OUT):
            self.free = trio.Event()
            self.busy.set()
