"""A small file of nonces, so that a frame from before a restart is not taken again after it.

    0001020304050607 1700000181

A line each: the nonce, and the UTC second from which it may be forgotten. Only those are kept whose frames said a later
time than this station's clock: all others are older than the next start, and refused for that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import trio

from app.errors import FileProblem
from app.events import ChannelProblem, Event
from app.storage import bounded_bytes, write_whole
from app.threads import InThread
from transport.protocol.frames import NONCE_BYTES

MAX_NONCES = 256
"""Most nonces that are kept, of all channels: two a second for two minutes. The one that dies first makes room."""
MAX_FILE_BYTES = 40 * MAX_NONCES
"""Longest file that is read."""
KEPT_LONGER_S = 120
"""Seconds that a nonce is kept beyond its time, so that an over whose BEGIN comes again and again is written once."""


class NonceFile:
    """The nonces that one station keeps. `keep` is for the trio thread, and `run` writes."""

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        """Read what earlier runs kept. Blocking. clock: returns UTC seconds, 0 without a clock."""
        self._path = path
        self._clock = clock
        self._until_utc_s = self._read()
        self.nonces = tuple(bytes.fromhex(nonce) for nonce in self._until_utc_s)
        """Nonces of frames that came before this run."""
        self._more = trio.Event()

    def keep(self, nonce: bytes, until_utc_s: int) -> None:
        """Keep a nonce, whose frames stay fresh until this UTC second, at least as long."""
        if self._until_utc_s.get(nonce.hex(), 0) < until_utc_s:
            self._until_utc_s[nonce.hex()] = until_utc_s + KEPT_LONGER_S
            self._drop()
            self._more.set()

    async def run(self, in_thread: InThread, emit: Callable[[Event], None]) -> None:
        """Write what is to be kept as soon as there is any, until cancelled; where that fails, tell of it once."""
        told = False
        try:
            while True:
                await self._more.wait()
                try:
                    await in_thread(self._write)
                except FileProblem as problem:
                    if not told:
                        told = True
                        cause = f"old frames may be taken again after a restart: {problem.cause}"
                        emit(ChannelProblem(cause, "make room, or set the clocks of all stations"))
        finally:
            if self._more.is_set():
                with contextlib.suppress(FileProblem):
                    self._write()

    def _read(self) -> dict[str, int]:
        """Return the nonces of the file that are not dead yet; what cannot be read is left out."""
        found: dict[str, int] = {}
        try:
            lines = bounded_bytes(self._path, MAX_FILE_BYTES).decode("ascii", "replace").splitlines()
        except (OSError, FileProblem):
            return found
        now_s = self._clock()
        for line in lines:
            nonce, _, until_utc_s = line.partition(" ")
            try:
                known = len(bytes.fromhex(nonce)) == NONCE_BYTES and int(until_utc_s) > now_s
            except ValueError:
                continue
            if known:
                found[nonce] = int(until_utc_s)
        return found

    def _drop(self) -> None:
        """Forget what is dead, and what there is no room for."""
        now_s = self._clock()
        alive = sorted(self._until_utc_s.items(), key=lambda entry: entry[1])[-MAX_NONCES:]
        self._until_utc_s = {nonce: until_utc_s for nonce, until_utc_s in alive if until_utc_s > now_s}

    # --- in the thread ---

    def _write(self) -> None:
        """Write what is kept, and what another station of this user has written. Raises FileProblem."""
        self._more = trio.Event()
        alive = sorted((self._read() | self._until_utc_s).items(), key=lambda entry: entry[1])[-MAX_NONCES:]
        write_whole(self._path, "".join(f"{nonce} {until_utc_s}\n" for nonce, until_utc_s in alive))
