"""A graph of somebody else's, computed in a process of its own: it takes no more memory and time than a graph of ours.

onnxruntime sees a request to end only between the nodes of a graph, and none at all while it opens one. A process can
be ended at any moment, held to its memory for good, and waited for while signals come.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from codec import time_limit
from codec.errors import ModelError
from codec.memory_limit import memory_limit
from codec.models import MAX_LOADING_BYTES, SHAPES, load_model

STEP, RESET = b"s", b"r"
"""Requests to the process: a step, with the bytes of the inputs behind it; the start of a transmission."""
GRACE_CPU_S = 2
"""Time after which the system ends the process, in seconds of the processor beyond what a computation may take."""
LONGEST_LINE = 1 << 16
"""Most bytes of the line in front of an answer."""
CURE = "use the model that came with it"
"""Advice to the user about a graph that fails."""
CODE = "import json, sys; sys.path[:] = json.loads(sys.argv[3]); from codec.isolated_model import serve; serve()"
"""Program of the process, which finds our packages where this process does."""


class IsolatedModel:
    """A graph of a kind whose inputs are float32, in a process that computes it until this object is gone."""

    def __init__(self, kind: str, path: Path) -> None:
        """Load the graph of a file, as `load_model` does. Raises ModelError."""
        self._kind, self._path = kind, path
        self._lock = threading.Lock()
        self._process = _start(kind, path)
        self._end = weakref.finalize(self, _end, self._process)
        with self._lock:
            self._answer(0, f"{path}: not a model that onnxruntime can load")

    def step(self, **inputs: NDArray[Any]) -> NDArray[Any]:
        """Compute one packet, as `Model.step` does, and return the graph's first output. Raises ModelError."""
        wanted, shape = SHAPES[self._kind]
        values = [np.ascontiguousarray(inputs[name], np.float32).tobytes() for name in wanted]
        with self._lock:
            octets = self._ask(STEP, *values, answer_bytes=4 * math.prod(shape))
        return np.frombuffer(octets, np.float32).reshape(shape)

    def reset(self) -> None:
        """Go back to the start of a transmission."""
        with self._lock:
            self._ask(RESET)

    def _ask(self, *request: bytes, answer_bytes: int = 0) -> bytes:
        failed = f"the model's {self._kind} cannot go on"
        if not self._end.alive:
            raise ModelError(failed, CURE)
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it has ended, and the answer will say so
            self._process.stdin.write(b"".join(request))
            self._process.stdin.flush()
        return self._answer(answer_bytes, failed)

    def _answer(self, octets: int, failed: str) -> bytes:
        """Return that many bytes that the process answers. Raises ModelError for what it says, or says no more."""
        stream = self._process.stdout
        assert stream is not None
        try:
            line = stream.readline(LONGEST_LINE)
            answer = stream.read(octets) if line == b"\n" else b""
        except BaseException:  # a signal: half an answer is left, so nobody can ask again
            self._end()
            raise
        if line == b"\n" and len(answer) == octets:
            return answer
        if line.endswith(b"\n") and line != b"\n":
            self._end()
            raise ModelError(*json.loads(line))
        cause = self._process.wait()
        self._end()
        took_long = f"more than {time_limit.MAX_STEP_CPU_S:g} s of computing"
        raise ModelError(f"{failed} ({took_long if cause == -signal.SIGXCPU else 'its process crashed'})", CURE)


def _start(kind: str, path: Path) -> subprocess.Popen[bytes]:
    """Start the process, away from the signals of a terminal: who asks decides when it ends."""
    return subprocess.Popen(
        [sys.executable, "-P", "-c", CODE, kind, str(path), json.dumps(sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    process.wait()


# --- in the process ----------------------------------------------------------------------------------------------


def serve() -> NoReturn:
    """Load the graph that the arguments name, and compute what standard input asks for, until it ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a service manager sends them to all processes
        signal.signal(number, signal.SIG_IGN)
    kind, path = sys.argv[1:3]
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    _forbid_cores()
    inputs = SHAPES[kind][0]
    with memory_limit(MAX_LOADING_BYTES):
        try:
            _allow_time()
            model = load_model(kind, Path(path))
            _say(answers)
            while request := requests.read(1):
                _allow_time()
                if request == RESET:
                    model.reset()
                    _say(answers)
                else:
                    values = {name: _read(requests, shape) for name, shape in inputs.items()}
                    _say(answers, model.step(**values).tobytes())
        except ModelError as problem:
            _say(answers, line=json.dumps([problem.cause, problem.cure]))
    os._exit(0)  # what onnxruntime would clear away, the system does


def _read(stream: IO[bytes], shape: tuple[int, ...]) -> NDArray[np.float32]:
    octets = stream.read(4 * math.prod(shape))
    if len(octets) < 4 * math.prod(shape):  # whoever asked is gone
        os._exit(0)
    return np.frombuffer(octets, np.float32).reshape(shape)


def _say(stream: IO[bytes], octets: bytes = b"", line: str = "") -> None:
    with contextlib.suppress(BrokenPipeError):
        stream.write(line.encode() + b"\n" + octets)
        stream.flush()


def _forbid_cores() -> None:
    """Leave no image of the memory where the system ends the process."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _allow_time() -> None:
    """Let the system end this process where what follows takes too long, in whatever it is then."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    most_s = math.ceil(used.ru_utime + used.ru_stime + time_limit.MAX_STEP_CPU_S) + GRACE_CPU_S
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (most_s if hard == resource.RLIM_INFINITY else min(most_s, hard), hard))
