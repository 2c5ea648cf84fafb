"""Blocking calls off the trio thread, and waiting for whichever of several things happens first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import trio

InThread = Callable[..., Awaitable[Any]]
"""Calls a blocking function with arguments, without blocking trio: `result = await in_thread(function, argument)`."""


def one_worker() -> InThread:
    """Return an InThread that runs one call at a time: two models at once would only fight for the processor."""
    return partial(trio.to_thread.run_sync, limiter=trio.CapacityLimiter(1))


async def first_of(*events: trio.Event) -> None:
    """Wait until one of the events is set."""
    async with trio.open_nursery() as nursery:

        async def wait(event: trio.Event) -> None:
            await event.wait()
            nursery.cancel_scope.cancel()

        for event in events:
            nursery.start_soon(wait, event)
