"""`gossamer send --confirm`: who is to confirm the over, and whether they did."""

from __future__ import annotations

import argparse

import trio

from app import events
from app.cli import EXIT_UNCONFIRMED
from app.console import note
from app.errors import GossamerError
from app.events import Event, StationPresent
from app.settings.model import Settings
from app.station.presence_end import TOLD_EVERY_S
from transport.protocol.floor import RECEIPT_WAIT_S
from transport.protocol.presence import ANSWER_S, START_S

LOOK_S = 4.0
"""Time for which to look who is there, where nobody is named, in seconds: those on IP answer within 3 s."""
SPREAD_S = START_S[0] + ANSWER_S[1] + TOLD_EVERY_S + 0.5
"""Time from the link's first moment until all who answer have answered, in seconds: until then one may not be alone.

It is that of our BEACON, of the latest answer, of its being told, and of both ways.
"""
NAME_ONE = "say who is to confirm: --to NAME"
"""Cure where it is not clear who is to confirm."""
MARGIN_S = 1.0
"""Time that a receipt gets beyond what the floor waits for it, in seconds."""


def add_confirm(parser: argparse.ArgumentParser) -> None:
    """Add the flag."""
    parser.add_argument(
        "--confirm",
        action="store_true",
        help=f"wait for the receipt of the only other station, or of --to NAME; exit code {EXIT_UNCONFIRMED} without",
    )


class Confirmation:
    """The confirmation that was asked for."""

    def __init__(self, settings: Settings, wanted: bool) -> None:
        """Take whether it is wanted at all. Raises GossamerError where nobody can be asked for it."""
        if wanted and not settings.addressee and settings.presence == "off":
            raise GossamerError("--confirm with --presence off", NAME_ONE)
        self.wanted = wanted
        self.receipt: events.OverConfirmed | None = None
        self._named = settings.addressee
        self._stations: tuple[StationPresent, ...] = ()
        self._changed = trio.Event()

    def note(self, event: Event) -> None:
        """Take an event of the engine."""
        match event:
            case events.OverConfirmed():
                self.receipt = event
            case events.PresenceChanged(stations):
                self._stations = stations
            case _:
                return
        self._changed.set()

    async def look(self, since_s: float) -> str | None:
        """Return the only other station, once it is known to be that; None where none is looked for, or has answered.

        since_s: the time at which the link could be sent to. Raises GossamerError where several are there and none was
        named.
        """
        if not self.wanted or self._named:
            return None
        with trio.move_on_after(LOOK_S):
            while not self._stations:
                await self._next()
        with trio.move_on_at(since_s + SPREAD_S):
            while len(self._stations) < 2:
                await self._next()
        if len(self._stations) > 1:
            raise GossamerError(self._several(), NAME_ONE)
        self._named = self._stations[0].name if self._stations else ""
        return self._named or None

    async def wait(self) -> None:
        """Return when the receipt has come, or when none can be expected any more."""
        if not self.wanted or not (self._named or self._stations):
            return
        with trio.move_on_after(RECEIPT_WAIT_S + MARGIN_S):
            while self.receipt is None:
                await self._next()

    def tell(self) -> int:
        """Print the outcome, and return the exit code."""
        note(self.words())
        return 0 if self.receipt is not None else EXIT_UNCONFIRMED

    def words(self) -> str:
        """Return the outcome in a line."""
        if self.receipt is not None:
            return f"confirmed by {self.receipt.station}: {self.receipt.heard} of {self.receipt.packets} packets heard"
        if not self._named and len(self._stations) > 1:
            return f"not confirmed: {self._several()}: {NAME_ONE}"
        if self._named or self._stations:
            return f"not confirmed by {self._named or self._stations[0].name}"
        return "not confirmed: nobody has answered yet"

    def _several(self) -> str:
        return f"several stations are here: {', '.join(station.name for station in self._stations)}"

    async def _next(self) -> None:
        self._changed = trio.Event()
        await self._changed.wait()
