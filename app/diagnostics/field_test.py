"""A field test: two stations speak known clips to each other, over after over, and each notes what became of them.

    caller: ping, clip, ping, clip, ...          over, over, over ("field test over", what was heard)
    answerer:        clip,       clip, ...

No more protocol than that: what was said is recognised by its packets, so that any over may be lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import trio

from app import events
from app.audio.devices import Block, absent_devices
from app.diagnostics.field_records import FieldTest, HeardClip, KnownClip, SentClip, recognise
from app.events import Event
from app.history.capture import FrameWay
from app.history.over_watch import OverWatch
from app.history.overs import RecordedOver
from app.settings.model import Settings
from app.station.engine import Engine
from app.station.parts import Parts
from app.station.station import GOODBYE_S
from app.threads import first_of
from codec.format import SAMPLE_RATE_HZ
from transport.protocol.receiver import Fact

OVER_WORDS = "field test over"
"""Text by which the caller ends the test."""
OVER_TRIES = 3
"""Times that the caller says so, and that the answerer says what it heard."""
PAUSE_S = 0.7
"""Seconds between an over and the answer."""
PATIENCE_S = 20.0
"""Seconds to wait for an answer, on top of three times the length of a clip: a link may be slower than speech."""
PINGS = 3
"""Pings before each over of the caller."""
PING_WAIT_S = 3.0
"""Seconds to wait for a pong, and for a receipt."""
REFUSED_WAIT_S = 1.0
"""Seconds between two tries for the floor."""
ANSWERER_WAITS_S = 180.0
"""Seconds without an over after which the caller is believed to be gone."""
RESULT_AGAIN_S = 1.0
"""Seconds between two texts of the answerer about what it heard; the caller waits three times as long for one."""


class FieldTestObserver:
    """The eyes and ears of a field test: it notes what the engine tells, and lets the test wait for what it needs."""

    def __init__(self, test: FieldTest, known: list[KnownClip]) -> None:
        self.test = test
        self._known = known
        self._watch = OverWatch("heard")
        self._recorded: list[RecordedOver] = []
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
        self.peer_found: Callable[[str], None] = lambda name: None
        """Is told the other station's name."""

    def watch(self, way: FrameWay, octets: bytes, facts: Sequence[Fact]) -> None:
        """Take a frame of the channel."""
        if way == "in":
            self._recorded += self._watch.watch(facts, 0.0, trio.current_time())

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
                if sender and sender != test.peer:
                    test.peer = sender
                    self.peer_found(sender)
            case events.OverPlayed():
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
            case events.TextHeard(_, text):
                self._read(text)
            case events.Collision(problem):
                test.problems.append(problem)
            case events.LinkProblem() | events.ChannelProblem():
                test.problems.append(str(event))
            case events.CodecMismatch(sender, ours, theirs):
                test.problems.append(f"{sender} speaks codec {theirs}, this is {ours}")

    def _over_ended(self) -> None:
        self._recorded += self._watch.finish()  # one whose END never came
        late, self._late_before = self._late - self._late_before, self._late
        if not self._recorded:
            return
        over, self._recorded = self._recorded[-1], []
        clip = recognise(over, self._known)
        count = len(clip.packets) if clip is not None else len(over.packets)
        flags = (over.flags + "-" * count)[:count]
        self.test.heard.append(
            HeardClip(
                at_s=trio.current_time() - self.began_s,
                clip=clip.name if clip is not None else "",
                packets=count,
                flags=flags,
                lost=flags.count("-") + late,
                damaged=flags.count("d"),
                late=late,
                first_index=next((index for index, flag in enumerate(flags) if flag != "-"), 0),
                samples=np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.float32),
            )
        )

    def _read(self, text: str) -> None:
        if text == OVER_WORDS:
            self.finished.set()
        elif text.startswith("{"):
            try:
                told = json.loads(text)
            except (ValueError, RecursionError):
                return
            if isinstance(told, dict) and "heard" in told:
                self.test.there = told
                self.result.set()

    def progress(self) -> str:
        """Return a line about how the test goes."""
        test = self.test
        last = test.heard[-1] if test.heard else None
        heard = f"heard {last.packets - last.lost} of {last.packets}" if last else ""
        sent = test.sent[-1] if test.sent else None
        confirmed = f" ({sent.confirmed} confirmed)" if sent and sent.confirmed is not None else ""
        there = f", sent {sent.packets}{confirmed}" if sent else ""
        return f"{trio.current_time() - self.began_s:5.0f} s  {heard}{there}"


async def run_field_test(
    settings: Settings,
    parts: Parts,
    known: list[KnownClip],
    *,
    minutes: float,
    answer: bool,
    say: Callable[[str], None] = lambda line: None,
    stop: trio.Event | None = None,
) -> FieldTest:
    """Run one side of a field test until the time is over, the other one ends it or `stop` is set; return its record.

    answer: wait for the caller; otherwise call. say: is told how it goes, a line for each over. Raises as stations do.
    """
    test = FieldTest(settings, "answerer" if answer else "caller")
    observer = FieldTestObserver(test, known)
    engine = Engine(
        replace(settings, record=False),
        observer.note,
        replace(parts, open_sound=absent_devices, on_heard=observer.hear, on_frame=observer.watch),
    )
    observer.peer_found = engine.set_addressee  # so that it confirms our overs
    async with trio.open_nursery() as nursery:
        if stop is not None:
            nursery.start_soon(_stop_when_set, stop, engine, test, nursery.cancel_scope)
        await nursery.start(engine.run)
        await (_answer if answer else _call)(engine, observer, known, minutes, say)
        nursery.cancel_scope.cancel()
    test.duration_s = trio.current_time() - observer.began_s
    return test


async def _stop_when_set(stop: trio.Event, engine: Engine, test: FieldTest, scope: trio.CancelScope) -> None:
    """End the test early; an over of ours gets its END."""
    await stop.wait()
    test.stopped = True
    await engine.end_over(GOODBYE_S)
    scope.cancel()


async def _call(
    engine: Engine, observer: FieldTestObserver, known: list[KnownClip], minutes: float, say: Callable[[str], None]
) -> None:
    """Ping, speak and hear the answer out, again and again; then ask what the other station heard."""
    until_s, number, token = trio.current_time() + 60 * minutes, 0, 0
    while trio.current_time() < until_s:
        for _ in range(PINGS):
            token += 1
            observer.ping(engine, token)
            with trio.move_on_after(PING_WAIT_S):
                await observer.ponged.wait()
        clip = known[number % len(known)]
        number += 1
        observer.answered = trio.Event()
        await _speak(engine, observer, clip)
        with trio.move_on_after(PATIENCE_S + 3 * len(clip.samples) / SAMPLE_RATE_HZ):
            await observer.answered.wait()
        observer.test.unanswered += not observer.answered.is_set()
        say(observer.progress())
        await trio.sleep(PAUSE_S)
    for _ in range(OVER_TRIES):
        engine.send_text(OVER_WORDS, "")
        with trio.move_on_after(3 * RESULT_AGAIN_S):
            await observer.result.wait()
        if observer.result.is_set():
            break


async def _answer(
    engine: Engine, observer: FieldTestObserver, known: list[KnownClip], minutes: float, say: Callable[[str], None]
) -> None:
    """Answer every over with one, until the caller ends the test or is gone; then tell what was heard."""
    await observer.heard_something.wait()
    number = 1  # so that the two directions say different things
    with trio.move_on_after(60 * minutes + ANSWERER_WAITS_S):
        while not observer.finished.is_set():
            with trio.move_on_after(ANSWERER_WAITS_S):
                await first_of(observer.answered, observer.finished)
            if observer.finished.is_set() or not observer.answered.is_set():
                break
            observer.answered = trio.Event()
            await trio.sleep(PAUSE_S)
            await _speak(engine, observer, known[number % len(known)])
            number += 1
            say(observer.progress())
    for _ in range(OVER_TRIES):
        engine.send_text(json.dumps(observer.test.heard_in_short(), separators=(",", ":")), "")
        await trio.sleep(RESULT_AGAIN_S)


async def _speak(engine: Engine, observer: FieldTestObserver, clip: KnownClip) -> None:
    """Speak the clip as soon as the floor is free; give up where the link takes nothing."""
    observer.receipt, observer.confirmed = None, trio.Event()
    with trio.move_on_after(PATIENCE_S + 6 * len(clip.samples) / SAMPLE_RATE_HZ) as patience:
        while True:
            observer.said, observer.refused = trio.Event(), trio.Event()
            engine.play_clip(clip.samples)
            await first_of(observer.said, observer.refused)
            if observer.said.is_set():
                break
            engine.key_up()
            await trio.sleep(REFUSED_WAIT_S)
    if patience.cancelled_caught or observer.sent is None:
        observer.test.problems.append("an over could not be sent")
        return
    if observer.test.peer:
        with trio.move_on_after(PING_WAIT_S):
            await observer.confirmed.wait()
    receipt: events.OverConfirmed | None = observer.receipt
    at_s = trio.current_time() - observer.began_s
    confirmed = receipt.heard if receipt is not None else None
    observer.test.sent.append(SentClip(at_s, clip.name, observer.sent.packets, confirmed, observer.sent.wire_bps))
