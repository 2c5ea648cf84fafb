"""Serial links on pseudo-terminals: frames, rubbish, pace, and a plug that is pulled and put back."""

from __future__ import annotations

from pathlib import Path

import pytest
import serial
import trio
import trio.testing

from app import events
from app.settings.model import Settings
from tests.support.overs import numbered_packet, over_frames
from tests.support.station import Station, clip
from tests.support.wires import Plug
from transport.errors import LinkClosed, LinkError, PeerUnreachable
from transport.framing.cobs import COBS_MARK, cobs_encode
from transport.links.registry import open_link
from transport.protocol.frames import Voice
from transport.protocol.open_frames import encode

PATIENCE_S = 60
VOICE = encode(Voice(1, 1, (numbered_packet(1),)))


def wrapped(frame: bytes) -> bytes:
    """As it goes over the line."""
    return COBS_MARK + cobs_encode(frame) + COBS_MARK


def run(main, clock=None) -> None:
    async def limited() -> None:
        with trio.fail_after(PATIENCE_S):
            await main()

    # A virtual clock would jump to the limit while a thread opens the port.
    trio.run(main if clock else limited, clock=clock)


@pytest.fixture
def plug(tmp_path: Path) -> Plug:
    return Plug(tmp_path / "ttyRADIO")


def test_frames_both_ways(plug: Plug) -> None:
    """A zero on each side, nothing in between; what comes is a frame, or empty where it was none, and is counted."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = await open_link(f"serial://{plug.path}?baud=57600", nursery)
            assert (True, 4) == (link.ready, link.tag_bytes)
            await link.send(VOICE)
            assert wrapped(VOICE) == await plug.read(len(wrapped(VOICE)))
            assert (1, 32, 8, 3) == (link.sent.frames, link.sent.voice, link.sent.header, link.sent.framing)
            await plug.write(b"noise\xff" + wrapped(VOICE) + b"\x09\x01\x00" + wrapped(VOICE))
            assert [b"", VOICE, b"", VOICE] == [await link.receive() for _ in range(4)]
            assert (4, 64) == (link.received.frames, link.received.voice)
            await link.aclose()

    run(main)


def test_unplugged_and_plugged_in_again(plug: Plug) -> None:
    """Both who receives and who sends is told, once; the port is opened again as soon as it is there."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = await open_link(f"serial://{plug.path}?baud=9600", nursery)
            await plug.write(wrapped(VOICE)[:20])
            await trio.testing.wait_all_tasks_blocked()
            for _ in range(2):
                plug.unplug()
                with pytest.raises(PeerUnreachable, match="ttyRADIO was unplugged: plug it in again"):
                    await link.receive()
                assert not link.ready
                with pytest.raises(PeerUnreachable, match="was unplugged"):
                    await link.send(VOICE)
                await trio.sleep(0.7)
                plug.plug()
                await link.wait_ready()
                await plug.write(wrapped(VOICE))
                assert VOICE == await link.receive()
                await link.send(VOICE)
                assert wrapped(VOICE) == await plug.read(len(wrapped(VOICE)))
            await link.aclose()

    run(main)


def test_the_pace_of_the_line(plug: Plug) -> None:
    """At 300 baud a frame of 43 bytes takes 1.43 s; the next one is handed over shortly before the line is free."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = await open_link(f"serial://{plug.path}?baud=300", nursery)
            began_s, times, left = trio.current_time(), [], []
            for _ in range(3):
                await link.send(VOICE)
                times.append(trio.current_time() - began_s)
                left.append(link.drain_s())
            line_s = len(wrapped(VOICE)) * 10 / 300
            assert [0.0, line_s - 0.3, 2 * line_s - 0.3] == pytest.approx(times)
            assert [line_s, line_s + 0.3, line_s + 0.3] == pytest.approx(left)
            await trio.sleep(line_s + 1)
            assert 0.0 == link.drain_s()
            await link.aclose()

    run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_radio_slower_than_its_port(plug: Plug) -> None:
    """With radio= the pace is that of the air where that is slower: its buffer is not overrun."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = await open_link(f"serial://{plug.path}?radio=satellite-2400", nursery)
            await link.send(VOICE)
            assert 43 * 8 / 2400 == pytest.approx(link.drain_s())
            await link.aclose()

    run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_ports_that_cannot_be_opened(plug: Plug, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing, busy, no serial port, not permitted: one line with the cause and the cure."""
    (tmp_path / "file").write_text("no port")

    async def refused(text: str, said: str) -> None:
        async with trio.open_nursery() as nursery:
            with pytest.raises(LinkError, match=said) as caught:
                await open_link(f"serial://{text}?baud=9600", nursery)
            assert "\n" not in str(caught.value)

    async def main() -> None:
        await refused(f"{tmp_path}/none", "none is not there: plug it in")
        await refused(f"{tmp_path}/file", "is no serial port: choose one")
        await refused(str(tmp_path), "is no serial port: choose one")
        async with trio.open_nursery() as nursery:
            link = await open_link(f"serial://{plug.path}?baud=9600", nursery)
            await refused(str(plug.path), "is in use by another program .*: close that one first")
            await link.aclose()

        def no_permission(path: str, *more, **others):
            raise serial.SerialException(13, f"could not open port {path}: [Errno 13] Permission denied")

        monkeypatch.setattr(serial, "Serial", no_permission)
        await refused(str(plug.path), "may not be opened by you: join its group .*dialout.* and log in again")

    run(main)


def test_closing(plug: Plug) -> None:
    """Who waits for a frame gets LinkClosed, and so does who sends; no task is left, plugged in or not."""

    async def main() -> None:
        for pull in (False, True):
            async with trio.open_nursery() as nursery:
                link = await open_link(f"serial://{plug.path}?baud=9600", nursery)
                if pull:
                    plug.unplug()
                    with pytest.raises(PeerUnreachable):
                        await link.receive()
                async with trio.open_nursery() as closer:
                    closer.start_soon(link.aclose)
                    with pytest.raises(LinkClosed):
                        await link.receive()
                with pytest.raises(LinkClosed):
                    await link.send(VOICE)

    run(main)


def test_a_whole_over_in_small_pieces(plug: Plug) -> None:
    """Frames are whole however the driver cuts them."""
    frames = [encode(frame) for frame in over_frames(9, k=3)]

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = await open_link(f"serial://{plug.path}?baud=9600", nursery)
            stream = b"".join(map(wrapped, frames))
            for at in range(0, len(stream), 7):
                await plug.write(stream[at : at + 7])
                await trio.testing.wait_all_tasks_blocked()
            assert frames == [await link.receive() for _ in frames]
            await link.aclose()

    run(main)


def test_a_station_says_that_its_radio_is_back(plug: Plug) -> None:
    """Unplugged: said once. Plugged in again: said at once, not when somebody talks; then an over goes out."""
    station = Station(Settings(link=f"serial://{plug.path}?baud=57600", name="Ada", permit_tone=False, record=False))

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(station.engine.run)
            plug.unplug()
            problem = await station.until(events.LinkProblem)
            assert (f"{plug.path} was unplugged", "plug it in again, it is waited for") == (problem.cause, problem.cure)
            plug.plug()
            await station.until(events.LinkRecovered)
            station.engine.play_clip(clip(0.5))
            await station.until(events.OverSent)
            assert 1 == len(station.only(events.LinkProblem)) == len(station.only(events.LinkRecovered))
            station.engine.close()

    run(main)
