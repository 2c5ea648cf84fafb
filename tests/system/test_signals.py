"""INT, TERM and HUP to every command, in real processes: it ends in order, in a moment, and without a traceback.

What a command had heard until then is kept, an over gets its END, and a second signal always ends it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from app.audio.sound_files import read_speech
from app.cli.commands import COMMANDS
from app.signals import ENDING_SIGNALS, EXIT_INTERRUPTED, FORCED_S
from codec.format import SAMPLE_RATE_HZ
from tests.support.processes import CLIP, ROOT, free_port, listener, read_line, without_invitations
from transport.protocol.frames import End
from transport.protocol.open_frames import decode

SOON_S = 20.0
"""Time in which a command has ended after one signal on a busy machine, in seconds."""


@dataclass(frozen=True)
class Case:
    """A command that has to be ended."""

    name: str
    words: Callable[[Path], list[object]]
    ready: str = ""
    """Text on standard error after which it gets the signal; "" is `after_s` seconds after it catches signals."""
    after_s: float = 1.5
    codes: tuple[int, ...] = (EXIT_INTERRUPTED,)


def _udp(_: Path) -> str:
    return f"udp://:{free_port()}"


def _hour(there: Path) -> Path:
    """Speech of an hour: encoding it takes ten seconds on a processor that does nothing else."""
    speech = read_speech(CLIP)
    with soundfile.SoundFile(there / "hour.wav", "w", SAMPLE_RATE_HZ, 1) as file:
        for _ in range(3600 * SAMPLE_RATE_HZ // len(speech)):
            file.write(speech)
    return there / "hour.wav"


CASES = (
    Case("send waits for a caller", lambda there: ["send", _udp(there), "--input", CLIP], "waiting for somebody"),
    Case("send to nobody in particular", lambda there: ["send", "parrot://", "--input", CLIP]),
    Case(
        "listen hears nothing",
        lambda there: ["listen", _udp(there), "--output", there / "heard.wav"],
        "listening on",
    ),
    Case("text waits for a caller", lambda there: ["text", _udp(there), "on my way"], "waiting for somebody"),
    Case(
        "station",
        lambda there: ["station", _udp(there), "--log-level", "info", "--no-record"],
        "station ready",
        codes=(0,),
    ),
    Case("who", lambda there: ["who", _udp(there), "--seconds", "60"], after_s=1.5, codes=(0, 1, EXIT_INTERRUPTED)),
    Case("relay", lambda there: ["relay", _udp(there), _udp(there)], "relays between", codes=(0,)),
    Case("demo", lambda there: ["demo", "--out", there / "demo"], after_s=4.0),
    Case("field-test answers", lambda there: ["field-test", _udp(there), "--answer", "--out", there / "report"]),
    Case("lab", lambda there: ["lab", "--tables", "--seconds", "600"]),
    Case("encode", lambda there: ["encode", _hour(there), there / "hour.g800"]),
    Case("compare", lambda there: ["compare", there / "short.wav", "--out", there / "page"]),
    Case("inspect", lambda there: ["inspect", there / "long.wav"], codes=(0, EXIT_INTERRUPTED)),
    Case("doctor", lambda there: ["doctor"], after_s=0.5, codes=(0, 1, EXIT_INTERRUPTED)),
    Case("devices", lambda there: ["devices"], after_s=0.5, codes=(0, 2, EXIT_INTERRUPTED)),
)


def start(words: list[object], folder: Path) -> subprocess.Popen[str]:
    """A command that runs beside the test, with a home of its own."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "app", *map(str, words)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def catches_signals(process: subprocess.Popen[str]) -> None:
    """Wait until it catches SIGTERM, or has ended: on a busy machine an interpreter takes a second to begin."""
    caught = 1 << (signal.SIGTERM - 1)
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        if caught & int(status.partition("SigCgt:")[2].split()[0], 16):
            return
        time.sleep(0.01)


def until(process: subprocess.Popen[str], text: str) -> str:
    """What it has said on standard error when it says the text."""
    said = ""
    while line := read_line(process.stderr):
        said += line
        if text in line:
            return said
    raise AssertionError(said)


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder with four minutes of speech, and with one."""
    speech = read_speech(CLIP)
    soundfile.write(tmp_path / "short.wav", np.tile(speech, 6), SAMPLE_RATE_HZ)
    with soundfile.SoundFile(tmp_path / "long.wav", "w", SAMPLE_RATE_HZ, 1) as file:
        for _ in range(30):
            file.write(speech)
    return tmp_path


def left_behind(folder: Path) -> list[Path]:
    """Half-written files in the folder."""
    return list(folder.rglob("*.part"))


@pytest.mark.parametrize("number", ENDING_SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_signal_ends_a_command(there: Path, case: Case, number: signal.Signals) -> None:
    """In a moment, with its own exit code; nothing half-written is left."""
    process = start(case.words(there), there)
    said = until(process, case.ready) if case.ready else ""
    catches_signals(process)
    time.sleep(0.0 if case.ready else case.after_s)
    process.send_signal(number)
    said += process.communicate(timeout=SOON_S)[1]
    assert "Traceback" not in said, said
    over = 0 in case.codes  # it may have done all it had to, and be left to the system: see Interrupts.end
    assert process.returncode in (*case.codes, *([-number] if over else [])), said
    assert [] == left_behind(there)


def test_the_cases_are_all_commands_that_last() -> None:
    """A new command must be tried here, or be one that answers at once, asks for the screen, or has its own test."""
    tried = {case.name.split()[0] for case in CASES}
    others = {"talk", "decode", "ptt", "plan", "overs", "train-voice", "passphrase", "completion"}
    assert {command.word for command in COMMANDS} <= tried | others


@pytest.mark.parametrize("number", ENDING_SIGNALS, ids=lambda number: number.name)
def test_any_moment_is_right_for_a_signal(there: Path, number: signal.Signals) -> None:
    """While libraries are imported, models are loaded, the over runs or its answer: no traceback, no crash."""
    for moment in range(12):
        process = start(["demo", "--out", there / "demo"], there)
        catches_signals(process)
        time.sleep(0.4 * moment)
        process.send_signal(number)
        _, said = process.communicate(timeout=SOON_S)
        assert "Traceback" not in said and "Error" not in said, said
        assert EXIT_INTERRUPTED == process.returncode, (moment, said)


@pytest.mark.parametrize("module", ["app.station.first_press", "app.runtime_folder", "app.signals", "app.cli.parser"])
def test_a_signal_during_the_first_imports_is_no_traceback(module: str) -> None:
    """From the first module that is ours on, as the entry point imports them, with Ctrl-C while one is loaded."""
    code = f"""
import sys
class Struck:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Struck())
from app.__main__ import main
sys.exit(main(["overs"]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=SOON_S)
    assert (EXIT_INTERRUPTED, "") == (done.returncode, done.stderr)


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    """A socket that stands for the other station."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(60)
        yield peer


def frames_until_silence(peer: socket.socket, silent_s: float = 1.0) -> list[object]:
    """The frames that come until none came for a while."""
    frames: list[object] = []
    peer.settimeout(silent_s)
    try:
        while True:
            frames.append(decode(peer.recv(2048)))
    except TimeoutError:
        return frames


@pytest.mark.parametrize("number", ENDING_SIGNALS, ids=lambda number: number.name)
def test_an_over_that_a_signal_cuts_gets_its_end(there: Path, peer: socket.socket, number: signal.Signals) -> None:
    """`send FILE` in mid-over: END twice, how much was sent, exit code 130."""
    process = start(["send", f"udp://127.0.0.1:{peer.getsockname()[1]}", "--input", there / "long.wav"], there)
    for _ in range(4):
        peer.recv(2048)
    process.send_signal(number)
    frames = frames_until_silence(peer)
    told, said = process.communicate(timeout=SOON_S)
    assert 2 == sum(isinstance(frame, End) for frame in frames), frames
    assert (EXIT_INTERRUPTED, "gossamer: a signal ended the over before the file's end\n") == (process.returncode, said)
    assert told.startswith("sent ")


@pytest.mark.parametrize("number", ENDING_SIGNALS, ids=lambda number: number.name)
def test_what_was_heard_is_kept(tmp_path: Path, number: signal.Signals) -> None:
    """`listen --output FILE` in the middle of an over: the sound until then is in the file, and in the report."""
    port = free_port()
    hearing = listener(port, "--output", tmp_path / "heard.wav", "--synth", "classic")
    saying = start(["send", f"udp://127.0.0.1:{port}", "--input", CLIP], tmp_path)
    while not any(path.stat().st_size > 20_000 for path in tmp_path.glob("heard.wav")):
        time.sleep(0.1)
        assert saying.poll() is None
    hearing.send_signal(number)
    told, said = hearing.communicate(timeout=SOON_S)
    saying.kill()
    saying.communicate()
    assert (0, "") == (hearing.returncode, without_invitations(said))
    assert ", then this command was ended\n" in told
    assert len(read_speech(tmp_path / "heard.wav")) > SAMPLE_RATE_HZ
    assert [] == left_behind(tmp_path)


def test_a_second_signal_ends_at_once(there: Path, peer: socket.socket) -> None:
    """Where the first one would still wait for the over's last frames on a slow link."""
    link = f"udp://127.0.0.1:{peer.getsockname()[1]}?rate=300"
    process = start(["send", link, "--input", there / "long.wav"], there)
    for _ in range(2):
        peer.recv(2048)
    time.sleep(8.0)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    began_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=SOON_S)
    assert time.monotonic() - began_s < FORCED_S + 2.0
    assert EXIT_INTERRUPTED == process.returncode and "Traceback" not in said


def test_a_hang_up_that_the_caller_ignores_is_ignored(tmp_path: Path) -> None:
    """`nohup gossamer listen ...` goes on when the terminal is closed."""
    port = free_port()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        hearing = listener(port, "--output", tmp_path / "heard.wav")
    finally:
        signal.signal(signal.SIGHUP, before)
    os.kill(hearing.pid, signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        hearing.wait(1.5)
    hearing.send_signal(signal.SIGTERM)
    hearing.communicate(timeout=SOON_S)
    assert EXIT_INTERRUPTED == hearing.returncode


BUSY = """
import hashlib
from app.signals import Interrupts

interrupts = Interrupts()
interrupts.begin()
print("ready", flush=True)
interrupts.run(lambda: hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1))
"""


@pytest.mark.parametrize("number", ENDING_SIGNALS, ids=lambda number: number.name)
def test_a_second_signal_ends_a_library_that_computes(number: signal.Signals) -> None:
    """Python runs no handler while the main thread is in C code: an hour of it was deaf to all but KILL."""
    process = subprocess.Popen([sys.executable, "-c", BUSY], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "ready\n" == process.stdout.readline()
    time.sleep(0.5)
    process.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.0)
    process.send_signal(number)
    assert EXIT_INTERRUPTED == process.wait(FORCED_S + 3.0)
    process.stdout.close()


MANY = """
import os, random, signal, sys, threading, time
import app.signals
from app.audio.sound_files import SpeechReader
from app.signals import Interrupted, Interrupts

app.signals.FORCED_S = 3600.0  # a second signal ends a command; here they come one after the other

def spin():
    end = time.monotonic() + 0.005
    while time.monotonic() < end:
        pass

class Slow:
    def __del__(self):
        spin()

def garbage():
    Slow()
    spin()  # a program that does nothing but this has no place where a signal can be taken

def sound():
    for _ in SpeechReader(sys.argv[2]).blocks():
        pass

work = {"sound": sound, "garbage": garbage}[sys.argv[1]]

def go_on():
    global begun
    begun += 1
    while True:
        work()

taken, begun, tries = 0, 0, int(sys.argv[3])

def kill():
    for number in range(tries):
        while begun == number:  # a signal before that would find nobody who takes it
            time.sleep(0.001)
        time.sleep(random.uniform(0.001, 0.03))
        os.kill(os.getpid(), signal.SIGTERM)
        end = time.monotonic() + 10
        while taken == number:
            if time.monotonic() > end:
                print(f"signal {number} was lost", flush=True)
                os._exit(1)
            time.sleep(0.001)

interrupts = Interrupts()
interrupts.begin()
threading.Thread(target=kill, daemon=True).start()
while taken < tries:
    try:
        interrupts.run(go_on)
    except Interrupted:
        taken += 1
print("all taken")
"""


@pytest.mark.parametrize(("work", "tries"), [("sound", 100), ("garbage", 30)])
def test_no_signal_is_lost(tmp_path: Path, work: str, tries: int) -> None:
    """Wherever it hits: in a library that reads FLAC, or where Python throws an exception away."""
    path = tmp_path / "noise.flac"
    soundfile.write(path, np.random.default_rng(1).uniform(-0.5, 0.5, 960_000), 48000)
    run = subprocess.run(
        [sys.executable, "-c", MANY, work, str(path), str(tries)], capture_output=True, text=True, timeout=120
    )
    assert ("all taken\n", "") == (run.stdout, run.stderr)


TURNED = """
import signal, sys
from app.__main__ import main
from codec.errors import CodecError
import codec.decoder

def load(*arguments):
    try:
        signal.raise_signal(signal.SIGTERM)
    except BaseException:
        raise CodecError("initialization failed: reinstall gossamer") from None

codec.decoder.Decoder.__init__ = load
sys.exit(main(["inspect", sys.argv[1]]))
"""


def test_a_signal_is_not_taken_for_a_broken_model(there: Path) -> None:
    """Where a library that is being loaded makes another error of it, the command was still ended by the signal."""
    run = subprocess.run(
        [sys.executable, "-c", TURNED, str(there / "short.wav")], capture_output=True, text=True, timeout=60
    )
    assert (EXIT_INTERRUPTED, "", "") == (run.returncode, run.stdout, run.stderr)


STEPS = """
import os, signal, sys
import app.__main__, app.signals
from app.__main__ import main

ours = app.__main__.__file__, app.signals.__file__
numbers = [getattr(signal, name) for name in sys.argv[1:]]

def strike(at):
    left = at
    def trace(frame, event, argument):
        nonlocal left
        if frame.f_code.co_filename not in ours or frame.f_code.co_name.startswith("_run"):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if 0 <= -left < len(numbers):
                signal.raise_signal(numbers[-left])
        return trace
    sys.settrace(trace)
    code = main(["passphrase", "--words", "5"])
    sys.settrace(None)
    os._exit(77 if left > 0 else code)

at, done = 1, False
while not done:
    if not (child := os.fork()):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        strike(at)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    done, at = status == 77, at + 1
    if status not in (77, 0, 130, -signal.SIGTERM, -signal.SIGHUP, -signal.SIGINT):
        print(at, status, flush=True)
print(at > 50)
"""


@pytest.mark.parametrize("numbers", [("SIGHUP",), ("SIGTERM", "SIGINT", "SIGHUP")], ids=["one", "three in a row"])
def test_a_signal_at_every_step_around_a_command_is_no_traceback(numbers: tuple[str, ...]) -> None:
    """Before each step of the interpreter in the entry point, from its first to the last after the command's end."""
    run = subprocess.run([sys.executable, "-c", STEPS, *numbers], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ("True\n", "") == (run.stdout, run.stderr)


THROWN_AWAY = """
import signal, sys, time
import app.signals
from app.signals import Interrupted, Interrupts

app.signals.FORCED_S = 3600.0

class Struck:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

def work():
    Struck()
    time.sleep(2)  # until it comes again

def strike(at):
    def trace(frame, event, argument):
        nonlocal at
        if frame.f_code.co_name not in ("_not_raised", "_come_again"):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            at -= 1
            if at == 0:
                signal.raise_signal(signal.SIGHUP)
        return trace
    return trace

interrupts = Interrupts()
interrupts.begin()
for at in range(1, 40):
    sys.settrace(strike(at))
    try:
        interrupts.run(work)
    except Interrupted:
        sys.settrace(None)
    try:
        interrupts.run(lambda: time.sleep(0.15))  # the other of the two
    except Interrupted:
        pass
print("all taken")
"""


def test_a_signal_while_another_is_put_off_is_no_traceback() -> None:
    """Python throws the first exception away, as in a `__del__`, and tells; meanwhile the next signal comes."""
    run = subprocess.run([sys.executable, "-c", THROWN_AWAY], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ("all taken\n", "") == (run.stdout, run.stderr)
