"""A real modem: two Direwolf instances that hear each other, at 1200 and 9600 baud, one reached over TCP, the other
over its pseudo-terminal. And Opus at 6 kbit/s, for what it does on the same link."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trio

from app.codecs.opus import FRAME_SAMPLES, RATE_BPS, Opus
from tests.field import direwolf
from tests.field.conversation import Station, converse, planned_k, speech
from tests.field.direwolf import CrossedModems, Modem
from transport.links.registry import open_link

pytestmark = pytest.mark.field

OVER_S = 30.0
OPUS_S = 15.0
"""Long enough: by then most of it has not come."""
KEYING = "txdelay=100&txtail=20&slottime=10&persist=255"
RADIOS = {1200: "afsk1200", 9600: "fsk9600"}
STEADY_S = 0.5
"""The delay may differ so much between the start and the end of an over, on a machine with other work."""
OPUS_BUNDLE = 12
"""Opus frames of 20 ms in one AX.25 frame: 240 ms, 180 bytes at 6 kbit/s."""


@pytest.fixture(autouse=True)
def modems_are_installed() -> None:
    if absent := direwolf.missing():
        pytest.skip(absent)


def links(one: Modem, other: Modem, baud: int) -> tuple[str, str]:
    """TCP for the one, the pseudo-terminal for the other."""
    settings = f"radio={RADIOS[baud]}&{KEYING}"
    return (
        f"kiss://127.0.0.1:{one.port}?call=N0CALL-1&{settings}",
        f"kiss://{other.terminal}?baud=115200&call=N0CALL-2&{settings}",
    )


@pytest.mark.parametrize("baud", [1200, 9600])
def test_a_conversation_over_a_modem(baud: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """30 s each way, k from the planner: no packet lost, the delay at the end what it was at the start."""
    with CrossedModems(tmp_path, baud) as modems:
        tcp, terminal = links(*modems, baud)
        outcomes = trio.run(lambda: converse(Station("Ada", tcp), Station("Bob", terminal), OVER_S, warm_up=True))
    with capsys.disabled():
        print(f"\n{baud} baud, {tcp}")
        for outcome in outcomes:
            print(f"  {outcome}")
    for outcome in outcomes:
        assert (planned_k(tcp), 0, 0) == (outcome.k, outcome.lost, outcome.damaged)
        assert abs(outcome.growth_s) < STEADY_S


def test_opus_on_the_same_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Speech in Opus at 6 kbit/s falls behind at once on 1200 baud, and further with every second."""
    if reason := Opus().missing():
        pytest.skip(str(reason))
    with CrossedModems(tmp_path, 1200) as modems:
        tcp, terminal = links(*modems, 1200)
        delays_s, sent, bits = trio.run(_stream_opus, tcp, terminal)
    last_s = max(delays_s, default=float("inf"))
    with capsys.disabled():
        print(f"\n1200 baud, Opus at {RATE_BPS} bit/s ({bits / OPUS_S:.0f} bit/s of voice alone)")
        print(f"  at the end of {OPUS_S:.0f} s of speech {len(delays_s)} of {sent} frames had come,")
        print(f"  the first {delays_s[0]:.1f} s after it was said, the last {last_s:.1f} s")
    assert len(delays_s) < 0.5 * sent
    assert last_s > 5.0
    assert delays_s == sorted(delays_s)


async def _stream_opus(near: str, far: str) -> tuple[list[float], int, int]:
    """Speech as it is said, for OPUS_S: the delay of every frame that came by its end, frames handed over, bits."""
    encode = Opus().open_encoder()
    said = speech(OPUS_S).astype(np.float32)
    handed: list[float] = []
    arrived: dict[int, float] = {}
    bits = 0
    async with trio.open_nursery() as nursery:
        talks, hears = await open_link(near, nursery), await open_link(far, nursery)
        warm = trio.Event()

        async def listen() -> None:
            while True:
                frame = await hears.receive()
                if frame == b"warm":
                    warm.set()
                elif len(frame) > 2:
                    arrived.setdefault(int.from_bytes(frame[:2], "big"), trio.current_time())

        nursery.start_soon(listen)
        with trio.fail_after(30):
            while not warm.is_set():
                await talks.send(b"warm")
                with trio.move_on_after(2):
                    await warm.wait()
        out, queue = trio.open_memory_channel[bytes](1000)

        async def transmit() -> None:
            async for frame in queue:
                await talks.send(frame)

        nursery.start_soon(transmit)
        began_s = trio.current_time()
        step = OPUS_BUNDLE * FRAME_SAMPLES
        for number, at in enumerate(range(0, len(said) - step + 1, step)):
            await trio.sleep_until(began_s + (number + 1) * step / 8000)
            places = range(at, at + step, FRAME_SAMPLES)
            bundle = [encode(said[place : place + FRAME_SAMPLES]) for place in places]
            frame = number.to_bytes(2, "big") + b"".join(bytes([len(packet)]) + packet for packet in bundle)
            bits += 8 * sum(map(len, bundle))
            handed.append(trio.current_time())
            out.send_nowait(frame)
        nursery.cancel_scope.cancel()
    return [arrived[number] - handed[number] for number in sorted(arrived)], len(handed), bits
