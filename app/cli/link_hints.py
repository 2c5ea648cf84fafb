"""The errors of the link that a command sends over: hints, until they last."""

from __future__ import annotations

import random

import trio

from app.console import note
from app.events import LinkProblem
from app.station.engine import Engine

PROBE_EVERY_S = 0.4
"""Time between two pings while the link tells of errors and nothing else shows whether it still does, in seconds."""


class LinkHints:
    """The errors of a link that may pass: the user is told of the first, and that the link works again."""

    def __init__(self) -> None:
        """Begin with a link that works."""
        self.works = trio.Event()
        """Set while the link tells of no errors."""
        self.works.set()
        self.fails = trio.Event()
        """Set while it does."""
        self.last = ""
        """Cause of the last error that the user was told of."""

    def failed(self, problem: LinkProblem) -> None:
        """Take an error that has not lasted."""
        if self.works.is_set():
            self.last = problem.cause
            note(problem.cause)  # its cure is for a station that stays, and is said where the errors last
            self.works = trio.Event()
            self.fails.set()

    def recovered(self) -> None:
        """Take that the link works again."""
        if self.fails.is_set():
            note("the link works again")
            self.fails = trio.Event()
            self.works.set()

    async def probe(self, engine: Engine) -> None:
        """Ping while the link fails and no over goes out, which would show whether it still does, until cancelled."""
        while True:
            await self.fails.wait()
            if not engine.sending:
                engine.ping(random.getrandbits(32))
            await trio.sleep(PROBE_EVERY_S)
