"""Processor time of a station that waits or listens, and the time from a pedal to the talk key.

    python -m tests.benchmarks.standby [--seconds 60] [--against CHECKOUT]

The screens run in a real terminal of their own (a pseudo-terminal), with real PortAudio streams where PulseAudio is
installed. Processor seconds are the kernel's, of the whole process and all its threads, so that they hold on a machine
that does other things as well. With --against the program of another checkout is measured in the same run, in turn with
this one, and the ratio is printed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import trio

from app import events
from app.clips import speech_of
from app.station.control_socket import ControlSocket
from codec.format import SAMPLE_RATE_HZ
from tests.support.audio_rig import AudioRig, missing
from tests.support.processes import free_port
from tests.support.terminal import STARTED_S, Terminal
from transport.protocol.floor_states import State

ROOT = Path(__file__).resolve().parents[2]
PRESSES = 20
"""Number of times that the talk key is pressed."""
SETTLED_S = 3.0
"""Seconds after the first picture of a screen that are not measured: the first over of sound, caches, imports."""
NOISE_MORE_S = 90.0
"""Seconds for which the room is heard beyond the measurement: the program has to start."""
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
ROOM_DB = -55.0
"""Noise of a quiet room in the microphone, root mean square, dB of full scale: a meter shows its peaks."""
IDLE_LIMIT, RECEIVING_LIMIT, PRESS_LIMIT_S = 0.02, 0.08, 0.05
"""Shares of one core that a station with a screen may take, and seconds that a pedal may take."""


@dataclass(frozen=True)
class Program:
    """A checkout of this program, as it is run."""

    folder: Path

    def environment(self, more: dict[str, str]) -> dict[str, str]:
        """Return the environment in which its own packages are imported."""
        return {**os.environ, "PYTHONPATH": str(self.folder), **more}

    @staticmethod
    def command(*words: str) -> list[str]:
        """Return the command as a user runs it, with this Python."""
        return [sys.executable, "-m", "app", *words]


def processor_s(pid: int) -> float:
    """Return the processor time that a process has taken so far, user's and system's, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


@contextlib.contextmanager
def sound(seconds: float) -> Iterator[dict[str, str]]:
    """Give the environment in which a station has devices of its own, and hears a quiet room for so many seconds."""
    if missing():
        yield {}
        return
    with AudioRig() as rig:
        rig.add_sink("screen_microphone")
        rig.add_sink("screen_loudspeaker")
        noise = np.random.default_rng(1).standard_normal(round(seconds * SAMPLE_RATE_HZ)) * 10 ** (ROOM_DB / 20)
        player = rig.play("screen_microphone", noise.astype(np.float32))
        try:
            yield rig.for_station("screen")
        finally:
            player.kill()
            player.wait()


# --- the talk key ------------------------------------------------------------------------------------------------


@dataclass
class Press:
    """The cost of one `gossamer ptt down --hold`, in seconds."""

    down_s: float
    """From the start of the process until the station's talk key is down."""
    processor_s: float
    """Processor time of the whole process."""


def measure_presses(programs: list[Program]) -> list[list[Press]]:
    """Press the talk key of a station PRESSES times with each program in turn; return what each press took."""
    with tempfile.TemporaryDirectory() as folder, _served(Path(folder)) as pressed_at:
        presses: list[list[Press]] = [[] for _ in programs]
        for _ in range(PRESSES):
            for program, found in zip(programs, presses, strict=True):
                found.append(_press(program, folder, pressed_at))
    return presses


def _press(program: Program, runtime: str, pressed_at: list[float]) -> Press:
    pressed_at.clear()
    began_s = time.monotonic()
    process = subprocess.Popen(
        program.command("ptt", "down", "--hold"),
        cwd=program.folder,
        env=program.environment({"XDG_RUNTIME_DIR": runtime}),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()  # on air
    process.terminate()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Press(pressed_at[0] - began_s, usage.ru_utime + usage.ru_stime)


@contextlib.contextmanager
def _served(runtime: Path) -> Iterator[list[float]]:
    """Serve a control socket in a thread; give the list of the times at which its key went down."""
    pressed_at: list[float] = []
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    scope, ready = trio.CancelScope(), threading.Event()
    tokens: list[trio.lowlevel.TrioToken] = []

    def press() -> None:
        pressed_at.append(time.monotonic())
        control.note(events.FloorChanged(State.ON_AIR))

    control = ControlSocket("bench", "parrot://", press, lambda: control.note(events.FloorChanged(State.IDLE)))

    async def serve() -> None:
        control.open()
        tokens.append(trio.lowlevel.current_trio_token())
        ready.set()
        with scope:
            await control.serve()

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    ready.wait()
    try:
        yield pressed_at
    finally:
        trio.from_thread.run_sync(scope.cancel, trio_token=tokens[0])
        thread.join()


# --- screens -----------------------------------------------------------------------------------------------------


def measure_screen(program: Program, seconds: float, *, receiving: bool) -> float:
    """Return the share of one core that a station with a screen takes, while nobody talks or while it receives."""
    with tempfile.TemporaryDirectory() as home, sound(seconds + NOISE_MORE_S) as devices:
        environment = program.environment(
            {"XDG_CONFIG_HOME": f"{home}/config", "XDG_DATA_HOME": f"{home}/data", "XDG_STATE_HOME": f"{home}/state"}
        )
        settings = Path(home) / "config" / "gossamer" / "settings.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text('name = "Ada"\n')  # or the set-up card lies over the screen
        port = free_port()
        command = program.command("talk", f"udp://:{port}")
        os.chdir(program.folder)
        with Terminal(command, kitty=True, columns=100, rows=32, env={**environment, **devices}) as terminal:
            terminal.until("LISTENING", STARTED_S)
            talker = _talk(program, port, seconds, Path(home), environment) if receiving else None
            if receiving:
                terminal.until("RECEIVING", STARTED_S)
            time.sleep(SETTLED_S)
            before_s, began_s = processor_s(terminal.pid), time.monotonic()
            time.sleep(seconds)
            share = (processor_s(terminal.pid) - before_s) / (time.monotonic() - began_s)
            if talker is not None:
                assert "RECEIVING" in terminal.screen(), "the over ended before the measurement did"
                talker.terminate()
                talker.wait()
            terminal.write(b"\x03")
            terminal.ended()
    return share


def _talk(
    program: Program, port: int, seconds: float, folder: Path, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    """Start to talk to a station of this machine for longer than the measurement lasts."""
    clip, path = speech_of(None), folder / "over.wav"
    longest = round((seconds + SETTLED_S + 10) * SAMPLE_RATE_HZ)
    soundfile.write(path, np.resize(clip, longest), SAMPLE_RATE_HZ, subtype="PCM_16")
    command = program.command("send", f"udp://127.0.0.1:{port}", "--input", str(path), "--name", "Bob")
    return subprocess.Popen(
        command, cwd=program.folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each measurement of a screen (60)")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="measure the program of that checkout too")
    parser.add_argument("--only", choices=("key", "idle", "receiving"), help="one of the measurements")
    given = parser.parse_args()
    programs = [Program(ROOT), *([Program(given.against.resolve())] if given.against else [])]
    print(f"sound: {'PortAudio over PulseAudio, two null sinks' if not missing() else 'none: ' + missing()}")
    print(f"{'':<34}{'here':>10}{'there':>10}{'ratio':>8}{'limit':>10}")
    if given.only in (None, "key"):
        presses = measure_presses(programs)
        for title, of, limit_s in (
            ("start to talk key down, ms", "down_s", PRESS_LIMIT_S),
            ("whole ptt, processor ms", "processor_s", None),
        ):
            figures = [1000 * statistics.median(getattr(press, of) for press in found) for found in presses]
            _row(title, figures, limit_s and 1000 * limit_s)
    for title, receiving, limit in (("idle", False, IDLE_LIMIT), ("receiving", True, RECEIVING_LIMIT)):
        if given.only in (None, title):
            shares = [100 * measure_screen(program, given.seconds, receiving=receiving) for program in programs]
            _row(f"screen, {title}, % of a core", shares, 100 * limit)


def _row(title: str, figures: list[float], limit: float | None) -> None:
    here, *there = figures
    other = f"{there[0]:>10.1f}{here / there[0]:>8.2f}" if there else f"{'':>18}"
    print(f"{title:<34}{here:>10.1f}{other}{'' if limit is None else f'{limit:>10.1f}'}", flush=True)


if __name__ == "__main__":
    main()
