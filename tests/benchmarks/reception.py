"""How long after a packet's last bit its sound leaves the receiver: through the real engine, on a link in memory.

The engine gets the frames of several overs in real time, and a loudspeaker that only notes when each block's turn
would come. What the play-out holds back on purpose (it rides out jitter) is reported beside, not in the figure.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import trio

from app.audio.sound_files import from_int16
from codec.format import DELAY_SAMPLES, PACKET_S, PACKET_SAMPLES, SAMPLE_RATE_HZ

from .errors import BenchmarkError
from .lanes.ours import OurLane

OVERS = 8
PACKETS = 3
"""In each over."""
PATIENCE_S = 10.0
"""For one over to be played to its end."""


@dataclass(frozen=True)
class Reception:
    """The time that the first packets of all overs took at the receiver."""

    after_hold_ms: float
    """From the packet's last bit until its first sample leaves, less the hold; median."""
    worst_ms: float
    hold_ms: float
    """Median over the overs."""
    codec_delay_ms: float = 1000 * DELAY_SAMPLES / SAMPLE_RATE_HZ
    """Declared: what the sample that leaves first is older than the packet's first one."""


def measure_reception(samples: np.ndarray) -> Reception:
    """Measure with int16 [at least 3 packets] of speech, about 2 s an over. Raises BenchmarkError."""
    encode = OurLane("neural").open_encoder()
    blocks = from_int16(samples[: PACKETS * PACKET_SAMPLES]).reshape(PACKETS, PACKET_SAMPLES)
    return trio.run(receive, [encode(block) for block in blocks])


async def receive(packets: Sequence[bytes], **pieces: Any) -> Reception:
    """Receive an over of these packets. pieces: those of the station (app/station/parts.py) to replace."""
    from app import events
    from app.audio.devices import BLOCK_SAMPLES, NoLoudspeaker, NoMicrophone
    from app.settings.model import PARROT_LINK, Settings
    from app.station.engine import Engine
    from app.station.parts import load_codec, real_parts
    from transport.links.memory import memory_pair
    from transport.protocol.open_frames import encode
    from transport.protocol.over import OverSender

    left_s: list[float] = []
    holds_s: list[float] = []
    codec_id = 0
    ended = trio.Event()

    class Stopwatch(NoLoudspeaker):
        """A loudspeaker that notes when each stretch of speech is heard, which is in whole blocks; silence is not."""

        def play(self, samples: np.ndarray) -> None:
            if len(samples) % BLOCK_SAMPLES == 0:
                left_s.append(trio.current_time() + self.queued_s)
            super().play(samples)

    def note(event: events.Event) -> None:
        nonlocal codec_id
        match event:
            case events.StationReady():
                codec_id = event.codec_id
            case events.PlayoutState(hold_s):
                holds_s.append(hold_s)
            case events.OverPlayed():
                ended.set()

    ours, theirs = memory_pair()

    async def open_pair(*_: Any) -> tuple[Any, str]:
        return theirs, ""

    parts = replace(
        real_parts(load_codec=partial(load_codec, encoder=False)),
        **{"open_link": open_pair, "open_sound": lambda *_: (NoMicrophone(), Stopwatch()), **pieces},
    )
    results: list[tuple[float, float]] = []
    async with trio.open_nursery() as nursery:
        await nursery.start(Engine(Settings(link=PARROT_LINK, name="listener"), note, parts).run)
        for number in range(OVERS):
            ended = trio.Event()
            left_s.clear()
            holds_s.clear()
            sender = OverSender(over=number, nonce=bytes(8), utc_s=0, codec_id=codec_id, k=1, sender="talker")
            await ours.send(encode(sender.begin()))
            arrived_s = trio.current_time()
            for place, packet in enumerate(packets):
                await trio.sleep_until(arrived_s + place * PACKET_S)
                for frame in sender.voice([packet]):
                    await ours.send(encode(frame))
            await ours.send(encode(sender.end()))
            with trio.move_on_after(PATIENCE_S):
                await ended.wait()
            if not left_s or not holds_s:
                raise BenchmarkError("the engine played nothing of an over: run `gossamer demo` to see why")
            await trio.sleep(1.0)  # the next over finds a silent loudspeaker, as after a pause between people
            results.append((left_s[0] - arrived_s - holds_s[0], holds_s[0]))
        nursery.cancel_scope.cancel()
    latencies_ms = [1000 * latency_s for latency_s, _ in results]
    hold_ms = 1000 * statistics.median(hold_s for _, hold_s in results)
    return Reception(statistics.median(latencies_ms), max(latencies_ms), hold_ms)
