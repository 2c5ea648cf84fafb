"""Presence on the channel, from the names in frames that pass, and when to say so oneself. No I/O, no clock.

A station says that it is there with a BEACON: at the start, when another one has come, and now and then. What it sends
under its name for other reasons counts as one, but a message only from a station that is there: a relay tells talkers
in one what becomes of their overs, and is nobody to talk to.

Relays may bring the same station several ways, and this one back to itself. A station is one, whatever its way.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from transport.protocol.relaying import hops_of, known_as, same_station, station_of

MAX_STATIONS = 64
"""Stations that are remembered; the one that was silent longest makes room."""
NEW_PER_S, NEW_AT_ONCE = 1.0, 16.0
"""Names a second that are taken as new stations, and how many at once: on an open channel anybody can make them up."""
START_S = (0.5, 5.0)
"""Times after the start at which a station says that it is there, in seconds.

The first reaches who is called, and the second the others, to whom a waiting end passes it on once we have a place.
"""
ANSWER_S = (0.2, 2.0)
"""Shortest and longest time until a station that has just come is answered, drawn so that not all speak at once."""


@dataclass(slots=True)
class Seen:
    """A station that was heard."""

    name: str
    """Its name with the way on which it is heard: the shortest, while that is heard."""
    heard_s: float
    """Time at which a frame of it came."""
    way_s: float
    """Time at which one came on that way."""
    receipt: tuple[int, int] | None = None
    """Packets that it last confirmed to have heard of us, and those that were sent; None where it confirmed nothing."""
    mark: bytes = b""
    """Mark by which a broker will tell that it has gone."""
    number: int | None = None
    """Number of the BEACON of it that came last."""


class Presence:
    """The stations on the channel, as one station sees them. Every method takes the time, in seconds."""

    def __init__(
        self,
        now: float,
        every_s: float,
        gap_s: float,
        kept_s: float,
        chance: Callable[[], float],
        *,
        speaks: bool,
        name: str,
    ) -> None:
        """Take the pace of BEACONs, the silence after which others have gone, and a source of numbers in 0..1.

        speaks: false for a station that sends no BEACON and only listens. name: of this station.
        """
        self._name = name
        self._every_s = every_s
        self._gap_s = gap_s
        self._kept_s = kept_s
        self._chance = chance
        self._stations: OrderedDict[str, Seen] = OrderedDict()
        """By the name without the way under which each came, the one that was silent longest first."""
        self._left: OrderedDict[int, str] = OrderedDict()
        """Those who have left by the numbers of their last BEACONs, which may still come another way."""
        first_s, second_s = START_S
        self._due_s = now + first_s if speaks else math.inf
        """When the next BEACON is due."""
        self._second_s = now + second_s if gap_s <= second_s else -math.inf
        """When the second one of the start is due; on a radio one must do."""
        self._speaks = speaks
        self._sent_s = -math.inf
        self._new_left = NEW_AT_ONCE
        self._new_at_s = now

    def present(self, now: float) -> list[Seen]:
        """Return who is there, the one that was heard last first."""
        return [seen for seen in reversed(self._stations.values()) if now <= seen.heard_s + self._kept_s]

    def only_other(self, now: float) -> str:
        """Return the name of the one other station that is there; empty where there is none, or more than one."""
        present = self.present(now)
        return present[0].name if len(present) == 1 else ""

    def heard(self, name: str, now: float, mark: bytes = b"", number: int | None = None) -> bool:
        """Take note of a frame under this name, and tell whether that station has just come.

        mark, number: of a BEACON.
        """
        if not name or (hops_of(name) and same_station(name, self._name)):
            return False
        station = self._known_as(name)
        seen = self._stations.get(station)
        came = seen is None or now > seen.heard_s + self._kept_s
        if came and not (self._is_back(name, number) and self._takes_new(now)):
            return False
        if seen is None:
            seen = self._stations[station] = Seen(name, now, now)
        elif came:
            seen.receipt = None
        self._goes(seen, name, now)
        seen.heard_s, seen.mark = now, mark or seen.mark
        seen.number = seen.number if number is None else number
        self._stations.move_to_end(station)
        if len(self._stations) > MAX_STATIONS:
            self._stations.popitem(last=False)
        if came:
            shortest_s, longest_s = ANSWER_S
            self.say_soon(now + shortest_s + (longest_s - shortest_s) * self._chance())
        return came

    def wrote(self, name: str, now: float) -> None:
        """Take note of a message under this name: whoever is there goes on being there, nobody comes by one."""
        seen = self._stations.get(self._known_as(name))
        if seen is not None and now <= seen.heard_s + self._kept_s:
            self.heard(name, now)

    def _goes(self, seen: Seen, name: str, now: float) -> None:
        """Take note of the way on which a station is heard: a longer one counts when that so far was long silent."""
        if hops_of(name) < hops_of(seen.name) or now > seen.way_s + self._kept_s / 2:
            seen.name = name
        if name == seen.name:
            seen.way_s = now

    def _is_back(self, name: str, number: int | None) -> bool:
        """Tell whether a station that has left says so anew, and not what it said before, which came another way."""
        left = self._left.get(number) if number is not None else None
        return left is None or not same_station(left, name)

    def _known_as(self, name: str) -> str:
        """Return the name under which a station came that is called this now, however it was cut."""
        station = station_of(name)
        return station if station in self._stations else known_as(name, reversed(self._stations))

    def confirmed(self, name: str, heard: int, sent: int, now: float) -> None:
        """Take note that a station has confirmed so many packets of so many; it may be called by its bare name."""
        seen = self._stations.get(self._known_as(name))
        self.heard(seen.name if seen is not None else name, now)
        if (seen := self._stations.get(self._known_as(name))) is not None:
            seen.receipt = (heard, sent)

    def left(self, name: str) -> bool:
        """Take note that a station has said that it leaves, by whatever way, and tell whether it was there."""
        seen = self._stations.pop(self._known_as(name), None)
        if seen is not None and seen.number is not None:
            self._left[seen.number] = seen.name
            if len(self._left) > MAX_STATIONS:
                self._left.popitem(last=False)
        return seen is not None

    def mark_left(self, mark: bytes) -> bool:
        """Take note that a broker tells of this mark, and tell whether it is the mark of a station that was there."""
        gone = [seen.name for seen in self._stations.values() if mark and seen.mark == mark]
        for name in gone:
            self.left(name)
        return bool(gone)

    # --- our own BEACON ----------------------------------------------------------------------------------------------

    def say_soon(self, at_s: float) -> None:
        """Have a BEACON due at this time, or as soon afterwards as the pace allows."""
        if self._speaks:
            self._due_s = min(self._due_s, max(at_s, self._sent_s + self._gap_s))

    def hush(self) -> None:
        """Have no BEACON due any more: this station has taken leave."""
        self._speaks, self._due_s = False, math.inf

    def due_s(self) -> float:
        """Return when the next BEACON is due; `inf` for none."""
        return self._due_s

    def said(self, now: float) -> None:
        """Take note that this station has just sent something under its name, or should have and could not."""
        self._sent_s = now
        if self._speaks:
            self._due_s = self._second_s if self._second_s > now else now + self._every_s

    def next_gone_s(self, now: float) -> float:
        """Return when the next station counts as gone; `inf` where none is there."""
        return min((seen.heard_s + self._kept_s for seen in self.present(now)), default=math.inf)

    def _takes_new(self, now: float) -> bool:
        self._new_left = min(NEW_AT_ONCE, self._new_left + (now - self._new_at_s) * NEW_PER_S)
        self._new_at_s = now
        if self._new_left < 1.0:
            return False
        self._new_left -= 1.0
        return True
