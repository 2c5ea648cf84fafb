"""Serial ports that key nothing by being opened, and adapters that come back under another number."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.support.overs import numbered_packet
from tests.support.wires import Plug
from transport.errors import LinkRemade, PeerUnreachable
from transport.framing.cobs import COBS_MARK, cobs_encode
from transport.links import serial_names
from transport.links.base import Link
from transport.links.registry import open_link
from transport.protocol.frames import Voice
from transport.protocol.open_frames import encode

PATIENCE_S = 60
VOICE = encode(Voice(1, 1, (numbered_packet(1),)))
LINES = {termios.TIOCM_DTR: "dtr", termios.TIOCM_RTS: "rts"}
SETTINGS = {
    "serial://{}?baud=9600": {"dtr": False, "rts": False},
    "serial://{}?baud=9600&dtr=1": {"dtr": True, "rts": False},
    "serial://{}?baud=9600&rts=1&dtr=0": {"dtr": False, "rts": True},
    "kiss://{}?baud=9600&call=N0CALL": {"dtr": False, "rts": False},
    "kiss://{}?baud=9600&call=N0CALL&dtr=1&rts=1&txdelay=50": {"dtr": True, "rts": True},
}


def run(main) -> None:
    async def limited() -> None:
        with trio.fail_after(PATIENCE_S):
            await main()

    trio.run(limited)


def is_ready(link: Link) -> bool:
    """Tell whether the link is ready now; it changes while others run."""
    return link.ready


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """What the system is asked to do with DTR and RTS, in order; a pseudo-terminal has neither."""
    asked: list[tuple[str, bool]] = []
    ioctl = fcntl.ioctl

    def noted(number: int, request: int, argument: Any = 0, *more: Any) -> Any:
        if request in (termios.TIOCMBIS, termios.TIOCMBIC):
            [line] = struct.unpack("I", argument)
            asked.append((LINES[line], request == termios.TIOCMBIS))
            return argument
        return ioctl(number, request, argument, *more)

    monkeypatch.setattr(fcntl, "ioctl", noted)
    return asked


@pytest.mark.parametrize("text", SETTINGS)
def test_control_lines(text: str, lines: list[tuple[str, bool]], tmp_path: Path) -> None:
    """DTR and RTS are off unless the address asks for them, whenever the port is opened, and never set in between."""
    plug = Plug(tmp_path / "ttyRADIO")

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = await open_link(text.format(plug.path) + "&settle=0", nursery)
            plug.unplug()
            with pytest.raises(PeerUnreachable):
                await link.receive()
            plug.plug()
            await link.wait_ready()
            await link.aclose()

    run(main)
    assert 2 * list(SETTINGS[text].items()) == lines


@pytest.mark.parametrize(("settling", "least_s"), [("", 0.1), ("&settle=400", 0.4), ("&settle=0", 0.0)])
def test_settling(settling: str, least_s: float, tmp_path: Path) -> None:
    """Nothing is written before the port has settled, also when it is back: neither settings of a TNC nor frames."""
    plug = Plug(tmp_path / "ttyRADIO")

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            before_s = trio.current_time()
            link = await open_link(f"kiss://{plug.path}?baud=9600&call=N0CALL&txdelay=50{settling}", nursery)
            assert trio.current_time() - before_s >= least_s
            plug.unplug()
            with pytest.raises(PeerUnreachable):
                await link.receive()
            plug.plug()
            before_s = trio.current_time()
            await plug.read(1)
            assert trio.current_time() - before_s >= least_s
            await link.aclose()

    run(main)


@pytest.fixture
def by_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "by-id"
    folder.mkdir()
    monkeypatch.setattr(serial_names, "BY_ID", folder)
    return folder


def test_an_adapter_under_another_number(by_id: Path, tmp_path: Path) -> None:
    """It is found by its lasting name, this is said once, and another adapter under the old number stays untouched."""
    zero, one = tmp_path / "ttyUSB0", tmp_path / "ttyUSB1"
    radio, name = Plug(zero), by_id / "usb-Radio_Works_0001-if00"
    name.symlink_to(os.readlink(zero))
    back = Plug(one)  # while the first one is there, so that it has another number for sure

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = await open_link(f"serial://{zero}?baud=9600&settle=0", nursery)
            radio.unplug()
            name.unlink()
            with pytest.raises(PeerUnreachable, match=r"ttyUSB0 was unplugged: plug it in again, under any number"):
                await link.receive()
            other = Plug(zero)
            await trio.sleep(1.2)
            assert not is_ready(link)
            name.symlink_to(os.readlink(one))
            with pytest.raises(LinkRemade, match=r"ttyUSB0 is /dev/pts/\d+ now: name it .*usb-Radio_Works_0001-if00"):
                await link.receive()
            assert is_ready(link)
            await link.send(VOICE)
            expected = COBS_MARK + cobs_encode(VOICE) + COBS_MARK
            assert expected == await back.read(len(expected))
            with trio.move_on_after(0.3):
                pytest.fail(f"{await other.read_some()!r} went to another adapter")
            await link.aclose()

    run(main)


def test_a_lasting_name_in_the_address(by_id: Path, tmp_path: Path) -> None:
    """Nothing is said when the number behind a lasting name has changed."""
    name = by_id / "usb-Radio_Works_0001-if00"
    plug = Plug(name)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = await open_link(f"serial://{name}?baud=9600&settle=0", nursery)
            plug.unplug()
            Plug(tmp_path / "ttyUSB0")  # takes the number
            with pytest.raises(PeerUnreachable):
                await link.receive()
            plug.plug()
            await link.wait_ready()
            with trio.move_on_after(0.3):
                pytest.fail(f"{await link.receive()!r} was received")
            await link.aclose()

    run(main)
