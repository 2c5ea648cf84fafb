"""Standard output of a station without a screen: what is written, in which order, and how much of it at most."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from app import events
from app.headless.output import LATEST_AT_ONCE, LATEST_PER_S, EventWriter
from transport.protocol.floor_states import State


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The reading and the writing end of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def read_lines(descriptor: int) -> list[dict[str, object]]:
    """Everything that is in the pipe."""
    os.set_blocking(descriptor, False)
    octets = b""
    while True:
        try:
            octets += os.read(descriptor, 65536)
        except BlockingIOError:
            return [json.loads(line) for line in octets.splitlines()]


def counts(rubbish: int) -> events.PacketCounts:
    return events.PacketCounts(0, 0, 0, 0, rubbish)


def test_thousands_of_figures_are_a_few_lines_and_the_last_one_is_among_them(pipe: tuple[int, int]) -> None:
    """What a stranger can cause ten thousand times a second fills no journal, and the last of it is told."""
    reading, writing = pipe

    async def main() -> float:
        writer, began_s = EventWriter(writing), trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.run)
            for number in range(1000):
                writer.put(counts(number))
                writer.put(events.FloorChanged(State.RECEIVING if number % 2 else State.IDLE))
                await trio.sleep(0.001)
            writer.end()
        return trio.current_time() - began_s

    most = LATEST_AT_ONCE + LATEST_PER_S * trio.run(main) + 1
    told = read_lines(reading)
    for kind in ("packet_counts", "floor_changed"):
        assert 2 <= len([line for line in told if line["event"] == kind]) <= most
    assert 999 == [line["rubbish"] for line in told if line["event"] == "packet_counts"][-1]
    assert "receiving" == [line["state"] for line in told if line["event"] == "floor_changed"][-1]


def test_other_events_are_all_written_in_order(pipe: tuple[int, int]) -> None:
    """An over that was played is a fact of its own: no later one says it."""
    reading, writing = pipe

    async def main() -> None:
        writer = EventWriter(writing)
        for number in range(300):
            writer.put(events.OverPlayed(number % 256, "Ada", number, 0, 0, 0.0, complete=True))
        await writer.flush()

    trio.run(main)
    assert [*range(300)] == [line["packets"] for line in read_lines(reading)]


def test_the_last_figures_are_written_at_the_end(pipe: tuple[int, int]) -> None:
    """Whatever was held back is in the output of a station that has ended."""
    reading, writing = pipe

    async def main() -> None:
        writer = EventWriter(writing)
        for number in range(100):
            writer.put(counts(number))
        await writer.flush()

    trio.run(main)
    told = [line["rubbish"] for line in read_lines(reading)]
    assert [*range(int(LATEST_AT_ONCE)), 99] == told


def test_a_writer_that_ends_has_written_everything(pipe: tuple[int, int]) -> None:
    """What was put before is in the output when `run` returns, figures included."""
    reading, writing = pipe

    async def main() -> None:
        writer = EventWriter(writing)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.run)
            for number in range(100):
                writer.put(counts(number))
            writer.put(events.LinkRecovered())
            writer.end()

    trio.run(main)
    told = read_lines(reading)
    assert 99 == [line["rubbish"] for line in told if line["event"] == "packet_counts"][-1]
    assert 1 == sum(line["event"] == "link_recovered" for line in told)
