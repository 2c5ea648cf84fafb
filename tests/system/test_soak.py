"""Two stations for hours, in virtual time: overs, faults and restarts by the dice; nothing leaks, nothing goes missing.

Engines, frames, floor, play-out and recorder are the real ones. The packets are those of the bundled clips, encoded
once by the real encoder; for speed alone they are then only passed on, and a decoder that notes them takes the place of
the two networks. Somebody else may be on the channel, who sends what he likes: on a sealed one he changes nothing, on
an open one he is heard, and everything ends. 20 minutes run in `make test`, and 4 with an attacker; 8 hours of each in
`make soak` (SOAK_HOURS=8).
"""

from __future__ import annotations

import gc
import hashlib
import os
import random
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import trio
import trio.testing

from app import events
from app.audio.devices import absent_devices
from app.history.folder import clear_oldest_overs, folder_bytes, over_files
from app.history.overs import read_over
from app.settings.model import Settings
from app.station.engine import Engine
from app.station.parts import Parts, StationCodec
from codec import format as fmt
from tests.support.attacker import FORGED, Attacker
from tests.support.signals import clips
from tests.support.station import CODEC_ID, at_once
from transport.errors import PeerUnreachable
from transport.links.base import Link
from transport.links.memory import MemoryLink, memory_pair
from transport.protocol.floor_states import State
from transport.protocol.frames import Frame, Mode
from transport.protocol.open_frames import encode

HOURS = float(os.environ.get("SOAK_HOURS", "0.34"))
ATTACKED_HOURS = HOURS if HOURS >= 1 else HOURS / 5
BEGAN_UTC_S = 1_700_000_000
GROWTH_BYTES = 400_000
"""Between a third of the time and its end: less than an hour of frames would take, were they kept."""
FOLDER_MB = 1.0
PAUSE_S = (4.0, 30.0)
"""Shortest and longest pause between two moves of the attacker, in seconds."""
LONGEST_CLIP_S = 20.0
QUIET = np.zeros(int(LONGEST_CLIP_S * fmt.SAMPLE_RATE_HZ), np.float32)
"""Nothing to say, float32 [n]. Every clip is a part of it: a station keeps the clip it speaks, and what is kept then
weighs nothing among the traced bytes."""


class RecordedEncoder:
    """Gives the packets of the clips, in order, whatever it is asked to encode; each with its place written into it."""

    codec_id = CODEC_ID

    def __init__(self, packets: list[bytes], station: int) -> None:
        self._packets = packets
        self._station = station
        self.given = 0

    def encode(self, samples: np.ndarray) -> bytes:
        packet = self._packets[self.given % len(self._packets)]
        self.given += 1
        return bytes([self._station]) + self.given.to_bytes(4, "big") + packet[5:]

    def reset(self) -> None:
        pass


@dataclass
class NotingDecoder:
    """Counts what it gets; silence comes out."""

    codec_id: int = CODEC_ID
    played: int = 0
    concealed: int = 0
    strange: int = 0
    """Packets that the other station never made, or out of order; damaged ones aside."""
    forged: int = 0
    """Packets that the attacker made up."""
    newest: int = 0
    mine: int = 0

    def decode(self, packet: bytes | None, copy: bytes | None = None) -> np.ndarray:
        if packet is None:
            self.concealed += 1
        elif packet[0] == FORGED:
            self.forged += 1
        else:
            self.played += 1
            place = int.from_bytes(packet[1:5], "big")
            in_order = self.newest < place < self.newest + 100_000
            self.strange += packet[0] == self.mine or not in_order
            self.newest = place if in_order else self.newest
        return np.zeros((fmt.PACKET_FRAMES, 1), np.float32)

    def reset(self) -> None:
        pass


class Silence:
    """float32 [2560] of nothing."""

    def synthesize(self, features: np.ndarray) -> np.ndarray:
        return np.zeros(fmt.PACKET_SAMPLES, np.float32)

    def flush(self) -> np.ndarray:
        return np.zeros(fmt.DELAY_SAMPLES, np.float32)

    def reset(self) -> None:
        pass


@dataclass
class Weather:
    """What both directions suffer now."""

    dice: random.Random
    loss: float = 0.0
    duplicate: float = 0.0
    jitter_s: float = 0.0
    outage: bool = False
    unreachable: bool = False

    def change(self) -> None:
        """Fair weather half of the time."""
        self.loss = self.duplicate = self.jitter_s = 0.0
        self.outage = self.unreachable = False
        match self.dice.randrange(10):
            case 0:
                self.loss = 0.2
            case 1:
                self.duplicate = 0.5
            case 2:
                self.jitter_s = 0.3
            case 3:
                self.outage = True
            case 4:
                self.unreachable = True

    @property
    def fair(self) -> bool:
        return not (self.loss or self.duplicate or self.jitter_s or self.outage or self.unreachable)


class WeatheredLink:
    """A link under the weather, on its receiving side."""

    def __init__(self, inner: MemoryLink, weather: Weather, overhear: Callable[[bytes], None]) -> None:
        self._inner = inner
        self._weather = weather
        self._overhear = overhear
        self._again: list[bytes] = []

    def __getattr__(self, name: str):
        return getattr(self._inner, name)

    async def aclose(self) -> None:
        """The air stays when a station goes."""
        await trio.lowlevel.checkpoint()

    async def send(self, octets: bytes) -> None:
        self._overhear(octets)
        await self._inner.send(octets)

    async def receive(self) -> bytes:
        while True:
            if self._again:
                return self._again.pop()
            octets = await self._inner.receive()
            weather = self._weather
            if weather.unreachable and weather.dice.random() < 0.1:
                raise PeerUnreachable("nobody listens there", "start the other station")
            if weather.outage or weather.dice.random() < weather.loss:
                continue
            if weather.dice.random() < weather.duplicate:
                self._again.append(octets)
            # Of frames that wait, the last one is held up: one by one, a burst would hold up the rest for minutes.
            if weather.jitter_s and not self._inner._incoming.statistics().current_buffer_used:
                await trio.sleep(weather.dice.random() * weather.jitter_s)
            return octets


@dataclass
class Soaked:
    """One station and what is known of it; the figures outlive its restarts."""

    name: str
    number: int
    link: Link
    folder: Path
    packets: list[bytes]
    passphrase: str | None = None
    told: Counter = field(default_factory=Counter)
    """Events by kind, and below it what was sent and heard."""
    sent: Counter = field(default_factory=Counter)
    ended: Counter = field(default_factory=Counter)
    state: State = State.IDLE
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    engine: Engine | None = None

    def __post_init__(self) -> None:
        self.encoder = RecordedEncoder(self.packets, self.number)
        self.decoder = NotingDecoder(mine=self.number)

    def note(self, event: events.Event) -> None:
        self.told[type(event).__name__] += 1
        match event:
            case events.OverSent():
                self.sent.update(overs=1, packets=event.packets)
            case events.OverPlayed():
                self.ended.update(overs=1, packets=event.packets, lost=event.lost, spoken=event.packets > event.lost)
            case events.FloorChanged(state):
                self.state = state

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until `scope` is cancelled, which is a crash."""

        async def open_link(*_: object) -> tuple[Link, str]:
            return self.link, ""

        settings = Settings(
            name=self.name,
            permit_tone=False,
            courtesy_tone=False,
            call_tone=False,
            time_out_s=30.0,
            record_limit_mb=FOLDER_MB,
            packets_per_frame=2,
            passphrase=self.passphrase,
        )
        parts = Parts(
            load_codec=lambda synth, model: StationCodec(self.encoder, self.decoder, Silence()),
            open_link=open_link,
            open_sound=absent_devices,
            load_clip=lambda number: np.zeros(0, np.float32),
            in_thread=lambda: at_once,
            recordings=self.folder,
            nonces=self.folder / "nonces",
            clock=lambda: BEGAN_UTC_S + int(trio.current_time()),
        )
        self.state = State.IDLE
        self.engine = Engine(settings, self.note, parts)
        with trio.CancelScope() as self.scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.engine.run)
                task_status.started()


async def attack(attacker: Attacker, ends: Sequence[Link]) -> None:
    """Send what the attacker wants to send, into either direction, until cancelled."""
    while True:
        end = attacker.dice.choice(ends)
        for pause_s, octets in attacker.move():
            await trio.sleep(pause_s)
            await end.send(octets)
        await trio.sleep(attacker.dice.uniform(*PAUSE_S))


async def live(
    stations: tuple[Soaked, Soaked], weather: Weather, hours: float, attacker: Attacker | None, ends: Sequence[Link]
) -> tuple[int, int]:
    """So many hours of it. Returns the memory after a third of the time and at the end, in bytes."""
    dice, until_s = weather.dice, trio.current_time() + hours * 3600
    warm_s, warm_bytes = trio.current_time() + hours * 1200, 0
    attacking = trio.CancelScope()

    async def be_attacked() -> None:
        with attacking:
            assert attacker is not None
            await attack(attacker, ends)

    async with trio.open_nursery() as nursery:
        if attacker is not None:
            nursery.start_soon(be_attacked)
        for station in stations:
            await nursery.start(station.run)
        while trio.current_time() < until_s:
            if not warm_bytes and trio.current_time() >= warm_s:
                warm_bytes = traced_bytes()
            if dice.random() < 0.3:
                weather.change()
            talker, other = dice.sample(stations, 2)
            assert talker.engine is not None and other.engine is not None
            talker.engine.play_clip(QUIET[: int(dice.uniform(0.3, LONGEST_CLIP_S) * fmt.SAMPLE_RATE_HZ)])
            await trio.sleep(dice.uniform(0.1, 3))
            match dice.randrange(12):
                case 0:
                    other.engine.play_clip(QUIET[:16000])  # at the same time, or refused
                case 1:
                    talker.engine.key_up()
                case 2 | 3:
                    victim = dice.choice(stations)
                    victim.scope.cancel()
                    await trio.sleep(dice.uniform(0.01, 8))
                    await nursery.start(victim.run)
                case 4:
                    talker.engine.send_text("still here")
            await trio.sleep(dice.uniform(0, 40))
        weather.loss = weather.duplicate = weather.jitter_s = 0.0
        weather.outage = weather.unreachable = False
        attacking.cancel()
        await trio.sleep(60)
        for station in stations:
            assert station.engine is not None
            assert (State.IDLE, True) == (station.state, station.engine.idle)
            counts = (station.told["OverBegan"], station.told["OverPlayed"])
            assert counts[0] - counts[1] <= station.told["StationReady"] - 1  # an over dies with its station
        final_bytes = traced_bytes()
        nursery.cancel_scope.cancel()
    return warm_bytes, final_bytes


def traced_bytes() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.fixture(scope="module")
def packets() -> list[bytes]:
    """Of the bundled clips."""
    from codec.encoder import Encoder

    encoder, speech = Encoder(), np.concatenate(clips())
    whole = len(speech) // fmt.PACKET_SAMPLES * fmt.PACKET_SAMPLES
    return [encoder.encode(piece) for piece in speech[:whole].reshape(-1, fmt.PACKET_SAMPLES)]


def forge(frame: Frame) -> bytes:
    """Return a frame in the shape of a sealed one, by somebody without the key."""
    octets = encode(frame)
    return bytes([Mode.SEALED << 4 | octets[0] & 15]) + octets[1:4] + random.Random(octets).randbytes(len(octets) + 8)


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("channel", ["open", "open, attacked", "sealed, attacked"])
def test_hours_of_overs_faults_and_restarts(tmp_path, packets, seed, channel, monkeypatch):
    """Memory is flat, the floor is free at the end, every packet that was played was sent, in order and once, and every
    over that was sent was kept by its talker and played, or is missing for a reason. Of an attacker nothing is played
    on a sealed channel; on an open one what he says is played, too."""
    monkeypatch.setattr(
        "app.settings.protection.derive_key", lambda passphrase, *_: hashlib.sha256(passphrase.encode()).digest()
    )
    sealed, hours = channel.startswith("sealed"), HOURS if channel == "open" else ATTACKED_HOURS
    attacker = None
    if "attacked" in channel:
        dice = random.Random(seed + 1)
        attacker = Attacker(dice, forge, replays=True) if sealed else Attacker(dice, damages=False)
    overhear = attacker.hear if attacker is not None else lambda octets: None
    here, there = memory_pair()
    weather = Weather(random.Random(seed))
    passphrase = "of the soak" if sealed else None
    one = Soaked("Ada", 1, WeatheredLink(here, weather, overhear), tmp_path / "ada", packets, passphrase)
    other = Soaked("Bob", 2, WeatheredLink(there, weather, overhear), tmp_path / "bob", packets, passphrase)
    tracemalloc.start()
    try:
        warm_bytes, final_bytes = trio.run(
            live,
            (one, other),
            weather,
            hours,
            attacker,
            (here, there),
            clock=trio.testing.MockClock(autojump_threshold=0),
        )
    finally:
        tracemalloc.stop()
    for talker, listener in ((one, other), (other, one)):
        check_heard(talker, listener, hours, safe=channel != "open, attacked")
        check_kept(talker)
    print(f"{channel}: {warm_bytes} bytes after a third, {final_bytes} at the end")
    assert final_bytes - warm_bytes < GROWTH_BYTES


def check_heard(talker: Soaked, listener: Soaked, hours: float, *, safe: bool) -> None:
    """What one said and the other heard of it are the same, or differ for a reason. `safe`: nobody else is heard."""
    sent, known, lost = talker.sent["packets"], listener.ended["packets"], listener.ended["lost"]
    forged = listener.decoder.forged
    print(f"{talker.name} {dict(talker.sent)}, {listener.name} {dict(listener.ended)}, {forged} forged packets")
    # In the open, a BEGIN with the number of somebody's over and another layout has his frames read in another order.
    assert listener.decoder.strange <= (0 if safe else 0.01 * listener.decoder.played)
    assert listener.decoder.played <= talker.encoder.given
    assert folder_bytes(talker.folder) <= 1.1e6 * FOLDER_MB
    if not safe:
        assert talker.sent["overs"] >= 5 * hours  # he may be refused, but not for long
        return
    assert 0 == forged
    # A restart on either side may cut an over; outages hide some. What is left over is little.
    assert listener.ended["overs"] <= talker.sent["overs"] + talker.told["StationReady"]
    if hours >= HOURS:  # in minutes the weather may be bad all the time
        assert talker.sent["overs"] >= 20 * hours
        assert listener.decoder.played >= 0.5 * sent  # it is fair half of the time
        assert lost <= 0.3 * known


def check_kept(station: Soaked) -> None:
    """Every over that left is among the recordings, as long as none of them had to go."""
    kept = Counter(read_over(path).direction for path in over_files(station.folder))
    if sum(clear_oldest_overs(station.folder, int(0.6e6 * FOLDER_MB))) < 0.6e6 * FOLDER_MB and HOURS < 1:
        assert kept["sent"] >= station.sent["overs"]
        assert kept["heard"] >= station.ended["spoken"] - station.told["StationReady"]
