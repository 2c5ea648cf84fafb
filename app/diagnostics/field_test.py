"""A field test: two stations speak known clips to each other, over after over, and each notes what became of them.

    caller: ping, clip, ping, clip, ...          over, over, over ("field test over", what was heard)
    answerer:        clip,       clip, ...

No more protocol than that: what was said is recognised by its packets, so that any over may be lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import trio

from app import events
from app.audio.devices import Block, absent_devices
from app.events import Event
from app.history.capture import Way
from app.history.overs import RecordedOver
from app.history.recorder import OverWatch
from app.settings.model import Settings
from app.station.engine import Engine
from app.station.parts import Parts
from app.station.talker import PacketEncoder
from codec import format as fmt
from transport.protocol.frames import Mode
from transport.protocol.receiver import Fact

OVER_WORDS = "field test over"
PAUSE_S = 0.7
"""Between an over and the answer."""
PATIENCE_S = 20.0
"""For an answer, on top of three times the length of a clip: a link may be slower than speech."""
PINGS = 3
"""Before each over of the caller."""
PING_WAIT_S = 3.0
SAME_BITS = 0.8
"""Packets of the same speech agree in so many bits, damaged or made by another processor; others in half."""
ANSWERER_WAITS_S = 180.0
"""The caller has gone, if nothing came for so long."""
RESULT_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class KnownClip:
    """Something to say."""

    name: str
    samples: np.ndarray
    """float32 [n], 8 kHz"""
    packets: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class HeardClip:
    """One of the other station's overs, as it came and as it sounded."""

    at_s: float
    """Of its end, since the start of the test."""
    clip: str
    """"" where it was none of ours."""
    packets: int
    """That the clip has."""
    flags: str
    """A letter a packet, as in app/history/overs.py, of the whole clip: what never came is lost."""
    lost: int
    """Not played in time, or never come."""
    damaged: int
    late: int
    """Of those lost: came, but not in time."""
    first_index: int
    samples: np.ndarray
    """What was heard, from the packet of that index on. float32 [n]"""


@dataclass(frozen=True, slots=True)
class SentClip:
    """One of our overs."""

    at_s: float
    clip: str
    packets: int
    confirmed: int | None
    """Packets that arrived intact, as the other station says; None: it has not said."""
    wire_bps: float


@dataclass
class FieldTest:
    """What happened."""

    settings: Settings
    role: str
    """"caller" or "answerer"."""
    peer: str = ""
    k: int = 1
    mode: Mode = Mode.OPEN
    duration_s: float = 0.0
    heard: list[HeardClip] = field(default_factory=list)
    sent: list[SentClip] = field(default_factory=list)
    unanswered: int = 0
    """Overs after which nothing came back."""
    round_trips_s: list[float] = field(default_factory=list)
    pings: int = 0
    holds_s: list[float] = field(default_factory=list)
    mouth_to_ear_s: list[float] = field(default_factory=list)
    """Without the link."""
    there: dict[str, Any] | None = None
    """What the other station says that it heard."""
    problems: list[str] = field(default_factory=list)


def encode_clips(clips: dict[str, np.ndarray], encoder: PacketEncoder) -> list[KnownClip]:
    """The clips with the packets that they become. clips: float32 [n] each."""
    known = []
    for name, samples in clips.items():
        encoder.reset()
        padded = np.pad(samples, (0, -len(samples) % fmt.PACKET_SAMPLES)).reshape(-1, fmt.PACKET_SAMPLES)
        known.append(KnownClip(name, samples, tuple(encoder.encode(piece) for piece in padded)))
    encoder.reset()
    return known


def recognise(over: RecordedOver, known: list[KnownClip]) -> KnownClip | None:
    """Which clip these packets are of; None: none of them."""

    def likeness(clip: KnownClip) -> float:
        pairs = [
            (packet, said)
            for packet, said, flag in zip(over.packets, clip.packets, over.flags, strict=False)
            if flag != "-"
        ]
        differing = sum((int.from_bytes(a) ^ int.from_bytes(b)).bit_count() for a, b in pairs)
        return 1 - differing / (8 * fmt.PACKET_BYTES * len(pairs)) if pairs else 0.0

    best = max(known, key=likeness)
    return best if likeness(best) >= SAME_BITS else None


class _Station:
    """Sits between the engine and the test: notes, and lets the test wait for what it needs."""

    def __init__(self, test: FieldTest, known: list[KnownClip]) -> None:
        self.test = test
        self._known = known
        self._watch = OverWatch("heard", "", "")
        self._recorded: list[RecordedOver] = []
        self._late_before = self._late = 0
        self._blocks: list[Block] = []
        self._pings: dict[int, float] = {}
        self.began_s = trio.current_time()
        self.answered = trio.Event()
        self.sent: events.OverSent | None = None
        self.said = trio.Event()
        self.refused = trio.Event()
        self.receipt: events.Receipt | None = None
        self.finished = trio.Event()
        self.result = trio.Event()
        self.heard_something = trio.Event()
        self.peer_found: Callable[[str], None] = lambda name: None

    def watch(self, way: Way, octets: bytes, facts: Sequence[Fact]) -> None:
        if way == "in":
            self._recorded += self._watch.watch(facts, 0.0)

    def hear(self, block: Block) -> None:
        self._blocks.append(block)

    def ping(self, engine: Engine, token: int) -> None:
        self._pings[token] = trio.current_time()
        self.test.pings += 1
        engine.ping(token)

    def note(self, event: Event) -> None:
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
            case events.OverEnded():
                self._over_ended()
                self.answered.set()
            case events.PacketCounts():
                self._late = event.late
            case events.OverSent():
                self.sent = event
                self.said.set()
            case events.TalkDenied():
                self.refused.set()
            case events.Receipt():
                self.receipt = event
            case events.PongHeard(token) if token in self._pings:
                test.round_trips_s.append(trio.current_time() - self._pings.pop(token))
            case events.PlayoutState():
                test.holds_s.append(event.hold_s)
            case events.MouthToEar():
                test.mouth_to_ear_s.append(event.total_s)
            case events.TextHeard(_, text):
                self._read(text)
            case events.Collision(reason):
                test.problems.append(reason)
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
        first_index = next((index for index, flag in enumerate(flags) if flag != "-"), 0)
        samples = np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.float32)
        self.test.heard.append(
            HeardClip(
                trio.current_time() - self.began_s,
                clip.name if clip is not None else "",
                count,
                flags,
                flags.count("-") + late,
                flags.count("d"),
                late,
                first_index,
                samples,
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


def heard_in_short(test: FieldTest) -> dict[str, int]:
    """What fits into a message."""
    return {
        "overs": len(test.heard),
        "packets": sum(over.packets for over in test.heard),
        "heard": sum(over.packets - over.lost for over in test.heard),
        "damaged": sum(over.damaged for over in test.heard),
    }


async def run_field_test(
    settings: Settings,
    parts: Parts,
    known: list[KnownClip],
    *,
    minutes: float,
    answer: bool,
    say: Callable[[str], None] = lambda line: None,
) -> FieldTest:
    """Until the time is over, or the other station says so. `say` is told how it goes, a line an over.

    Raises what a station raises.
    """
    test = FieldTest(settings, "answerer" if answer else "caller")
    station = _Station(test, known)
    engine = Engine(
        replace(settings, record=False),
        station.note,
        replace(
            parts,
            open_sound=absent_devices,
            on_heard=station.hear,
            on_frame=station.watch,
        ),
    )
    station.peer_found = engine.set_addressee  # so that it confirms our overs
    async with trio.open_nursery() as nursery:
        await nursery.start(engine.run)
        if answer:
            await _answer(engine, station, known, minutes, say)
        else:
            await _call(engine, station, known, minutes, say)
        test.duration_s = trio.current_time() - station.began_s
        nursery.cancel_scope.cancel()
    return test


async def _call(
    engine: Engine, station: _Station, known: list[KnownClip], minutes: float, say: Callable[[str], None]
) -> None:
    until_s, number, token = trio.current_time() + 60 * minutes, 0, 0
    while trio.current_time() < until_s:
        for _ in range(PINGS):
            token += 1
            before = len(station.test.round_trips_s)
            station.ping(engine, token)
            with trio.move_on_after(PING_WAIT_S):
                while len(station.test.round_trips_s) == before:
                    await trio.sleep(0.02)
        clip = known[number % len(known)]
        number += 1
        station.answered = trio.Event()
        await _say(engine, station, clip)
        with trio.move_on_after(PATIENCE_S + 3 * len(clip.samples) / fmt.SAMPLE_RATE_HZ):
            await station.answered.wait()
        station.test.unanswered += not station.answered.is_set()
        say(_progress(station))
        await trio.sleep(PAUSE_S)
    for _ in range(3):
        engine.send_text(OVER_WORDS, "")
        with trio.move_on_after(3 * RESULT_AGAIN_S):
            await station.result.wait()
        if station.result.is_set():
            break


async def _answer(
    engine: Engine, station: _Station, known: list[KnownClip], minutes: float, say: Callable[[str], None]
) -> None:
    await station.heard_something.wait()
    number = 1  # so that the two directions say different things
    with trio.move_on_after(60 * minutes + ANSWERER_WAITS_S):
        while not station.finished.is_set():
            await _either(station.answered, station.finished, ANSWERER_WAITS_S)
            if station.finished.is_set() or not station.answered.is_set():
                break
            station.answered = trio.Event()
            await trio.sleep(PAUSE_S)
            await _say(engine, station, known[number % len(known)])
            number += 1
            say(_progress(station))
    for _ in range(3):
        engine.send_text(json.dumps(heard_in_short(station.test), separators=(",", ":")), "")
        await trio.sleep(RESULT_AGAIN_S)


async def _say(engine: Engine, station: _Station, clip: KnownClip) -> None:
    """The clip, as soon as the floor is free; given up where the link takes nothing."""
    seconds = len(clip.samples) / fmt.SAMPLE_RATE_HZ
    station.receipt = None
    with trio.move_on_after(PATIENCE_S + 6 * seconds) as patience:
        while True:
            station.said, station.refused = trio.Event(), trio.Event()
            engine.play_clip(clip.samples)
            await _either(station.said, station.refused)
            if station.said.is_set():
                break
            engine.key_up()
            await trio.sleep(1.0)
    if patience.cancelled_caught or station.sent is None:
        station.test.problems.append("an over could not be sent")
        return
    if station.test.peer:
        with trio.move_on_after(PING_WAIT_S):
            while station.receipt is None:
                await trio.sleep(0.05)
    confirmed = station.receipt.heard if station.receipt is not None else None  # type: ignore[unreachable]
    at_s = trio.current_time() - station.began_s
    station.test.sent.append(SentClip(at_s, clip.name, station.sent.packets, confirmed, station.sent.wire_bps))


async def _either(first: trio.Event, second: trio.Event, within_s: float = float("inf")) -> None:
    with trio.move_on_after(within_s):
        while not (first.is_set() or second.is_set()):
            await trio.sleep(0.05)


def _progress(station: _Station) -> str:
    test = station.test
    heard = f"heard {test.heard[-1].packets - test.heard[-1].lost} of {test.heard[-1].packets}" if test.heard else ""
    sent = test.sent[-1] if test.sent else None
    confirmed = f" ({sent.confirmed} confirmed)" if sent and sent.confirmed is not None else ""
    there = f", sent {sent.packets}{confirmed}" if sent else ""
    return f"{trio.current_time() - station.began_s:5.0f} s  {heard}{there}"
