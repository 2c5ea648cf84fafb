"""The control socket: its words, who may use it, and what is left of dead stations."""

from __future__ import annotations

import contextlib
import errno
import json
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from app import events
from app.__main__ import main
from app.cli.parser import build_parser
from app.errors import GossamerError
from app.station.control_client import asked, file_name, find, folder, running
from app.station.control_socket import ControlSocket
from tests.support.terminal import STARTED_S, Terminal
from transport.protocol.floor_states import State

STATION = [sys.executable, "-m", "tests.support.tui_station"]


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder for sockets of our own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


class Key:
    """The host's talk key: the floor follows at once."""

    def __init__(self) -> None:
        self.pressed: list[bool] = []
        self.control = ControlSocket("Ada", "parrot://", lambda: self._move(True), lambda: self._move(False))

    def _move(self, down: bool) -> None:
        self.pressed.append(down)
        self.control.note(events.FloorChanged(State.ON_AIR if down else State.IDLE))


def serve(key: Key, play: Callable[[], None]) -> None:
    """Runs a client's side in a thread while the socket is served."""

    async def run() -> None:
        key.control.open()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(key.control.serve)
            await trio.to_thread.run_sync(play)
            nursery.cancel_scope.cancel()

    trio.run(run)


def problem(*words: str) -> str:
    """What `gossamer ptt` says is wrong; "" if nothing is."""
    arguments = build_parser().parse_args(["ptt", *words])
    try:
        assert 0 == arguments.run(arguments)
    except GossamerError as error:
        return str(error)
    return ""


def say(word: str, station: str | None = None) -> str:
    with asked(find(station), word) as (answer, _):
        return answer.state


def test_its_words() -> None:
    """Each does what it says, and the answer is where the floor stands then."""
    key = Key()

    def play() -> None:
        words = ("status", "down", "down", "status", "up", "toggle", "toggle", "up")
        states = ["idle", "on air", "on air", "on air", "idle", "on air", "idle", "idle"]
        assert states == [say(word) for word in words]
        with asked(find(None), "launch") as (answer, _):
            assert answer.problem.startswith("'launch' is none of")

    serve(key, play)
    assert [True, True, False, True, False, False] == key.pressed


def test_down_latches_and_hold_does_not() -> None:
    """A client that goes away leaves a latched key down, and lets a held one go."""
    key = Key()

    def play() -> None:
        say("down")
        assert "on air" == say("status")
        say("up")
        say("hold")  # its connection ends with this line
        while say("status") != "idle":
            pass

    serve(key, play)
    assert [True, False, True, False] == key.pressed


def test_a_hold_that_was_ended_lets_nothing_go_later() -> None:
    """The over that is on the air by then is somebody else's."""
    key = Key()

    def play() -> None:
        with asked(find(None), "hold"):
            say("up")
            say("down")
        for _ in range(5):
            assert "on air" == say("status")

    serve(key, play)
    assert [True, False, True] == key.pressed


def test_a_refusal_is_said_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """To who pressed, and to who asks later."""
    key = Key()
    key.control = ControlSocket(
        "Ada", "parrot://", lambda: key.control.note(events.TalkDenied("somebody is talking")), print
    )

    def play() -> None:
        assert "not on air: somebody is talking" == problem("down")
        assert "" == problem("status", "--json")

    serve(key, play)
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"station": "Ada", "link": "parrot://", "state": "idle", "problem": "somebody is talking"} == answer


def test_rubbish_and_silence_stop_nobody() -> None:
    """A client that says nothing, too much or no text is answered or left; the next one is served."""
    key = Key()

    def play() -> None:
        for octets in (b"", b"\xff" * 1000, b"down", b"\0\n", b"{}" * 40 + b"\n"):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(find(None))
                client.sendall(octets)
        assert "idle" == say("status")

    serve(key, play)


def test_a_busy_station_is_no_dead_one(runtime: Path) -> None:
    """A station with more callers waiting than it has room for keeps its socket."""
    with socket.socket(socket.AF_UNIX) as listening, contextlib.ExitStack() as callers:
        path = f"{folder()}/Ada.sock"
        listening.bind(path)
        listening.listen(1)
        full = False
        while not full:
            caller = callers.enter_context(socket.socket(socket.AF_UNIX))
            caller.setblocking(False)
            full = caller.connect_ex(path) == errno.EAGAIN
        assert [path] == list(running())
        assert Path(path).exists()


def test_only_its_owner_may_use_it(runtime: Path) -> None:
    """Mode 0600 in a folder of mode 0700; a folder that is no folder is refused."""
    key = Key()

    def play() -> None:
        assert 0o600 == stat.S_IMODE(Path(find(None)).stat().st_mode)
        assert 0o700 == stat.S_IMODE(Path(folder()).stat().st_mode)

    serve(key, play)
    (runtime / "gossamer").rmdir()
    (runtime / "gossamer").symlink_to("/tmp")
    with pytest.raises(GossamerError, match="belongs to somebody else"):
        key.control.open()


def test_several_stations() -> None:
    """Namesakes get a number; without --station the choice is named."""
    one, other = Key(), Key()

    def play() -> None:
        assert ["Ada", "Ada-2"] == [one.control.station, other.control.station]
        assert "several stations are running: give --station, one of Ada, Ada-2" == problem("down")
        assert "no station 'Bob' is running: there are Ada, Ada-2" == problem("down", "--station", "Bob")
        assert "on air" == say("down", "Ada-2")

    def beside() -> None:
        serve(other, play)

    serve(one, beside)
    assert ([], [True]) == (one.pressed, other.pressed)


@pytest.mark.parametrize("name", ["Ada", "../../etc", "a b/ü", "", "x" * 200])
def test_any_name_is_a_file_in_the_folder(name: str) -> None:
    """And short enough for a socket."""
    assert "/" not in file_name(name)
    assert 0 < len(file_name(name).encode()) <= 64


def test_no_station(capsys: pytest.CaptureFixture[str]) -> None:
    """One line that says what to start, exit code 2."""
    assert 2 == main(["ptt", "toggle"])
    assert "gossamer: no station is running: start one, `gossamer talk LINK`\n" == capsys.readouterr().err


def test_what_a_dead_station_left_is_taken_away() -> None:
    """By whoever looks, and by the next station of that name."""
    for name in ("Ada", "Bob"):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(f"{folder()}/{name}.sock")
    key = Key()
    serve(key, lambda: None)
    assert "Ada" == key.control.station
    assert [] == list(running())
    assert [] == list(Path(folder()).iterdir())


def ptt(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "app", "ptt", *words], capture_output=True, text=True, timeout=60)


def test_a_pedal_at_a_real_station() -> None:
    """The screen follows the socket; `down --hold` that is killed lets go; the terminal's focus does not matter."""
    with Terminal(STATION, kitty=True) as terminal:
        terminal.until("LISTENING", STARTED_S)
        pressed = ptt("down")
        assert (0, "Anna on parrot://?rate=1200: on air\n") == (pressed.returncode, pressed.stdout)
        terminal.until("● tap space to end")
        terminal.write(b"\x1b[O")
        assert "on air" in ptt("status").stdout
        assert "sending the rest" in ptt("up").stdout or "listening" in ptt("status").stdout
        terminal.until("RECEIVING", STARTED_S)
        terminal.until("LISTENING", STARTED_S)
        holding = subprocess.Popen([sys.executable, "-m", "app", "ptt", "down", "--hold"], stdout=subprocess.PIPE)
        terminal.until("ON AIR", STARTED_S)
        holding.send_signal(signal.SIGKILL)
        terminal.until(lambda screen: "ON AIR" not in screen)
        holding.communicate()
        terminal.write(b"\x1b[113;1:1;113u")
        assert 0 == terminal.ended()
    assert [] == list(running())
