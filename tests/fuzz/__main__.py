"""Runs the targets under Atheris: `python -m tests.fuzz [inputs] [target ...]`. Ends with figures, or at the first
problem.

Atheris is libFuzzer for Python: it sees which branches an input takes and keeps those that take new ones. The first
byte of an input says which target gets the rest; with names of targets, only these get any. An input that raises
something is kept in a file `fuzz-crash-...`.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import atheris

with contextlib.redirect_stderr(io.StringIO()), atheris.instrument_imports(include=["transport", "paho"]):
    from tests.fuzz.targets import seeds, targets

INPUTS = 1_000_000
MAX_BYTES = 600
"""More than the longest frame, escaped."""
FORGET_EVERY = 5000
"""Inputs after which targets with a memory start afresh: then nothing may be left of it."""
MAX_GROWTH_BLOCKS = 5000
"""Memory blocks of Python's that may be left over: its own caches fill up too."""


class Run:
    """A count of the inputs of a fuzzing run, printed at its end."""

    def __init__(self, inputs: int, names: list[str]) -> None:
        self._inputs = inputs
        self._count = 0
        self._targets = targets()
        self._names = names
        self._of_each = dict.fromkeys(self._names, 0)
        self._blocks: list[int] = []
        self._began_s = time.monotonic()

    def __call__(self, octets: bytes) -> None:
        name = self._names[octets[0] % len(self._names)] if octets else self._names[0]
        self._targets[name](octets[1:])
        self._of_each[name] += 1
        self._count += 1
        if self._count % FORGET_EVERY == 0 or self._count == self._inputs:
            self._forget()
        if self._count == self._inputs:
            self._report()

    def _forget(self) -> None:
        self._targets.clear()
        gc.collect()
        self._blocks.append(sys.getallocatedblocks())
        self._targets = targets()

    def _report(self) -> None:
        early = self._blocks[len(self._blocks) // 5]  # caches are full by then
        grown = self._blocks[-1] - early
        each = ", ".join(f"{name} {count}" for name, count in self._of_each.items())
        print(
            f"{self._count} inputs in {time.monotonic() - self._began_s:.0f} s, no exception; "
            f"{grown:+d} memory blocks since the first fifth ({early} before)\n{each}",
            flush=True,
        )
        if grown > MAX_GROWTH_BLOCKS:
            raise MemoryError(f"{grown} memory blocks more than at the start")


def fuzz(folder: str, inputs: int, names: list[str]) -> None:
    """Fuzz the targets of these names; never return, since libFuzzer ends the process."""
    for number, octets in enumerate(seeds()):
        for target in range(len(names)):
            (Path(folder) / f"{number}-{target}").write_bytes(bytes([target]) + octets)
    options = [f"-runs={inputs}", f"-max_len={MAX_BYTES}", "-timeout=20", "-artifact_prefix=fuzz-"]
    atheris.Setup([sys.argv[0], *options, folder], Run(inputs, names))
    atheris.Fuzz()


def main() -> int:
    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else INPUTS
    names = sys.argv[2:] or list(targets())
    if unknown := set(names) - set(targets()):
        print(f"no such target: {', '.join(sorted(unknown))}; there are: {', '.join(targets())}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as log:
        child = os.fork()
        if not child:
            os.dup2(log.fileno(), sys.stderr.fileno())  # libFuzzer is talkative
            fuzz(folder, inputs, names)
        problem = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        log.seek(0)
        said = log.read().splitlines()
    if problem:
        print("\n".join(said[-40:]), file=sys.stderr)
    else:
        covered = [line for line in said if " cov: " in line][-1]
        print("coverage:", re.sub(r"^#\d+\s+\w+\s+| exec/s.*", "", covered))
    return problem


if __name__ == "__main__":
    sys.exit(main())
