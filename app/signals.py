"""INT, TERM and HUP: the one way in which a signal ends a command, whatever it is doing.

The first signal asks: a command that runs no trio gets KeyboardInterrupt, which takes its half-written files away; one
that runs under trio sees `Ending.asked`, and ends its over, its recording and its devices in order. The second signal
ends it at once, and a command that does not even obey that is gone FORCED_S later, also where a library computes and
Python does not hear of the signals: a thread does.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # `gossamer --help` must not wait for it
    import trio

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that mean the same everywhere: end in order. SIGHUP is what a terminal sends whose window was closed."""
EXIT_INTERRUPTED = 130
"""Exit code of a command that a signal ended, as shells have it: 128 + SIGINT."""
AGAIN_S = 0.05
"""Time after which a signal comes once more whose KeyboardInterrupt was lost, in seconds."""
FORCED_S = 3.0
"""Time after the second signal at which the process ends in any case, in seconds; only a driver or a library that hangs
needs it."""

Result = TypeVar("Result")
Handler = Callable[[int, FrameType | None], None]


class Interrupted(KeyboardInterrupt):
    """The end that a signal asked for.

    A class of its own: where the very KeyboardInterrupt passes through code made from a string, as dataclasses are,
    CPython ends the process by SIGINT in the end, though it was caught.
    """


class Ending:
    """The request to end that a signal made of a command under trio."""

    def __init__(self, asked: trio.Event, scope: trio.CancelScope) -> None:
        self.asked = asked
        """Set by the first signal."""
        self.scope = scope
        """The scope of the whole command, which the second signal cancels."""

    async def cancel_when_asked(self) -> None:
        """Cancel the command at the first signal already, where there is nothing to end in order."""
        await self.asked.wait()
        self.scope.cancel()


class Interrupts:
    """The ending signals as KeyboardInterrupt, for the whole of a command.

    It is raised inside `run` alone, whose caller catches it: what comes before that waits, what comes after is too late
    to end anything.
    """

    def __init__(self) -> None:
        self.came = False
        """True once a signal has come."""
        self._number = 0
        self._waits = False
        """True where one has come outside of `run`, which is then interrupted as it begins."""
        self._sent_again = 0
        self._hook = sys.unraisablehook
        self._wakeup: tuple[int, int] | None = None
        """The pipe into which the system's handler writes every signal, though Python's has to wait."""
        self._over = threading.Event()

    def begin(self) -> None:
        """Let the signals raise KeyboardInterrupt in the main thread from now on, inside `run`.

        A hang-up that the caller ignores stays ignored: that is how `nohup` works.
        """
        self._hook, sys.unraisablehook = sys.unraisablehook, self._not_raised
        self._set(self._interrupt)
        if threading.current_thread() is threading.main_thread():
            reading, writing = os.pipe()
            os.set_blocking(writing, False)
            signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
            self._wakeup = reading, writing
            threading.Thread(target=self._watch, args=(reading,), name="signals", daemon=True).start()

    def run(self, command: Callable[[], Result]) -> Result:
        """Run a command and return its result. Raises KeyboardInterrupt for a signal."""
        waits, self._waits = self._waits, False
        if waits:
            raise Interrupted
        return command()

    def end(self) -> None:
        """Leave the signals to the system, which ends the process: nothing is left to be done in order."""
        self._over.set()
        self._set(signal.SIG_DFL)
        sys.unraisablehook = self._hook
        if self._wakeup is not None:
            signal.set_wakeup_fd(-1)
            os.close(self._wakeup[1])  # the thread closes the other end

    def _watch(self, reading: int) -> None:
        """End the process FORCED_S after the second signal, unless the command has ended; runs in a thread."""
        came = 0
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            while numbers := pipe.read(64):
                came += sum(number in ENDING_SIGNALS for number in numbers)
                if came - self._sent_again > 1 and not self._over.wait(FORCED_S):
                    os._exit(EXIT_INTERRUPTED)

    @staticmethod
    def _set(handler: Handler | signal.Handlers) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in _ours():
                signal.signal(number, handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.came, self._number = True, number
        while frame is not None:
            if frame.f_code is _NOT_RAISED:
                self._come_again()
                return
            if frame.f_code is _RUN:
                raise Interrupted
            frame = frame.f_back
        self._waits = True

    def _not_raised(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Let the signal come once more whose KeyboardInterrupt could not be raised.

        That is so where it hits a `__del__`, a callback of the garbage collector, or one of C code.
        """
        if isinstance(unraisable.exc_value, Interrupted):
            self._come_again()
        elif not self._over.is_set():  # or Python tells of a signal that came while its handler was taken away
            self._hook(unraisable)

    def _come_again(self) -> None:
        self._sent_again += 1
        _thread.start_new_thread(_send_again, (self._number,))  # `threading` may hold its lock just here


_RUN, _NOT_RAISED = Interrupts.run.__code__, Interrupts._not_raised.__code__


def _send_again(number: int) -> None:
    time.sleep(AGAIN_S)
    main = threading.main_thread().ident
    if main is not None:
        signal.pthread_kill(main, number)


def run_until_signal(main: Callable[..., Awaitable[Result]], *arguments: Any, clock: Any = None) -> Result:
    """Run `main(ending, *arguments)` under trio and return its result.

    Raises KeyboardInterrupt where the second signal cancelled it, and an error of `main` alone, not in an exception
    group. clock: for virtual time, as `trio.run` takes it.
    """
    import trio

    from app.errors import first_error

    bell = _Bell()

    async def run() -> Result:
        with trio.CancelScope() as scope:
            ending = Ending(trio.Event(), scope)
            bell.connect(ending, trio.lowlevel.current_trio_token())
            return await main(ending, *arguments)
        raise Interrupted

    with _handling(bell.ring):
        try:
            return trio.run(run, clock=clock)
        except BaseExceptionGroup as group:
            raise first_error(group) from group


class _Bell:
    """The way of a signal from its handler, which may run anywhere in the main thread, into trio."""

    def __init__(self) -> None:
        self._rings = 0
        self._ending: Ending | None = None
        self._token: trio.lowlevel.TrioToken | None = None

    def connect(self, ending: Ending, token: trio.lowlevel.TrioToken) -> None:
        """Connect with a run that has begun; a signal that came before counts."""
        self._ending, self._token = ending, token
        if self._rings:
            self._act()

    def ring(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        import trio

        self._rings += 1
        if self._rings > 1:
            force_end_later()
        if self._token is not None:
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._act)

    def _act(self) -> None:
        if self._ending is None:
            return
        self._ending.asked.set()
        if self._rings > 1:
            self._ending.scope.cancel()


def force_end_later() -> None:
    """End the process in FORCED_S, if it has not ended by then."""
    timer = threading.Timer(FORCED_S, os._exit, (EXIT_INTERRUPTED,))
    timer.daemon = True
    timer.start()


@contextlib.contextmanager
def _handling(handler: Handler) -> Iterator[None]:
    """Give the ending signals to `handler` inside the block; outside the main thread there is nothing to give."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in _ours()}
    wakeup = signal.set_wakeup_fd(-1)  # trio sets its own, and complains of another
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, old in before.items():
            signal.signal(number, old)


def _ours() -> tuple[signal.Signals, ...]:
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return ENDING_SIGNALS[:-1] if ignored else ENDING_SIGNALS
