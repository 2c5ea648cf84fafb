"""Two stations on the ends of a serial line at 9600 bit/s that damages, drops and invents bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from app import events
from tests.field.conversation import Station, converse
from tests.support.wires import BadWire

pytestmark = pytest.mark.field

BAUD = 9600
OVER_S = 15.0
SLICE_S = 0.02
START_S = 10.0


@pytest.fixture
def line(tmp_path: Path) -> Iterator[tuple[Path, Path, Path, Path]]:
    """Two pairs of pseudo-terminals by socat: two for the stations, two for whatever is between them."""
    if shutil.which("socat") is None:
        pytest.skip("socat not found (Debian: socat)")
    ends = [tmp_path / name for name in ("one", "one_inside", "other", "other_inside")]
    pairs = [
        subprocess.Popen(["socat", *(f"pty,raw,echo=0,link={end}" for end in pair)]) for pair in (ends[:2], ends[2:])
    ]
    try:
        deadline_s = time.monotonic() + START_S
        while not all(end.exists() for end in ends) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        yield ends[0], ends[1], ends[2], ends[3]
    finally:
        for pair in pairs:
            pair.terminate()
            pair.wait(10)


async def pass_on(source: Path, target: Path, wire: BadWire) -> None:
    """One direction of the line, at its pace, until cancelled."""
    reads = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    writes = os.open(target, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    slice_bytes = round(BAUD / 10 * SLICE_S)
    try:
        while True:
            await trio.lowlevel.wait_readable(reads)
            try:
                octets = wire.pass_on(os.read(reads, slice_bytes))
            except BlockingIOError:
                continue
            await trio.sleep(len(octets) * 10 / BAUD)
            while octets:
                await trio.lowlevel.wait_writable(writes)
                octets = octets[os.write(writes, octets) :]
    finally:
        os.close(reads)
        os.close(writes)


@pytest.mark.parametrize("bad", [False, True], ids=["good", "bad"])
def test_a_conversation_over_a_serial_line(
    line: tuple[Path, Path, Path, Path], bad: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """A good line loses nothing. On a bad one (1 % of bytes damaged, 0.2 % dropped, rubbish between frames) both overs
    are heard to their end, and no byte that was hit costs more than the frame that it was in."""
    wires = [BadWire(seed, *((0.01, 0.002, 0.3) if bad else (0.0, 0.0, 0.0))) for seed in (1, 2)]
    one, one_inside, other, other_inside = line
    ada, bob = Station("Ada", f"serial://{one}?baud={BAUD}"), Station("Bob", f"serial://{other}?baud={BAUD}")

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pass_on, one_inside, other_inside, wires[0])
            nursery.start_soon(pass_on, other_inside, one_inside, wires[1])
            outcomes = await converse(ada, bob, OVER_S)
            nursery.cancel_scope.cancel()
        return outcomes

    outcomes = trio.run(main)
    with capsys.disabled():
        print(f"\n{BAUD} baud, {'bad' if bad else 'good'}")
        for outcome, wire in zip(outcomes, wires, strict=True):
            print(f"  {outcome}; {len(outcome.delays_s)} of {outcome.frames} frames intact")
            print(f"    of {wire.bytes} bytes {wire.hit} were hit, {wire.bursts} times rubbish between frames")
    for outcome, wire, listener in zip(outcomes, wires, (bob, ada), strict=True):
        heard = listener.only(events.OverPlayed)
        assert [True] == [over.complete for over in heard]
        if bad:
            assert 0 < outcome.frames - len(outcome.delays_s) <= wire.hit
            assert outcome.rubbish > 0 < outcome.damaged and wire.bursts > 5
            assert outcome.packets - outcome.lost > outcome.packets / 2
        else:
            assert (0, 0, 0) == (outcome.lost, outcome.damaged, outcome.rubbish)
            assert abs(outcome.growth_s) < 0.2
