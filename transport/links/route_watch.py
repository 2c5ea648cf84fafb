"""A watch over what sockets are bound to: a look every few seconds, and news where it is no longer right.

A connected socket keeps the local address that it had when it was connected, and a membership in a group ends with its
interface. Neither is reported by the system, so a link asks how it would be bound now. Nothing is sent for that.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from transport.errors import LinkError, LinkRemade

LOOK_EVERY_S = 2.0
"""Time between two looks, in seconds."""
CURE = "the link goes on from there"


class RouteWatch:
    """The task that looks, and the news that the link's receiver has not been told yet."""

    def __init__(self, rebind: Callable[[], Awaitable[str]]) -> None:
        """Take the function that binds anew where that is needed, and returns what changed, or "" where nothing did."""
        self._rebind = rebind
        self._news = ""
        self._scope = trio.CancelScope()

    async def run(self) -> None:
        """Look until `close`. What cannot be bound now is tried again at the next look."""
        with self._scope:
            while True:
                await trio.sleep(LOOK_EVERY_S)
                with contextlib.suppress(OSError, LinkError):
                    await self._rebind()

    def tell(self, what: str) -> None:
        """Keep for the receiver what has changed. To be called before the old socket is closed."""
        self._news = what

    def check(self) -> None:
        """Raise LinkRemade where the link was bound anew since the last call."""
        news, self._news = self._news, ""
        if news:
            raise LinkRemade(news, CURE)

    def close(self) -> None:
        """End the task."""
        self._scope.cancel()


def local_address(family: int, target: tuple[Any, ...]) -> str:
    """Return the address from which this machine would send to a target now. Raise OSError where there is no way."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        probe.connect(target)
        return str(probe.getsockname()[0])
