"""Notifications on the desktop, over a real session bus with a server that keeps what it is told to show."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app.tui.host.desktop import PAUSE_S, DesktopNotices, NoDesktop, Notice, show_on_bus
from tests.support.station import at_once

needs_bus = [
    pytest.mark.dbus,
    pytest.mark.skipif(
        shutil.which("dbus-daemon") is None, reason="dbus-daemon is not installed (Debian: dbus-daemon)"
    ),
]


class Desktop:
    """A notification server that shows nothing, and keeps every call. It refuses what says so."""

    def __init__(self, address: str) -> None:
        from jeepney import DBusAddress, new_method_call
        from jeepney.io.blocking import open_dbus_connection

        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self._connection = open_dbus_connection(address)
        bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
        own = new_method_call(bus, "RequestName", "su", ("org.freedesktop.Notifications", 0))
        self._connection.send_and_get_reply(own)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        from jeepney import HeaderFields, MessageType, new_error, new_method_return

        while True:
            try:
                message = self._connection.receive()
            except (ConnectionError, OSError):
                return
            if message.header.message_type is not MessageType.method_call:
                continue
            member = message.header.fields[HeaderFields.member]
            self.calls.append((member, message.body))
            if member == "Notify" and "refuse" in message.body[3]:
                self._connection.send(new_error(message, "org.freedesktop.Error.Failed"))
            elif member == "Notify":
                self._connection.send(new_method_return(message, "u", (message.body[1] or 40 + len(self.calls),)))
            else:
                self._connection.send(new_method_return(message))

    def texts(self) -> list[tuple[int, str, str]]:
        """Number that is replaced, summary and body of what was to be shown."""
        return [(body[1], body[3], body[4]) for member, body in self.calls if member == "Notify"]


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A session bus of its own, which the program finds."""
    pytest.importorskip("jeepney")
    address = f"unix:path={tmp_path}/bus"
    command = ["dbus-daemon", "--session", "--nofork", "--print-address=1", f"--address={address}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as daemon:
        assert daemon.stdout is not None and daemon.stdout.readline().startswith(address)
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        yield address
        daemon.terminate()


class TestOnABus:
    """What reaches the desktop."""

    pytestmark = needs_bus

    def test_names_are_plain_and_nothing_is_markup(self, bus: str) -> None:
        """Whatever a stranger is called: neither an escape code nor a tag gets a meaning."""
        desktop = Desktop(bus)
        number = show_on_bus(Notice("\x1b]0;x\x07<b>Eve</b>\u202e calls", "1 over missed"), 0)
        assert [(0, "?]0;x?<b>Eve</b>? calls", "1 over missed")] == desktop.texts()
        assert number == show_on_bus(Notice("Bert", "2 overs missed"), number)
        assert show_on_bus(None, number) == 0
        assert ("CloseNotification", (number,)) == desktop.calls[-1]

    def test_a_desktop_that_refuses_is_an_error_of_the_moment(self, bus: str) -> None:
        """So is one without anybody who shows notifications."""
        with pytest.raises(OSError, match="refused"):
            show_on_bus(Notice("Bert"), 0)
        Desktop(bus)
        with pytest.raises(OSError, match="refused"):
            show_on_bus(Notice("refuse"), 0)

    @pytest.mark.parametrize("address", ["unix:path=/nowhere/bus", "unix:abstract=gossamer-nobody"])
    def test_a_bus_that_is_gone(self, bus: str, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
        """It may come back."""
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        with pytest.raises(OSError):  # noqa: PT011 - the kernel's reason
            show_on_bus(Notice("Bert"), 0)

    @pytest.mark.parametrize("address", [None, "", "nonsense", "tcp:host=localhost,port=1"])
    def test_a_session_without_a_bus(self, bus: str, monkeypatch: pytest.MonkeyPatch, address: str | None) -> None:
        """Nothing can be shown, ever."""
        monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
        if address is not None:
            monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        with pytest.raises(NoDesktop):
            show_on_bus(Notice("Bert"), 0)


def test_without_the_library_there_is_no_desktop() -> None:
    """And importing the screen does not load it."""
    code = (
        "import sys; import app.tui.talk.app; assert 'jeepney' not in sys.modules\n"
        "sys.modules['jeepney'] = None\n"
        "from app.tui.host.desktop import NoDesktop, Notice, show_on_bus\n"
        "try: show_on_bus(Notice('x'), 0)\n"
        "except NoDesktop: print('none')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=os.environ)
    assert "none\n" == run.stdout, run.stderr


class Kept:
    """A desktop that keeps what it shows, and when; `problem` is raised instead."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.shown: list[tuple[float, Notice | None, int]] = []
        self.problem = problem

    def __call__(self, notice: Notice | None, number: int) -> int:
        self.shown.append((trio.current_time(), notice, number))
        if self.problem is not None:
            raise self.problem
        return number or 7


async def run_for(notices: DesktopNotices, *steps: tuple[float, str]) -> None:
    """Want notices at times of the clock, "" for none, and let them be shown."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(notices.run, at_once)
        for wait_s, summary in steps:
            await trio.sleep(wait_s)
            if summary:
                notices.say(summary)
            else:
                notices.clear()
        await trio.sleep(3 * PAUSE_S)
        nursery.cancel_scope.cancel()


@trio_test
async def test_a_flood_of_calls_is_one_notice_now_and_then(virtual_time: trio.testing.MockClock) -> None:
    """The newest is shown in place of the one before, as seldom as is said; and goes when the user is back."""
    desktop = Kept()
    await run_for(DesktopNotices(desktop), *((0.01, f"call {number}") for number in range(1000)), (0.0, ""))
    assert len(desktop.shown) <= 12 / PAUSE_S + 2
    assert (Notice("call 0"), 0) == desktop.shown[0][1:]
    assert (None, 7) == desktop.shown[-1][1:]
    times = [at_s for at_s, _, _ in desktop.shown]
    assert all(later - sooner >= PAUSE_S for sooner, later in itertools.pairwise(times))


@trio_test
async def test_what_is_shown_already_is_not_shown_again(virtual_time: trio.testing.MockClock) -> None:
    """Nor is anything taken away that was never shown."""
    desktop = Kept()
    await run_for(DesktopNotices(desktop), (1.0, ""), (1.0, "Bert"), (1.0, "Bert"))
    assert [Notice("Bert")] == [notice for _, notice, _ in desktop.shown]


@pytest.mark.parametrize(("problem", "tries"), [(NoDesktop("no bus"), 1), (OSError("refused"), 2)])
@trio_test
async def test_a_desktop_that_fails(virtual_time: trio.testing.MockClock, problem: Exception, tries: int) -> None:
    """Where there is none nobody asks again; a fault of the moment is over with the next notice."""
    desktop = Kept(problem)
    await run_for(DesktopNotices(desktop), (1.0, "one"), (10.0, "two"))
    assert tries == len(desktop.shown)
