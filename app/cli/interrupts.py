"""Signals while a station runs without a screen."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

import trio

from app.errors import first_error
from app.signals import Ending


@contextlib.asynccontextmanager
async def interruptible(ending: Ending, on_interrupt: Callable[[], None]) -> AsyncIterator[trio.Nursery]:
    """Open a nursery in which the first ending signal calls `on_interrupt`, so that things end properly.

    At the end of the block the nursery's tasks are cancelled; an error comes out alone, not in the exception group that
    a nursery makes of it.
    """
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_call_when_asked, ending, on_interrupt)
            yield nursery
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise first_error(group) from group


async def _call_when_asked(ending: Ending, on_interrupt: Callable[[], None]) -> None:
    await ending.asked.wait()
    on_interrupt()
