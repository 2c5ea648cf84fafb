"""The client of the talk key loads next to nothing: a pedal must not wait for imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from app import events
from app.cli.ptt import WORDS
from app.station.control_socket import ControlSocket
from transport.protocol.floor_states import State

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
    "codec",
    "codec.errors",
    "transport",
    "transport.errors",
    "transport.texts",
}
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


def test_the_states_that_it_knows_by_other_words_exist() -> None:
    """It goes by their values, since the enumeration would have to be loaded."""
    assert set(WORDS) <= {state.value for state in State}
