"""A field test: two stations speak known clips to each other, over after over, and each notes what became of them.

    caller: ping, clip, ping, clip, ...          over, over, over ("field test over", what was heard)
    answerer:        clip,       clip, ...

No more protocol than that: what was said is recognised by its packets, so that any over may be lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import trio

from app import events
from app.audio.devices import absent_devices
from app.diagnostics.field_records import FieldTest, KnownClip, SentClip
from app.diagnostics.field_test_observer import OVER_WORDS, FieldTestObserver
from app.settings.model import Settings
from app.station.engine import Engine
from app.station.parts import Parts
from app.station.station import GOODBYE_S
from app.threads import first_of
from codec.format import SAMPLE_RATE_HZ

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

    answer: wait for the caller; otherwise call. say: is told how it goes, a line for each over, and what others write.
    Raises as stations do.
    """
    test = FieldTest(settings, "answerer" if answer else "caller")
    observer = FieldTestObserver(test, known, say)
    engine = Engine(
        replace(settings, record=False, gain_db=0.0),
        observer.note,
        replace(parts, open_sound=absent_devices, on_heard=observer.hear, on_frame=observer.watch),
    )
    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()
        if stop is not None:
            nursery.start_soon(_stop_when_set, stop, engine, test, scope)
        with scope:
            await nursery.start(engine.run)
            await (_answer if answer else _call)(engine, observer, known, minutes, say)
        await engine.closed()
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
    if observer.test.peer:
        engine.set_addressee(observer.test.peer)  # so that it confirms the over
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
