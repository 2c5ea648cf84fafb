"""Trio as a guest of the asyncio loop that Textual owns, in the same thread.

The engine's methods can so be called straight from a key handler, and its events arrive as plain calls. The two loops
have to end in order: the guest first, while its host still runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import outcome
import trio

from app.errors import first_error

CLOSING_S = 3.0
"""Time in which a guest that was told to close may send its last frames; then it is cancelled."""


class TrioGuest:
    """One trio run on the running asyncio loop."""

    def __init__(self, main: Callable[[], Awaitable[None]], ended: Callable[[BaseException | None], None]) -> None:
        """Prepare to run `main`. ended: called once in the same thread, with what main died of, or None."""
        self._main = main
        self._ended = ended
        self._scope = trio.CancelScope()
        self._done: asyncio.Event | None = None

    def start(self) -> None:
        """Start trio; called from the asyncio loop."""
        loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        trio.lowlevel.start_guest_run(
            self._run,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            run_sync_soon_not_threadsafe=loop.call_soon,
            done_callback=self._finish,
            host_uses_signal_set_wakeup_fd=True,
        )

    async def stop(self, close: Callable[[], None]) -> None:
        """Ask the guest to close, wait, cancel it if it does not, and wait for its end.

        Does nothing where it has ended, or never began.
        """
        if self._done is None:
            return
        if not self._done.is_set():
            close()
            try:
                await asyncio.wait_for(self._done.wait(), CLOSING_S)
            except TimeoutError:
                self._scope.cancel()
        await self._done.wait()

    async def _run(self) -> None:
        with self._scope:
            await self._main()

    def _finish(self, result: outcome.Outcome[None]) -> None:
        assert self._done is not None
        self._done.set()
        self._ended(first_error(result.error) if isinstance(result, outcome.Error) else None)
