"""Wires to put between two ends: pseudo-terminals that can be unplugged, and what a bad one does to bytes."""

from __future__ import annotations

import os
import random
import tty
from pathlib import Path

import trio


class Plug:
    """A serial port at `path`, whose other end is held by the test; `unplug` and `plug` it at will."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._master = -1
        self.plug()

    def plug(self) -> None:
        """Open a new device under the same name, as an adapter gets when it is put in again."""
        self._master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(self._master, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(slave))
        os.close(slave)

    def unplug(self) -> None:
        self.path.unlink(missing_ok=True)
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    async def write(self, octets: bytes) -> None:
        """Send these bytes from the far end to the port."""
        while octets:
            await trio.lowlevel.wait_writable(self._master)
            octets = octets[os.write(self._master, octets) :]

    async def read(self, count: int) -> bytes:
        """Wait for `count` bytes that are written to the port, and return them."""
        octets = b""
        while len(octets) < count:
            octets += await self.read_some()
        return octets

    async def read_some(self) -> bytes:
        while True:
            await trio.lowlevel.wait_readable(self._master)
            try:
                return os.read(self._master, 4096)
            except BlockingIOError:
                continue
            except OSError:  # nobody has the port open just now
                await trio.sleep(0.01)


class BadWire:
    """A noisy line for frames in COBS: it damages and drops bytes, and adds rubbish, as drawn from a seed."""

    def __init__(self, seed: int, damaged: float, dropped: float, rubbish: float) -> None:
        """Take the shares of bytes damaged and dropped; `rubbish` is the chance of a burst of it behind each frame."""
        self._chance = random.Random(seed)
        self._damaged, self._dropped, self._rubbish = damaged, dropped, rubbish
        self._last = 0
        self.bytes = self.hit = self.bursts = 0

    def pass_on(self, octets: bytes) -> bytes:
        out = bytearray()
        for octet in octets:
            self.bytes += 1
            fate = self._chance.random()
            if fate < self._damaged:
                self.hit += 1
                out.append(self._chance.randrange(256))
            elif fate < self._damaged + self._dropped:
                self.hit += 1
            else:
                out.append(octet)
            if octet == 0 != self._last and self._chance.random() < self._rubbish:
                self.bursts += 1
                out += self._chance.randbytes(self._chance.randrange(1, 60))
            self._last = octet
        return bytes(out)
