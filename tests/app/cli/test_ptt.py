"""The client of the talk key loads next to nothing: a pedal must not wait for imports."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from app import events
from app.__main__ import main
from app.cli.ptt import WORDS
from app.station.control_socket import ControlSocket
from transport.protocol.floor_states import State

ROOT = Path(__file__).parents[3]
SLOW = (
    "asyncio",
    "dataclasses",
    "difflib",
    "inspect",
    "pathlib",
    "random",
    "shutil",
    "subprocess",
    "tempfile",
    "tomllib",
    "urllib",
)
"""Modules of the standard library that take longer to load than the client's own ones."""
OURS = {
    "app",
    "app.__main__",
    "app.cli",
    "app.cli.commands",
    "app.cli.parser",
    "app.cli.ptt",
    "app.console",
    "app.errors",
    "app.runtime_folder",
    "app.signals",
    "app.station",
    "app.station.control_client",
    "app.station.first_press",
    "codec",
    "codec.errors",
    "transport",
    "transport.errors",
    "transport.texts",
}
NEXT_TO_NOTHING = {
    "__future__",
    "_abc",
    "_collections_abc",
    "_socket",
    "_stat",
    "abc",
    "genericpath",
    "os",
    "os.path",
    "posixpath",
    "stat",
}
"""Modules of Python's own that every start of it loads, and the C module of sockets."""
PRESSED = """
import sys
sys.path.insert(0, sys.argv.pop(1))
known = set(sys.modules)
from app.station.first_press import press_first
press_first(sys.argv[1:])
print(*sorted(set(sys.modules) - known), flush=True)
sys.stdin.read()
"""
CODE = """
import sys
known = set(sys.modules)
from app.__main__ import main
code = main(sys.argv[1:])
print(sorted(name for name in set(sys.modules) - known), file=sys.stderr)
sys.exit(code)
"""


def test_it_loads_next_to_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No package but ours, of ours only what it is made of, and nothing slow of Python's own."""
    tmp_path.chmod(0o700)  # as a session manager makes it
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    def press() -> None:
        control.note(events.FloorChanged(State.ON_AIR))

    control = ControlSocket("Ada", "parrot://", press, lambda: control.note(events.FloorChanged(State.IDLE)))

    async def ask() -> subprocess.CompletedProcess[str]:
        control.open()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(control.serve)
            command = [sys.executable, "-c", CODE, "ptt", "down", "--json"]
            asked = await trio.to_thread.run_sync(
                lambda: subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            )
            nursery.cancel_scope.cancel()
        return asked

    answer = trio.run(ask)
    assert (0, "on air") == (answer.returncode, json.loads(answer.stdout)["state"]), answer.stderr
    loaded = json.loads(answer.stderr.replace("'", '"'))
    assert OURS == {name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names}
    assert [] == [name for name in loaded if name in SLOW]


@pytest.mark.parametrize(
    ("words", "stations", "pressed"),
    [
        (["ptt", "down", "--hold"], 1, True),
        (["ptt", "down"], 1, True),
        (["ptt", "down", "--hold"], 2, False),
        (["ptt", "down", "--station", "Ada"], 1, False),
        (["ptt", "up"], 1, False),
        (["talk", "down"], 1, False),
    ],
)
def test_the_key_goes_down_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], stations: int, pressed: bool
) -> None:
    """With the C module of sockets and what this program makes it of; not where it is not plain what is meant."""
    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    down = trio.Event()
    controls = [ControlSocket(f"Ada{number}", "parrot://", down.set, lambda: None) for number in range(stations)]
    command = [sys.executable, "-I", "-S", "-c", PRESSED, str(ROOT), *words]

    async def press() -> str:
        async with trio.open_nursery() as nursery:
            for control in controls:
                control.open()
                nursery.start_soon(control.serve)
            process = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert process.stdout is not None and process.stdin is not None
            loaded = await process.stdout.receive_some()
            with trio.move_on_after(30.0 if pressed else 1.0):
                await down.wait()
            await process.stdin.aclose()
            await process.wait()
            nursery.cancel_scope.cancel()
        return bytes(loaded).decode()

    loaded = trio.run(press)
    assert pressed == down.is_set()
    assert set(loaded.split()) <= OURS | NEXT_TO_NOTHING


@pytest.mark.parametrize("what", ["", "a file", "a dead socket"])
def test_without_a_station_it_is_said_in_the_usual_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str], what: str
) -> None:
    """One line, exit code 2, whatever lies in the folder."""
    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = tmp_path / "gossamer"
    folder.mkdir(mode=0o700)
    if what == "a file":
        (folder / "Ada.sock").write_text("")
    elif what == "a dead socket":
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(folder / "Ada.sock"))
    assert 2 == main(["ptt", "down", "--hold"])
    assert "no station is running" in capfd.readouterr().err


def test_the_states_that_it_knows_by_other_words_exist() -> None:
    """It goes by their values, since the enumeration would have to be loaded."""
    assert set(WORDS) <= {state.value for state in State}
