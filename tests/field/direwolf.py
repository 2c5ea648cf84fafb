"""Two Direwolf modems that hear each other through two PulseAudio null sinks: packet radio without the radio."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from tests.support.audio_rig import AudioRig
from tests.support.processes import free_port

START_S = 30.0


def missing() -> str:
    """Return what is not installed, in words, or "" where everything is there."""
    absent = [program for program in ("direwolf", "pulseaudio", "pactl") if shutil.which(program) is None]
    if absent:
        return f"{', '.join(absent)} not found (Debian: direwolf pulseaudio pulseaudio-utils)"
    if not list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")):
        return "ALSA's pulse plugin not found (Debian: libasound2-plugins)"
    return ""


class Modem:
    """One Direwolf process; plays into one sink and hears another."""

    def __init__(self, rig: AudioRig, folder: Path, name: str, baud: int, plays: str, hears: str) -> None:
        self.port = free_port(tcp=True)
        self.log = folder / f"{name}-{baud}.log"
        configuration = folder / f"{name}-{baud}.conf"
        configuration.write_text(
            f"ADEVICE pulse pulse\nARATE 48000\nACHANNELS 1\nCHANNEL 0\nMYCALL N0CALL\nMODEM {baud}\n"
            f"KISSPORT {self.port}\nAGWPORT {free_port(tcp=True)}\n"
        )
        command = ["direwolf", "-t", "0", "-p", "-q", "hd", "-c", str(configuration)]
        environment = {**rig.environment, "PULSE_SINK": plays, "PULSE_SOURCE": f"{hears}.monitor"}
        with open(self.log, "wb") as stream:
            self._process = subprocess.Popen(
                command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
            )

    def wait_ready(self) -> None:
        """Wait until the modem serves. Raises RuntimeError with the end of its log if it does not start."""
        deadline_s = time.monotonic() + START_S
        while not (self.terminal and self._answers()):
            if time.monotonic() > deadline_s or self._process.poll() is not None:
                raise RuntimeError(f"direwolf does not start: {self.log.read_text(errors='replace')[-600:]}")
            time.sleep(0.1)

    @property
    def terminal(self) -> str:
        """Return the path of the pseudo-terminal on which it speaks KISS; empty: not yet."""
        found = re.search(r"(/dev/pts/\d+)", self.log.read_text(errors="replace"))
        return found[1] if found else ""

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)


class CrossedModems:
    """Two modems that hear each other, closed at the end: `with CrossedModems(folder, 1200) as (one, other):`."""

    def __init__(self, folder: Path, baud: int) -> None:
        self._rig = AudioRig()
        self._folder = folder
        self._baud = baud
        self._modems: list[Modem] = []

    def __enter__(self) -> tuple[Modem, Modem]:
        self._rig.start()
        try:
            for sink in ("air_one", "air_other"):
                self._rig.add_sink(sink)
            one = Modem(self._rig, self._folder, "one", self._baud, "air_one", "air_other")
            self._modems.append(one)
            one.wait_ready()
            other = Modem(self._rig, self._folder, "other", self._baud, "air_other", "air_one")
            self._modems.append(other)
            other.wait_ready()
        except BaseException:
            self._stop()
            raise
        return one, other

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        for modem in self._modems:
            modem.stop()
        # Direwolf leaves a link to its pseudo-terminal in a place of its own choice.
        link = Path("/tmp/kisstnc")
        if link.is_symlink() and not os.path.exists(link):
            link.unlink()
        self._rig.__exit__(None, None, None)
