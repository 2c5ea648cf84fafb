"""ICMP messages that somebody else forges about the datagrams of a station."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle

import psutil
import pytest

FLOOD_PAUSE_S = 0.002
"""Pause between the bursts of a flood, in seconds."""


def forger() -> socket.socket:
    """Return a socket that sends ICMP messages; skip the test where that is not allowed."""
    try:
        return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    except PermissionError:
        pytest.skip("forging ICMP needs a raw socket, which only root may open")


def forged_icmp(kind: int, code: int, here: tuple[str, int], there: tuple[str, int]) -> bytes:
    """Return an ICMP message about a datagram that `here` would have sent to `there`."""
    addresses = socket.inet_aton(here[0]) + socket.inet_aton(there[0])
    about = struct.pack(">BBHHHBBH", 0x45, 0, 64, 0, 0, 64, socket.IPPROTO_UDP, 0) + addresses
    about += struct.pack(">HHHH", here[1], there[1], 44, 0)
    message = struct.pack(">BBHI", kind, code, 0, 0) + about
    total = sum(struct.unpack(f">{len(message) // 2}H", message))
    total = (total & 0xFFFF) + (total >> 16)
    return message[:2] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + message[4:]


def calling_address(pid: int) -> tuple[str, int]:
    """Return the address from which a process calls a waiting end, as soon as it does."""
    while True:
        for connection in psutil.Process(pid).net_connections("udp4"):
            if connection.raddr:
                return str(connection.laddr.ip), int(connection.laddr.port)
        time.sleep(FLOOD_PAUSE_S)


@contextmanager
def icmp_flood(here: tuple[str, int], there: tuple[str, int], per_s: float) -> Iterator[None]:
    """Have messages of four kinds come inside the block, so many a second."""
    messages = cycle([forged_icmp(3, code, here, there) for code in (1, 2, 3, 13)])
    over = threading.Event()

    def send(raw: socket.socket) -> None:
        began_s, sent = time.monotonic(), 0
        while not over.wait(FLOOD_PAUSE_S):
            while sent < (time.monotonic() - began_s) * per_s:
                raw.sendto(next(messages), (here[0], 0))
                sent += 1

    with forger() as raw:
        thread = threading.Thread(target=send, args=(raw,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
