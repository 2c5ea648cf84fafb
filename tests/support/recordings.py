"""Recorded overs, and two stations that keep theirs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import trio
import trio.testing

from app import events
from app.events import Direction
from app.history.folder import over_files
from app.history.overs import RecordedOver, read_over
from app.history.texts import RecordedText
from app.settings.model import Settings
from tests.support.station import Station, clip
from transport.impairment import Impairment
from transport.links.impaired import impair
from transport.links.memory import memory_pair
from transport.protocol.frames import Mode

ADA = Settings(name="Ada", permit_tone=False, courtesy_tone=False)


BOB = Settings(name="Bob", permit_tone=False, courtesy_tone=False)


def an_over(began_utc_s: float = 1_700_000_000, **changes) -> RecordedOver:
    """Return an over of three packets, one of them damaged and one lost."""
    packets = (bytes(range(32)), bytes(32), bytes(range(1, 33)))
    over = RecordedOver(began_utc_s, "heard", "Jörg", "", "udp://:7800", Mode.OPEN, 77, 2, True, ".-d", packets)
    return replace(over, **changes)


def a_text(at_utc_s: float = 1_700_000_000, direction: Direction = "heard", **changes: Any) -> RecordedText:
    """Return a message to everybody."""
    return replace(RecordedText(at_utc_s, direction, "Jörg", "", "udp://:7800", Mode.OPEN, "on my way"), **changes)


def converse(ada: Station, bob: Station, impairment: Impairment | None = None, seconds: float = 6.4) -> None:
    """Let Ada speak, then Bob."""
    here, there = memory_pair()
    ada.link, bob.link = here, there

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            if impairment:
                ada.link = impair(here, impairment, nursery)
            await nursery.start(ada.engine.run)
            await nursery.start(bob.engine.run)
            for talker in (ada, bob):
                talker.engine.play_clip(clip(seconds))
                await talker.until(events.OverSent)
                await trio.sleep(10)
            ada.engine.close()
            bob.engine.close()
            await trio.sleep(5)
            nursery.cancel_scope.cancel()  # the tasks of the impaired link

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def overs_in(folder: Path) -> list[RecordedOver]:
    return [read_over(path) for path in reversed(over_files(folder))]
