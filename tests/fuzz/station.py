"""`python -m tests.fuzz.station [sequences] [seed]`: frames in any order, time and number against a whole station.

A station of the open channel runs in virtual time. Somebody sends it what the dice says (tests/support/attacker.py),
one sequence after another, while its user presses the key now and then. After each sequence there is silence, and the
station must come to rest. Ends with figures, or at the first sequence that breaks a rule: its seed names it.

Rules: nothing is raised; every over that began has ended; nothing is played any more and no sound waits; the key was
never refused for longer than anybody may talk; and no memory is kept.
"""

from __future__ import annotations

import gc
import random
import sys
import time
from dataclasses import dataclass, replace

import trio
import trio.testing

from app import events
from tests.support.attacker import Attacker
from tests.support.station import BOB, Station, clip, running
from transport.errors import FrameError
from transport.links.memory import MemoryLink, memory_pair
from transport.protocol.floor import FOLLOWED_MARGIN_S
from transport.protocol.frames import PACKET_S
from transport.protocol.open_frames import decode
from transport.protocol.over_pace import AHEAD_S, TALK_LIMIT_S

SEQUENCES = 100_000
A_STATION = 1000
"""Sequences against one station; then another one starts, and a line is printed."""
RESTED_S = 60.0
"""Longest time until a station is at rest, in seconds: nobody is there any more, and what came is played."""
REFUSED_S = TALK_LIMIT_S + FOLLOWED_MARGIN_S
"""Longest time for which the key may be refused, in seconds: as long as anybody may talk, and two BEGINs."""
PRESS_EVERY_S = 0.5
"""Time between two presses of somebody who wants to talk, in seconds."""
LONG_EVERY = 100
"""Sequences of which one goes on for minutes, without a pause."""
LONG_S = 200.0
"""Length of such a sequence, in seconds."""
WARM = 50
"""Sequences after which memory is looked at for the first time: caches and bounded memories are full by then."""
LOOK_EVERY = 50
"""Sequences between two looks at memory."""
MAX_GROWTH_BLOCKS = 4000
"""Memory blocks of Python's by which the least of the later looks may exceed that of the earlier ones."""
CLIP = clip(20.0)
"""Words of the user, float32 [n]; he lets go of the key before their end."""
MAX_EVENTS = 200
"""Most events that a station may tell in a second of a sequence, and as many besides."""


@dataclass
class Figures:
    """The figures of a run."""

    sequences: int = 0
    frames: int = 0
    overs: int = 0
    virtual_s: float = 0.0
    rested_s: float = 0.0
    """Longest time until the station was at rest."""
    refused_s: float = 0.0
    """Longest time for which the key was refused."""

    def __str__(self) -> str:
        return (
            f"{self.sequences} sequences, {self.frames} frames, {self.overs} overs told, "
            f"{self.virtual_s / 3600:.1f} h of virtual time; at rest after {self.rested_s:.1f} s at the most, "
            f"key refused for {self.refused_s:.1f} s at the most"
        )


class BrokenRule(AssertionError):
    """A rule was broken by a sequence; the text says which."""


class Fuzzed:
    """A station, its attacker and its user."""

    def __init__(self, figures: Figures) -> None:
        self._near, far = memory_pair()
        self._figures = figures
        settings = replace(BOB, courtesy_tone=True, permit_tone=True, call_tone=True)
        self.station = Station(settings, link=far)

    async def play(self, seed: int) -> None:
        """Play one sequence. Raises BrokenRule."""
        dice = random.Random(seed)
        attacker = Attacker(dice, replays=True)
        began_s, long = trio.current_time(), seed % LONG_EVERY == 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._overhear, self._near, attacker)
            async with trio.open_nursery() as busy:
                busy.start_soon(self._talk, dice.uniform(0, 20 if long else 5), dice.uniform(0.1, 4))
                await self._attack(attacker, LONG_S if long else 0.0)
            await self._rest(seed)
            nursery.cancel_scope.cancel()
        lasted_s = trio.current_time() - began_s
        self._figures.virtual_s += lasted_s
        self._check(seed, lasted_s)

    async def _attack(self, attacker: Attacker, at_least_s: float) -> None:
        until_s = trio.current_time() + at_least_s
        moves = attacker.dice.randrange(1, 6)
        while moves > 0 or trio.current_time() < until_s:
            moves -= 1
            for pause_s, octets in attacker.move():
                await trio.sleep(pause_s)
                await self._near.send(octets)
                self._figures.frames += 1
            await trio.sleep(attacker.dice.choice((0.0, PACKET_S, 2.0)))

    @staticmethod
    async def _overhear(near: MemoryLink, attacker: Attacker) -> None:
        while True:
            octets = await near.receive()
            try:
                decode(octets)
            except FrameError as problem:
                raise BrokenRule(f"the station sent rubbish: {problem}") from None
            attacker.hear(octets)

    async def _talk(self, after_s: float, for_s: float) -> None:
        """Want to talk from some time on, press until permitted, and let go."""
        engine = self.station.engine
        await trio.sleep(after_s)
        wanted_s = trio.current_time()
        while not engine.talking:
            engine.play_clip(CLIP)
            await trio.sleep(PRESS_EVERY_S)
            if not engine.talking:
                engine.key_up()
            self._figures.refused_s = max(self._figures.refused_s, trio.current_time() - wanted_s)
            if trio.current_time() - wanted_s > REFUSED_S:
                raise BrokenRule(f"the key was refused for {REFUSED_S} s")
        await trio.sleep(for_s)
        engine.key_up()

    async def _rest(self, seed: int) -> None:
        engine, silent_s = self.station.engine, trio.current_time()
        while not (engine.idle and engine.queued_s == 0.0):
            await trio.sleep(0.1)
            if trio.current_time() - silent_s > RESTED_S:
                raise BrokenRule(f"sequence {seed}: no rest after {RESTED_S} s")
        self._figures.rested_s = max(self._figures.rested_s, trio.current_time() - silent_s)

    def _check(self, seed: int, lasted_s: float) -> None:
        """Look at what the station told, and forget it. Raises BrokenRule."""
        station = self.station
        began, ended = len(station.only(events.OverBegan)), len(station.only(events.OverPlayed))
        spoken_s = len(station.heard) * PACKET_S
        if began != ended:
            raise BrokenRule(f"sequence {seed}: {began} overs began, {ended} ended")
        if spoken_s > lasted_s + AHEAD_S:
            raise BrokenRule(f"sequence {seed}: {spoken_s:.0f} s were played in {lasted_s:.0f} s")
        if len(station.happened) > MAX_EVENTS * (1 + lasted_s):
            raise BrokenRule(f"sequence {seed}: {len(station.happened)} events in {lasted_s:.0f} s")
        self._figures.sequences += 1
        self._figures.overs += began
        for kept in (
            station.happened,
            station.times,
            station.heard,
            station.spoken,
            station.decoder.packets,
            station.encoder.packets,
            station.loudspeaker.played,
        ):
            kept.clear()


async def run(sequences: int, seed: int, figures: Figures) -> None:
    """Play so many sequences against one station. Raises BrokenRule, or what the station raised."""
    fuzzed, blocks = Fuzzed(figures), []
    async with running(fuzzed.station):
        for number in range(sequences):
            await fuzzed.play(seed + number)
            if number >= WARM and number % LOOK_EVERY == 0:
                gc.collect()
                blocks.append(sys.getallocatedblocks())
    half = len(blocks) // 2
    if half and min(blocks[half:]) - min(blocks[:half]) > MAX_GROWTH_BLOCKS:
        raise BrokenRule(f"memory grows: {blocks[0]} blocks at first, {blocks[-1]} at last")


def play(sequences: int, seed: int = 1) -> Figures:
    """Play so many sequences in virtual time, and return the figures. Raises BrokenRule, or what the station raised."""
    figures = Figures()
    trio.run(run, sequences, seed, figures, clock=trio.testing.MockClock(autojump_threshold=0))
    return figures


def main() -> int:
    sequences = int(sys.argv[1]) if len(sys.argv) > 1 else SEQUENCES
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    began_s = time.monotonic()
    while sequences > 0:
        count = min(sequences, A_STATION)
        print(f"{seed}: {play(count, seed)}; {time.monotonic() - began_s:.0f} s", flush=True)
        sequences, seed = sequences - count, seed + count
    return 0


if __name__ == "__main__":
    sys.exit(main())
