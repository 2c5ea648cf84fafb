"""Presence on the channel, as a station tells its host, and the BEACONs by which the others know of this station."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from typing import Any

import trio

from app.events import Event, OverConfirmed, PresenceChanged, StationPresent
from app.history.capture import FrameWay
from app.settings.model import Settings
from transport.address import Address
from transport.links.base import LeaveTeller, Link, call_teller, leave_teller
from transport.planning.beacons import beacon_pace, on_radio
from transport.protection.rate_limit import TokenBucket
from transport.protocol.frames import Beacon, Frame, Text
from transport.protocol.over import OverBegun, Overlap
from transport.protocol.presence import Presence
from transport.protocol.receiver import Fact, VoiceArrived

TOLD_EVERY_S = 1.0
"""Shortest time between two PresenceChanged, in seconds: a flood of names is no flood of events."""
HELLOS_PER_S, HELLOS_AT_ONCE = 1 / 60, 5
"""Calls, and greetings on a broker, that are answered with a BEACON, a second and at once: they have no tag, anybody
can send them. Who comes when there are more of them hears of this station by its next BEACON."""
BUSY_S = 1.0
"""Time after which a BEACON that is due is tried again while somebody talks, in seconds."""


def speaks_up(settings: Settings, address: Address[Any]) -> bool:
    """Tell whether a station says that it is there: on IP unless it shall not, on a radio only if it shall."""
    return settings.presence == "on" or (settings.presence == "auto" and not on_radio(address))


class PresenceEnd:
    """The presence of one station and of the others on its channel. It watches the frames of a `ChannelEnd`."""

    def __init__(
        self,
        settings: Settings,
        address: Address[Any],
        link: Link,
        send: Callable[[Frame], None],
        emit: Callable[[Event], None],
        idle: Callable[[], bool] = lambda: True,
    ) -> None:
        """Take the link and its address, the way out, who is told, and whether the channel is free for a BEACON."""
        pace = beacon_pace(address, len(settings.name.encode()))
        self.works = not address.kind.within_program
        """False on a link to a parrot, of which everything is known."""
        self._speaks = self.works and speaks_up(settings, address)
        now = trio.current_time()
        paces = pace.every_s, pace.gap_s, pace.kept_s
        self._presence = Presence(now, *paces, random.random, speaks=self._speaks, name=settings.name)
        self._name = settings.name
        self._automatic = settings.presence != "off"
        self._link = link
        self._send = send
        self._emit = emit
        self._idle = idle
        self._changed = trio.Event()
        self._news = self.works
        self._said = False
        """True once this station has said that it is there."""
        self._hellos = TokenBucket(HELLOS_PER_S, HELLOS_AT_ONCE)
        self._teller: LeaveTeller | None = None
        teller = leave_teller(link)
        if teller is not None:
            self._teller = teller
            teller.tell(self._mark_left, self._somebody_came)
        waiting = call_teller(link)
        if waiting is not None:
            waiting.tell_calls(self._somebody_came)

    @property
    def present(self) -> tuple[StationPresent, ...]:
        """The stations that are there, the one that was heard last first."""
        now = trio.current_time()
        return tuple(
            StationPresent(seen.name, round(now - seen.heard_s, 1), *(seen.receipt or (None, None)))
            for seen in self._presence.present(now)
        )

    def only_other(self) -> str:
        """Return the name of the one other station that is there; empty where that is not so, or shall not matter."""
        return self._presence.only_other(trio.current_time()) if self.works and self._automatic else ""

    def watch(self, way: FrameWay, octets: bytes, facts: Sequence[Fact]) -> None:
        """Take what a frame meant, in the order in which a `ChannelEnd` shows it."""
        now = trio.current_time()
        for fact in facts:
            match fact:
                case OverBegun() if way == "out":
                    self._presence.said(now)
                case OverBegun(begin) | Overlap(begin):
                    self._heard(begin.sender, now)
                case VoiceArrived(begin=begin) if way == "in" and begin is not None:
                    self._presence.heard(begin.sender, now)
                case Text(sender=sender):
                    self._presence.wrote(sender, now)
                    self._news = True
                case Beacon(sender=sender, leaves=True):
                    self._news |= self._presence.left(sender)
                case Beacon(over, sequence, sender, mark=mark):
                    self._heard(sender, now, mark, over << 16 | sequence)
        self._changed.set()

    def note(self, event: Event) -> None:
        """Take note of a receipt, which names nobody, by the event that does."""
        if isinstance(event, OverConfirmed) and event.station:
            self._presence.confirmed(event.station, event.heard, event.packets, trio.current_time())
            self._news = True
            self._changed.set()

    async def run(self) -> None:
        """Say that this station is there, and tell who else is, until cancelled."""
        told_s = float("-inf")
        while self.works:
            now = trio.current_time()
            gone_s = self._presence.next_gone_s(now)
            if self._presence.due_s() <= now:
                self._say(now)
            if self._news and now >= told_s + TOLD_EVERY_S:
                self._news, told_s = False, now
                self._emit(PresenceChanged(self.present))
            self._changed = trio.Event()
            due_s = max(now + BUSY_S, self._presence.due_s()) if self._busy() else self._presence.due_s()
            with trio.move_on_at(min(due_s, gone_s + 1e-3, told_s + TOLD_EVERY_S if self._news else float("inf"))):
                await self._changed.wait()
            self._news |= trio.current_time() > gone_s

    def leave(self) -> bool:
        """Say that this station leaves, if it has said that it is there, and nothing more; tell whether it does."""
        self._presence.hush()
        leaves = self._speaks and self._said and self._link.ready
        if leaves:
            self._send(self._beacon(leaves=True))
        return leaves

    def _say(self, now: float) -> None:
        if not self._busy():
            if self._link.ready:
                self._send(self._beacon())
                self._said = True
            self._presence.said(now)

    def _busy(self) -> bool:
        """Tell whether somebody talks; a BEACON waits for the end of that."""
        return not self._idle()

    def _beacon(self, *, leaves: bool = False) -> Beacon:
        number = int.from_bytes(os.urandom(3))
        mark = self._teller.leave_mark if self._teller is not None and not leaves else b""
        return Beacon(number >> 16, number & 0xFFFF, self._name, leaves, mark)

    def _heard(self, name: str, now: float, mark: bytes = b"", number: int | None = None) -> None:
        self._presence.heard(name, now, mark, number)
        self._news = True

    def _mark_left(self, mark: bytes) -> None:
        self._news |= self._presence.mark_left(mark)
        self._changed.set()

    def _somebody_came(self) -> None:
        if not self._hellos.take(trio.current_time()):
            return
        self._presence.say_soon(trio.current_time() + random.uniform(0.2, 2.0))
        self._changed.set()
