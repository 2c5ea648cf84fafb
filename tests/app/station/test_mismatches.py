"""Stations on one link whose modes, passphrases or clocks differ: each is told so once."""

from __future__ import annotations

import random

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from app.settings.model import Settings
from tests.support.wiretap import (
    playing,
    problems,
    settings,
    utc,
)
from transport.protocol.frames import Mode, Refusal
from transport.protocol.open_frames import decode, encode

pytestmark = pytest.mark.usefixtures("cheap_keys")

HERE = "somebody here"


@pytest.mark.parametrize(
    ("theirs", "told_ada", "told_bob"),
    [
        (settings("Ada", None), f"{HERE} speaks sealed; you have no passphrase", f"{HERE} speaks in the open"),
        (settings("Ada", "another"), f"{HERE} has another passphrase", f"{HERE} has another passphrase"),
        (settings("Ada", channel="wharf"), f"{HERE} has another passphrase", f"{HERE} has another passphrase"),
        (settings("Ada", mode=Mode.HAM), f"{HERE} speaks sealed", f"{HERE} signs without sealing"),
    ],
    ids=["no passphrase", "another passphrase", "another channel", "ham"],
)
@trio_test
async def test_each_side_is_told_in_one_line(
    virtual_time: trio.testing.MockClock, theirs: Settings, told_ada: str, told_bob: str
) -> None:
    """A station in another mode or with another passphrase is told of once, at both ends, and not heard as noise."""
    async with playing(ada=theirs) as scene:
        await scene.over()
        await scene.over(scene.bob)
    assert [] == scene.heard == scene.ada.decoder.packets
    for station, told in ((scene.ada, told_ada), (scene.bob, told_bob)):
        [what] = problems(station)
        assert what.startswith(told)
        assert ["asked", "on air", "draining", "idle"] == [c.state.value for c in station.only(events.FloorChanged)]


@trio_test
async def test_noise_is_nobody(virtual_time: trio.testing.MockClock) -> None:
    """Random frames by the thousand, as a radio without squelch delivers them, are not taken for stations that are
    sealed, unless in a rare minute."""
    async with playing(bob=settings("Bob", None)) as scene:
        source = random.Random(4)
        for _ in range(1000):
            await scene.wire.say_to_bob(source.randbytes(source.randrange(1, 120)))
            await trio.sleep(0.06)
    assert len(problems(scene.bob)) <= 1


@trio_test
async def test_a_wrong_clock_is_told(virtual_time: trio.testing.MockClock) -> None:
    """An over from a station whose clock is two minutes ahead is refused, and the line says whose and by how much."""
    async with playing(ada_clock=lambda: utc() + 120) as scene:
        await scene.over()
    assert [] == scene.heard
    [what] = problems(scene.bob)
    assert "a frame of Ada was refused, its clock is 120 s ahead of yours" == what


@pytest.mark.parametrize(
    ("ada", "bob", "told_ada", "told_bob"),
    [
        (settings("Ada", "another"), settings("Bob"), "has another passphrase", "has another passphrase"),
        (settings("Ada", channel="wharf"), settings("Bob"), "has another passphrase", "has another passphrase"),
        (settings("Ada", None), settings("Bob"), "speaks sealed; you have no", "speaks in the open; you are sealed"),
        (settings("Ada"), settings("Bob", None), "speaks in the open; you are sealed", "speaks sealed; you have no"),
        (settings("Ada", mode=Mode.HAM), settings("Bob"), "speaks sealed; you sign", "signs without sealing"),
    ],
    ids=["another passphrase", "another channel", "no passphrase here", "none there", "ham"],
)
@trio_test
async def test_who_talks_to_nobody_is_told(
    virtual_time: trio.testing.MockClock, ada: Settings, bob: Settings, told_ada: str, told_bob: str
) -> None:
    """Only Ada talks, again and again: both are told, once a minute, and what Bob sends for it is a frame a minute."""
    async with playing(ada=ada, bob=bob) as scene:
        for _ in range(12):
            await scene.over()
            await trio.sleep(10)
        minutes = trio.current_time() / 60
    assert [] == scene.heard
    for station, told in ((scene.ada, told_ada), (scene.bob, told_bob)):
        assert {f"{HERE} {told}"} == {what[: len(f"{HERE} {told}")] for what in problems(station)}
        assert 1 < len(problems(station)) <= minutes + 1
    assert {Refusal} == {type(decode(octets)) for octets in scene.wire.answered}
    assert 1 < len(scene.wire.answered) <= minutes + 1
    assert 13 * 12 == sum(over.packets for over in scene.ada.only(events.OverSent))  # which changed nothing for Ada


@trio_test
async def test_a_refusal_of_nothing_is_counted_and_no_more(virtual_time: trio.testing.MockClock) -> None:
    """Whoever sends refusals at random, in the middle of overs and between them, shows nothing and stops nothing."""
    source = random.Random(7)
    async with playing() as scene, trio.open_nursery() as nursery:
        nursery.start_soon(scene.over)
        for number in range(2000):
            refusal = Refusal(source.randrange(256), source.randrange(20), Mode.SEALED, source.randrange(0x10000))
            await scene.wire.say_to_ada(encode(refusal))
            await scene.wire.say_to_bob(encode(refusal))
            if number % 100 == 0:
                await trio.sleep(0.3)
    assert scene.said == scene.heard
    assert [] == problems(scene.ada) + problems(scene.bob)
    assert 2000 == scene.counts.foreign
    assert [] == [octets for octets in scene.wire.answered if octets[0] == 0x19]
