"""A station that is started again takes nothing that it heard or sent before, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from tests.support.station import Station, clip, running
from tests.support.wiretap import Wire, settings, utc
from transport.links.memory import MemoryLink, memory_pair

pytestmark = pytest.mark.usefixtures("cheap_keys")

LAST_WORDS = "the last words of the first run"


def station(name: str, link: MemoryLink, nonces: Path | None, clock: Callable[[], int] = utc) -> Station:
    quiet = replace(settings(name), permit_tone=False, courtesy_tone=False, call_tone=False)
    return Station(quiet, link=link, nonces=nonces, clock=clock)


async def first_run(nonces: Path, ahead_s: int) -> list[bytes]:
    """Have Ada, whose clock is ahead, say an over and write a message to Bob; return all that she sent."""
    wire = Wire()
    ada = station("Ada", wire.adas, None, lambda: utc() + ahead_s)
    bob = station("Bob", wire.bobs, nonces)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wire.run)
        async with running(ada, bob):
            ada.engine.play_clip(clip(3.0))
            await bob.until(events.OverPlayed)
            ada.engine.send_text(LAST_WORDS)
            await bob.until(events.TextHeard)
        nursery.cancel_scope.cancel()
    return wire.passed


async def second_run(again: Station, near: MemoryLink, frames: list[bytes]) -> None:
    """Start a station, send it recorded frames, and see that it takes none."""
    async with running(again):
        for octets in frames:
            await near.send(octets)
            await trio.sleep(0.01)
        await trio.sleep(10)
    assert [] == again.only(events.OverBegan, events.TextHeard, events.Collision)
    assert [] == [packet for packet in again.decoder.packets if packet is not None]


@pytest.mark.parametrize("ahead_s", [0, 1, 40])
@pytest.mark.parametrize("away_s", [0.0, 0.3, 10.0])
@trio_test
async def test_what_was_heard_is_not_heard_again(
    tmp_path: Path, virtual_time: trio.testing.MockClock, ahead_s: int, away_s: float
) -> None:
    """However short the time between the two runs is, and however far the talker's clock is ahead."""
    frames = await first_run(tmp_path / "nonces", ahead_s)
    await trio.sleep(away_s)
    near, far = memory_pair()
    await second_run(station("Bob", far, tmp_path / "nonces"), near, frames)


@pytest.mark.parametrize("away_s", [0.0, 0.3, 10.0])
@trio_test
async def test_what_was_sent_is_not_heard_after_a_restart(
    tmp_path: Path, virtual_time: trio.testing.MockClock, away_s: float
) -> None:
    """What left in the very second of the end is older than the next start, without any file."""
    frames = await first_run(tmp_path / "bob", 0)
    await trio.sleep(away_s)
    near, far = memory_pair()
    await second_run(station("Ada", far, None), near, frames)
