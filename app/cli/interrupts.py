"""Ctrl-C and SIGTERM while a station runs without a screen."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import AsyncIterator, Callable

import trio

from app.errors import first_error


@contextlib.asynccontextmanager
async def interruptible(on_interrupt: Callable[[], None] | None) -> AsyncIterator[trio.Nursery]:
    """Open a nursery in which Ctrl-C and SIGTERM call `on_interrupt`, so that things end properly.

    None: they interrupt as always. At the end of the block the nursery's tasks are cancelled; an error comes out alone,
    not in the exception group that a nursery makes of it.
    """
    try:
        async with trio.open_nursery() as nursery:
            if on_interrupt is not None:
                nursery.start_soon(_watch_signals, on_interrupt)
            yield nursery
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise first_error(group) from group


async def _watch_signals(on_interrupt: Callable[[], None]) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            on_interrupt()
