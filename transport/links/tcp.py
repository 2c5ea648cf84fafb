"""TCP connections whose other end can vanish: how soon that is noticed, and that nothing waits in them for later."""

from __future__ import annotations

import contextlib
import os
import socket
import struct

import trio

SILENT_S = 3
"""Time in seconds for which the other end may leave bytes unacknowledged before the connection counts as lost.

Long enough for a few retransmissions, and short enough that nothing is delivered much later than it was said.
"""
PROBE_AFTER_S, PROBE_EVERY_S, PROBES = 3, 1, 3
"""TCP keep-alive: an end that vanished without closing is noticed 6 s after its last sign, sent to or not."""
UNSENT_BYTES = 1024
"""Bytes that the system may hold back before `send` waits: what is in its hands cannot be taken back."""
_DROP_UNSENT = struct.pack("ii", 1, 0)
"""Value of SO_LINGER with which closing drops what was not taken, and resets the connection (socket(7))."""


def notice_silence(stream: trio.SocketStream, silent_s: int = SILENT_S, *, probes: bool = True) -> None:
    """Have the system end a connection whose other end has vanished, as far as it has such settings.

    silent_s: seconds that bytes may stay unacknowledged. probes: ask the other end every few seconds of silence;
    without, only bytes that are not acknowledged tell.
    """
    wanted = {"TCP_USER_TIMEOUT": 1000 * silent_s}
    if probes:
        wanted |= {"TCP_KEEPIDLE": PROBE_AFTER_S, "TCP_KEEPINTVL": PROBE_EVERY_S, "TCP_KEEPCNT": PROBES}
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    _set(stream, wanted)


def hold_little(stream: trio.SocketStream) -> None:
    """Have the system take no more than UNSENT_BYTES ahead, so that `send_all` goes at the pace of the network."""
    _set(stream, {"TCP_NOTSENT_LOWAT": UNSENT_BYTES})


def break_off(stream: trio.SocketStream) -> None:
    """Reset a connection, so that nothing of what waits in it arrives later."""
    with contextlib.suppress(OSError):
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP_UNSENT)
    stream.socket.close()


def reason_of(error: BaseException | None) -> str:
    """Return why a connection could not be had or was lost, in a few words; "" where nobody says."""
    seen = error
    for _ in range(4):  # trio's "all attempts failed" has the attempts as its causes
        if isinstance(seen, BaseExceptionGroup):
            seen = seen.exceptions[0]
        if isinstance(seen, socket.gaierror):
            return "nobody knows that name"
        if isinstance(seen, OSError) and seen.errno:
            return os.strerror(seen.errno).lower()
        if isinstance(seen, UnicodeError):
            return "that is no name of a host"
        if seen is None or seen.__cause__ is None:
            break
        seen = seen.__cause__
    return ""


def _set(stream: trio.SocketStream, wanted: dict[str, int]) -> None:
    for name, value in wanted.items():
        if hasattr(socket, name):
            stream.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
