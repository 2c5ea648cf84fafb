"""Two `gossamer station` processes with real sound: an over each way, keyed through standard input and the socket."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.audio_rig import AudioRig, missing
from tests.support.processes import ROOT, free_port

STARTED_S, HEARD_S = 90.0, 60.0
"""Generous: other work may have the machine."""


class Process:
    """A `gossamer station` of this checkout: lines in, events out."""

    def __init__(self, *words: str, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "app", "station", *words, "--no-record", "--no-permit-tone"]
        self._process = subprocess.Popen(
            command,
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._events.put(json.loads(line))

    def say(self, **command: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def until(self, name: str, within_s: float = HEARD_S) -> dict[str, Any]:
        """The next event of this name."""
        deadline = time.monotonic() + within_s
        while True:
            event = self._events.get(timeout=max(0.01, deadline - time.monotonic()))
            if event["event"] == name:
                return event

    def end(self, how: Any) -> int:
        how(self._process)
        code = self._process.wait(20)
        assert "station_closed" == self.until("station_closed")["event"]
        return code

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.mark.audio
def test_an_over_each_way(tmp_path: Path) -> None:
    """What one's microphone hears comes to the other's loudspeaker, and back; then a signal and a command end them."""
    if problem := missing():
        pytest.skip(problem)
    from app.clips import speech_of

    port, speech = free_port(), speech_of(None)
    with AudioRig() as rig:
        for name in ("ada", "bob"):
            rig.add_sink(f"{name}_microphone")
            rig.add_sink(f"{name}_loudspeaker")
        homes = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
        ada = Process(f"udp://:{port}", "--name", "Ada", environment={**rig.for_station("ada"), **homes})
        bob = Process(f"udp://127.0.0.1:{port}", "--name", "Bob", environment={**rig.for_station("bob"), **homes})
        try:
            for station in (ada, bob):
                ready = {station.until("device_ready", STARTED_S)["device"] for _ in range(2)}
                assert {"microphone", "loudspeaker"} == ready
            heard_s = {}
            for talker, listener, name in ((bob, ada, "bob"), (ada, bob, "ada")):
                player = rig.play(f"{name}_microphone", speech)
                talker.say(command="key", down=True)
                talker.until("talk_permitted")
                time.sleep(1.5)  # of speech
                talker.say(command="key", down=False)
                over = listener.until("over_played")
                heard_s[over["sender"]] = over["duration_s"]
                talker.until("over_sent")
                player.kill()
                player.wait()
            assert {"Ada", "Bob"} == set(heard_s)
            assert all(seconds >= 1.5 for seconds in heard_s.values())
            ada.say(command="rubbish")
            assert "there is no command 'rubbish'" in ada.until("command_refused")["problem"]
            assert 0 == ada.end(lambda process: process.terminate())
            assert 0 == bob.end(lambda process: bob.say(command="quit"))
        finally:
            ada.kill()
            bob.kill()
