"""Time and memory: each codec in this process, then decoders and the real commands as cold processes.

Processor seconds, not wall time, make the real-time factors: they hold on a machine that does other things as well.
Latencies and cold starts are wall time, the median of several runs, so the load of the machine is in them; a cold
start's processor time stands beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.audio.sound_files import from_int16
from codec.format import SAMPLE_RATE_HZ
from tests.support.processes import free_port

from .errors import BenchmarkError
from .footprint import pack_frames, resident_mb
from .lanes import Candidate, Lane, StreamingLane, small_ones

ROOT = Path(__file__).resolve().parents[2]
RUNS = 5
COLD_S = 3.0
"""Length of what is decoded from a cold start."""
POLL_S = 0.002
PATIENCE_S = 60.0
"""After which a process that should have answered is given up."""


@dataclass(frozen=True)
class LaneSpeed:
    """The speed and memory of one codec."""

    lane: Lane
    encode_factor: float
    """Processor seconds per second of speech."""
    decode_factor: float
    frame_ms: float
    """Wall time to decode one frame, median."""
    frame_p95_ms: float
    first_sound_s: float
    """From a cold start of a Python process with this decoder alone."""
    first_sound_cpu_s: float
    resident_mb: float
    """Of that process."""


@dataclass(frozen=True)
class Command:
    """The cost of a command as a whole process, from cold."""

    title: str
    seconds: float
    """Wall time, median."""
    cpu_s: float
    """Processor time, median."""
    peak_mb: float


@dataclass(frozen=True)
class Listener:
    """The memory of a headless `gossamer listen` that has heard an over."""

    resident_mb: float
    peak_mb: float


def measure(lane: StreamingLane, samples: np.ndarray, work: Path, candidates: Sequence[Candidate] = ()) -> LaneSpeed:
    """Measure with int16 [n] of speech, 20 s or more. candidates: models not shipped, of which this lane may be one."""
    whole = samples[: len(samples) // lane.frame_samples * lane.frame_samples]
    frames = from_int16(whole).reshape(-1, lane.frame_samples)
    seconds = frames.size / SAMPLE_RATE_HZ
    encode_s, decode_s, waits_s = [], [], []
    for _ in range(RUNS):
        encode, decode = lane.open_encoder(), lane.open_decoder()
        before_s = time.process_time()
        packets = [encode(frame) for frame in frames]
        encode_s.append(time.process_time() - before_s)
        before_s = time.process_time()
        for packet in packets:
            received_s = time.perf_counter()
            decode(packet)
            waits_s.append(time.perf_counter() - received_s)
        decode_s.append(time.process_time() - before_s)
    cold = packets[: round(COLD_S * SAMPLE_RATE_HZ / lane.frame_samples)]
    path = work / f"{lane.key}.frames"
    path.write_bytes(pack_frames(cold))
    own = getattr(lane, "label", None)
    other = [(str(c.folder), c.label) for c in candidates if own in (c.label, *(s.label for s in small_ones([c])))]
    command = [sys.executable, "-m", "tests.benchmarks.footprint", lane.key, str(path), *(other[0] if other else ())]
    answers = [subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout for _ in range(RUNS)]
    reports = [json.loads(answer) for answer in answers]
    return LaneSpeed(
        lane=lane,
        encode_factor=statistics.median(encode_s) / seconds,
        decode_factor=statistics.median(decode_s) / seconds,
        frame_ms=1000 * statistics.median(waits_s),
        frame_p95_ms=1000 * float(np.percentile(waits_s, 95)),
        first_sound_s=statistics.median(report["first_sound_s"] for report in reports),
        first_sound_cpu_s=statistics.median(report["first_sound_cpu_s"] for report in reports),
        resident_mb=statistics.median(report["resident_mb"] for report in reports),
    )


def _whole_process(title: str, command: Sequence[str]) -> Command:
    """Run a command RUNS times. Raises BenchmarkError when it fails."""
    seconds, cpu_s, peaks_mb = [], [], []
    for _ in range(RUNS):
        before = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peak_mb, pid = 0.0, 0
        while pid == 0:
            # Not ru_maxrss: that begins with what this large process had when it forked.
            with contextlib.suppress(ValueError):  # ended, not yet reaped
                peak_mb = resident_mb(process.pid, "VmHWM")
            time.sleep(POLL_S)
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        process.returncode = os.waitstatus_to_exitcode(status)  # reaped here, not by Popen
        seconds.append(time.perf_counter() - before)
        cpu_s.append(usage.ru_utime + usage.ru_stime)
        peaks_mb.append(peak_mb)
        if process.returncode:
            raise BenchmarkError(f"'{' '.join(command)}' failed with {process.returncode}: run it by hand to see why")
    return Command(title, statistics.median(seconds), statistics.median(cpu_s), statistics.median(peaks_mb))


def cold_commands(samples: np.ndarray, work: Path) -> list[Command]:
    """Measure how the real commands decode COLD_S of speech: ours, and Codec2's where it is installed."""
    import soundfile

    wav, raw = work / "cold.wav", work / "cold.raw"
    cold = samples[: round(COLD_S * SAMPLE_RATE_HZ)]
    soundfile.write(wav, cold, SAMPLE_RATE_HZ, subtype="PCM_16")
    raw.write_bytes(cold.astype("<i2").tobytes())
    gossamer = [sys.executable, "-m", "app"]
    packets, heard = work / "cold.g800", work / "heard.wav"
    encoded = _whole_process("gossamer encode", [*gossamer, "encode", str(wav), str(packets)])
    commands = [encoded]
    for synth in ("neural", "classic"):
        arguments = ["decode", str(packets), str(heard), "--synth", synth]
        commands.append(_whole_process(f"gossamer decode --synth {synth}", [*gossamer, *arguments]))
    if shutil.which("c2enc") and shutil.which("c2dec"):
        bits = work / "cold.c2"
        commands.append(_whole_process("c2enc 2400", ["c2enc", "2400", str(raw), str(bits)]))
        commands.append(_whole_process("c2dec 2400", ["c2dec", "2400", str(bits), str(work / "heard.raw")]))
    return commands


def _bound(port: int) -> bool:
    """Return whether a process of this machine listens on this UDP port."""
    tables = (Path("/proc/net/udp"), Path("/proc/net/udp6"))
    return any(f":{port:04X} " in table.read_text() for table in tables if table.exists())


def listener(samples: np.ndarray, work: Path) -> Listener:
    """Measure the memory of a `gossamer listen` after a `gossamer send` of these samples over UDP."""
    import soundfile

    wav, heard = work / "over.wav", work / "over-heard.wav"
    soundfile.write(wav, samples, SAMPLE_RATE_HZ, subtype="PCM_16")
    heard.unlink(missing_ok=True)  # of a run before, which `listen` would not replace
    gossamer, port = [sys.executable, "-m", "app"], free_port()
    # It says a line when an over has been played to its end.
    listen = [*gossamer, "listen", f"udp://:{port}", "--output", str(heard)]
    process = subprocess.Popen(listen, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not _bound(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchmarkError(f"'{' '.join(listen)}' does not listen: run it by hand to see why")
            time.sleep(0.05)
        send = [*gossamer, "send", f"udp://127.0.0.1:{port}", "--input", str(wav)]
        subprocess.run(send, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE_S)
        if not select.select([process.stdout], [], [], PATIENCE_S)[0]:
            raise BenchmarkError(f"'{' '.join(listen)}' heard nothing: run it and '{' '.join(send)}' to see why")
        return Listener(resident_mb(process.pid), resident_mb(process.pid, "VmHWM"))
    except subprocess.SubprocessError as error:
        raise BenchmarkError(f"gossamer send failed: {error}; run it by hand to see why") from error
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
