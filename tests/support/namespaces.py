"""Two network namespaces with virtual Ethernet between them, whose cards, addresses and routes a test can change."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

CLONE_NEWNET = 0x40000000


def ip(*words: str) -> None:
    """Run `ip`; it must succeed."""
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


class Namespaces:
    """Two network namespaces of this process alone, `here` and `there`; `connect` puts cables between them."""

    def __init__(self) -> None:
        self.here, self.there = f"gossamer-{os.getpid()}-a", f"gossamer-{os.getpid()}-b"

    def open(self) -> None:
        """Make both, without a cable; skip the test where that is not possible."""
        if shutil.which("ip") is None:
            pytest.skip("ip not found (Debian: iproute2)")
        try:
            for name in (self.here, self.there):
                ip("netns", "add", name)
                ip("-n", name, "link", "set", "lo", "up")
            self.connect("probe", "198.18.0")
            self.cut("probe")
        except subprocess.CalledProcessError as error:
            self.close()
            pytest.skip(f"no network namespaces or no virtual Ethernet here: {error.stderr.strip()}")

    def close(self) -> None:
        """Remove both, and what is in them."""
        for name in (self.here, self.there):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def connect(self, cable: str, network: str) -> None:
        """Lay a cable with the addresses NETWORK.1 here and NETWORK.2 there."""
        near, far = f"{cable}0", f"{cable}1"
        ip("link", "add", near, "netns", self.here, "type", "veth", "peer", "name", far, "netns", self.there)
        for name, card, last in ((self.here, near, 1), (self.there, far, 2)):
            ip("-n", name, "addr", "add", f"{network}.{last}/24", "dev", card)
            ip("-n", name, "link", "set", card, "up")

    def cut(self, cable: str) -> None:
        """Remove a cable, with its cards and addresses."""
        ip("-n", self.here, "link", "del", f"{cable}0")


@contextmanager
def inside(name: str) -> Iterator[None]:
    """Make this thread's new sockets in that namespace, and those of the threads that it starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    home, there = os.open("/proc/thread-self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        if libc.setns(there, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        libc.setns(home, CLONE_NEWNET)
        os.close(home)
        os.close(there)
