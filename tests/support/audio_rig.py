"""A sound card without hardware: a private PulseAudio server with null sinks, and processes that use it.

Each station has its own microphone (the monitor of a null sink into which the test plays) and its own loudspeaker (a
null sink whose monitor the test records). PortAudio reaches them through ALSA's pulse plugin.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

import numpy as np

PROGRAMS = ("pulseaudio", "pactl", "pacat", "parec")
START_S = 10.0
FLOWING_SAMPLES = 2000
"""A null sink finishes the 2 s that it rendered ahead before it becomes quick: until then nothing is recorded."""


def missing() -> str:
    """Return what is not installed, in words, or "" where everything is there."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if absent:
        return f"{', '.join(absent)} not found (Debian: pulseaudio pulseaudio-utils)"
    if not list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")):
        return "ALSA's pulse plugin not found (Debian: libasound2-plugins)"
    try:
        import sounddevice  # noqa: F401
    except OSError:
        return "PortAudio not found (Debian: libportaudio2)"
    return ""


class AudioRig:
    """One private PulseAudio server: `with AudioRig() as rig: rig.add_sink("a_microphone")`."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="gossamer-pulse-"))
        self._server: subprocess.Popen[bytes] | None = None
        self._rates: dict[str, int] = {}
        self._recordings = 0
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PULSE_")},
            "XDG_RUNTIME_DIR": str(self._folder),
            "HOME": str(self._folder),  # no cookie, no configuration of whoever runs the tests
            "PULSE_COOKIE": str(self._folder / "cookie"),
        }

    def start(self) -> None:
        """Start the server, with the sinks that were added before, if there were any."""
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
        command += ["--disable-shm=yes", "--load=module-native-protocol-unix"]
        nowhere = subprocess.DEVNULL
        self._server = subprocess.Popen(command, env=self.environment, stdin=nowhere, stdout=nowhere, stderr=nowhere)
        deadline = time.monotonic() + START_S
        while self._control("info", check=False).returncode != 0:
            if time.monotonic() > deadline or self._server.poll() is not None:
                raise RuntimeError("PulseAudio does not start")
            time.sleep(0.05)
        for name, rate_hz in self._rates.items():
            self._load_sink(name, rate_hz)

    def stop(self) -> None:
        """Stop the server, as if a sound card was pulled out."""
        if self._server is not None:
            self._server.terminate()
            self._server.send_signal(signal.SIGCONT)
            self._server.wait(10)
            self._server = None

    def hang(self) -> None:
        """Have the server stand still: it answers nothing, and closes nothing."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)

    def add_sink(self, name: str, rate_hz: int = 48000) -> None:
        """Add a null sink; its monitor is the source `NAME.monitor`."""
        self._rates[name] = rate_hz
        self._load_sink(name, rate_hz)

    def _load_sink(self, name: str, rate_hz: int) -> None:
        self._control("load-module", "module-null-sink", f"sink_name={name}", f"rate={rate_hz}", "channels=1")

    def for_station(self, name: str) -> dict[str, str]:
        """Return the environment of a process that hears `NAME_microphone` and plays into `NAME_loudspeaker`."""
        return {
            **self.environment,
            "PULSE_SOURCE": f"{name}_microphone.monitor",
            "PULSE_SINK": f"{name}_loudspeaker",
        }

    def play(self, sink: str, samples: np.ndarray) -> subprocess.Popen[bytes]:
        """Start to play float32 [n] at 8 kHz into a sink; return the process, which ends when all is played."""
        path = self._folder / f"sound-{len(list(self._folder.iterdir()))}"
        path.write_bytes(samples.astype("<f4").tobytes())
        command = ["pacat", "--playback", f"--device={sink}", "--rate=8000", "--channels=1", "--format=float32le"]
        with open(path, "rb") as stream:  # not a pipe, which would hold up whoever plays a minute
            return subprocess.Popen(command, env=self.environment, stdin=stream)

    def record(self, sink: str) -> Recording:
        """Start to record what is played into a sink."""
        command = ["parec", f"--device={sink}.monitor", "--rate=8000", "--channels=1", "--format=float32le"]
        # A null sink renders as far ahead as its clients' latency allows, 2 s if nobody asks for less.
        command += ["--latency-msec=20"]
        self._recordings += 1
        return Recording(command, self.environment, self._folder / f"recording-{self._recordings}")

    def _control(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        command = ["pactl", *words]
        return subprocess.run(command, env=self.environment, capture_output=True, check=check, timeout=START_S)

    def __enter__(self) -> AudioRig:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


class Recording:
    """A recording of what a sink plays, from the constructor's return until `finish`."""

    def __init__(self, command: list[str], environment: dict[str, str], path: Path) -> None:
        self._path = path
        with open(path, "wb") as stream:  # not a pipe, which holds 2 s
            self._recorder = subprocess.Popen(command, env=environment, stdout=stream)

        deadline = time.monotonic() + START_S
        while path.stat().st_size < 4 * FLOWING_SAMPLES and time.monotonic() < deadline:
            time.sleep(0.02)

    def finish(self) -> np.ndarray:
        """Stop, and return everything that was recorded, float32 [n] at 8 kHz."""
        self._recorder.terminate()
        self._recorder.wait(10)
        heard = self._path.read_bytes()
        return np.frombuffer(heard[: len(heard) // 4 * 4], "<f4")
