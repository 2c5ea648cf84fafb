"""The notes that one side of a field test takes, from the engine's events and from the frames of the channel."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
import trio

from app import events
from app.audio.devices import Block
from app.diagnostics.field_records import FieldTest, HeardClip, KnownClip, recognise
from app.events import Event
from app.history.capture import FrameWay
from app.history.over_watch import OverWatch
from app.history.overs import PacketFlag, RecordedOver
from app.station.engine import Engine
from transport.protocol.receiver import Fact

OVER_WORDS = "field test over"
"""Text by which the caller ends the test."""


class FieldTestObserver:
    """The eyes and ears of a field test: it notes what the engine tells, and lets the test wait for what it needs."""

    def __init__(self, test: FieldTest, known: list[KnownClip], say: Callable[[str], None]) -> None:
        """Take the record, the clips that are spoken, and what is told of troubles and messages, a line each."""
        self.test = test
        self._known = known
        self._say = say
        self._watch = OverWatch("heard")
        self._recorded: RecordedOver | None = None
        """The over that ended last and is not yet played: of overs that never are, others of another codec, no more."""
        self._late_before = self._late = 0
        self._blocks: list[Block] = []
        self._pings: dict[int, float] = {}
        self.began_s = trio.current_time()
        self.sent: events.OverSent | None = None
        self.receipt: events.OverConfirmed | None = None
        self.answered = trio.Event()
        """Set when an over of the other station has ended."""
        self.said = trio.Event()
        """Set when our over is sent."""
        self.refused = trio.Event()
        """Set when the floor was refused."""
        self.confirmed = trio.Event()
        """Set when a receipt came."""
        self.ponged = trio.Event()
        """Set when a pong came."""
        self.finished = trio.Event()
        """Set when the caller has ended the test."""
        self.result = trio.Event()
        """Set when the other station has told what it heard."""
        self.heard_something = trio.Event()
        """Set when the first over of the other station begins."""

    def watch(self, way: FrameWay, octets: bytes, facts: Sequence[Fact]) -> None:
        """Take a frame of the channel."""
        if way == "in":
            self._keep(self._watch.watch(facts, 0.0, trio.current_time()))

    def hear(self, block: Block) -> None:
        """Take float32 [n] of what is heard."""
        self._blocks.append(block)

    def ping(self, engine: Engine, token: int) -> None:
        """Send a ping; `ponged` is set when its answer comes."""
        self.ponged = trio.Event()
        self._pings[token] = trio.current_time()
        self.test.pings += 1
        engine.ping(token)

    def note(self, event: Event) -> None:
        """Take an event of the engine."""
        test = self.test
        match event:
            case events.StationReady():
                test.k, test.mode = event.packets_per_frame, event.mode
            case events.OverBegan(_, sender):
                self._blocks = []
                self.heard_something.set()
                test.peer = sender or test.peer
            case events.OverPlayed(cut=False):
                self._over_ended()
                self.answered.set()
            case events.PacketCounts():
                self._late = event.late
            case events.OverSent():
                self.sent = event
                self.said.set()
            case events.TalkDenied():
                self.refused.set()
            case events.OverConfirmed():
                self.receipt = event
                self.confirmed.set()
            case events.PongHeard(token) if token in self._pings:
                test.round_trips_s.append(trio.current_time() - self._pings.pop(token))
                self.ponged.set()
            case events.PlayoutState():
                test.holds_s.append(event.hold_s)
            case events.MouthToEar():
                test.mouth_to_ear_s.append(event.total_s)
            case events.TextHeard(_, text) if not self._is_of_test(text):
                self._say(str(event))
            case events.Collision(problem):
                test.problems.append(problem)
            case events.LinkProblem() | events.ChannelProblem():
                self._trouble(str(event))
            case events.LinkRecovered():
                self._say("the link works again")
            case events.CodecMismatch(sender, ours, theirs):
                self._trouble(f"{sender} speaks codec {theirs}, this is {ours}")

    def _trouble(self, problem: str) -> None:
        """Put a problem into the record, and tell of it at once."""
        self.test.problems.append(problem)
        self._say(problem)

    def _keep(self, overs: list[RecordedOver]) -> None:
        """Take overs that have ended."""
        if overs:
            self._recorded = overs[-1]

    def _over_ended(self) -> None:
        self._keep(self._watch.finish())  # one whose END never came
        late, self._late_before = self._late - self._late_before, self._late
        over, self._recorded = self._recorded, None
        if over is None:
            return
        clip = recognise(over, self._known)
        count = len(clip.packets) if clip is not None else len(over.packets)
        flags = (over.flags + PacketFlag.LOST * count)[:count]
        self.test.heard.append(
            HeardClip(
                at_s=trio.current_time() - self.began_s,
                clip=clip.name if clip is not None else "",
                packets=count,
                flags=flags,
                lost=flags.count(PacketFlag.LOST) + late,
                rebuilt=flags.count(PacketFlag.COPY),
                damaged=flags.count(PacketFlag.DAMAGED),
                late=late,
                first_index=next((index for index, flag in enumerate(flags) if flag != PacketFlag.LOST), 0),
                samples=np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.float32),
            )
        )

    def _is_of_test(self, text: str) -> bool:
        """Take what the other side of the test tells by a message; return False for one that is none of that."""
        if text == OVER_WORDS:
            self.finished.set()
            return True
        try:
            told = json.loads(text) if text.startswith("{") else None
        except (ValueError, RecursionError):
            return False
        if isinstance(told, dict) and "heard" in told:
            self.test.there = told
            self.result.set()
            return True
        return False

    def progress(self) -> str:
        """Return a line about how the test goes."""
        test = self.test
        last = test.heard[-1] if test.heard else None
        heard = f"heard {last.packets - last.rebuilt - last.lost} of {last.packets}" if last else ""
        sent = test.sent[-1] if test.sent else None
        confirmed = f" ({sent.confirmed} confirmed)" if sent and sent.confirmed is not None else ""
        there = f", sent {sent.packets}{confirmed}" if sent else ""
        return f"{trio.current_time() - self.began_s:5.0f} s  {heard}{there}"
