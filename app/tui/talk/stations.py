"""The other stations on the channel, as the talk screen knows them: who is here, and who talked."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.events import PresenceChanged, StationPresent
from transport.protocol.relaying import same_station

STATIONS_KEPT = 12
"""Names of those who talked that are remembered."""
NAMED = 3
"""Stations that are named in a line; of more, the number is said."""
NOBODY = "nobody has answered yet"


@dataclass
class Stations:
    """Those who are here, and those who talked."""

    here: tuple[StationPresent, ...] | None = None
    """Stations that are here as of `told_at_s`; None while nothing is known of that."""
    told_at_s: float = 0.0
    talked: list[str] = field(default_factory=list)
    """Names of those who were heard, the newest first."""

    def take(self, event: PresenceChanged, now_s: float) -> None:
        """Take who is here now."""
        self.here, self.told_at_s = event.stations, now_s

    def heard(self, name: str) -> None:
        """Take note that this one has talked, or written to others than us."""
        if name:
            others = (other for other in self.talked if not same_station(other, name))
            self.talked = [name, *others][:STATIONS_KEPT]

    @property
    def names(self) -> list[str]:
        """Names of all who are here, and then of those who talked and are not here any more."""
        here = [station.name for station in self.here or ()]
        return here + [name for name in self.talked if not any(same_station(name, one) for one in here)]

    @property
    def only_other(self) -> str:
        """Name of the one other station that is here; empty where there is none, or more than one."""
        return self.here[0].name if self.here is not None and len(self.here) == 1 else ""

    @property
    def nobody(self) -> bool:
        """Whether it is known that nobody has been heard of."""
        return self.here == () and not self.talked

    def words(self, now_s: float) -> str:
        """Return who is here, how long ago heard, and how well: "Bert (just now, heard 97 %)"; empty if not known."""
        if self.here is None:
            return ""
        if not self.here:
            return NOBODY if not self.talked else "nobody is here any more"
        said = [station_words(station, now_s - self.told_at_s) for station in self.here[:NAMED]]
        more = len(self.here) - NAMED
        return "here: " + ", ".join(said) + (f" and {more} more" if more > 0 else "")


def station_words(station: StationPresent, later_s: float) -> str:
    """Return a station's name, and in brackets how long ago it was heard and how much it confirmed to have heard."""
    return f"{station.name} ({facts_words(station, later_s)})"


def facts_words(station: StationPresent, later_s: float) -> str:
    """Return how long ago a station was heard, and how well it heard us. later_s: seconds since that was told."""
    minutes = int((station.heard_ago_s + later_s) // 60)
    ago = f"{minutes} min ago" if minutes else "just now"
    if station.confirmed is None or not station.of_packets:
        return ago
    return f"{ago}, heard {100 * station.confirmed / station.of_packets:.0f} %"
