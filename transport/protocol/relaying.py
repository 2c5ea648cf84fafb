"""Overs and messages that a relay carries: what they are called on the next link, and which it knows. No I/O, no clock.

An over that is carried is an over of its own there: packed anew, with another number and another nonce, since the same
nonce may never go with two contents. The first bytes of its nonce are those of the over that it repeats: its origin, by
which every relay knows it again, whichever way it came. The others are a greater number than before, so that of two
versions that meet on a link all agree which one goes on: the smaller, and the talker himself before any relay.
"""

from __future__ import annotations

import enum
import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from transport.protocol.frames import MAX_NAME_BYTES, NONCE_BYTES, PACKET_S
from transport.protocol.over_pace import TALK_LIMIT_S

ORIGIN_BYTES = 4
"""Bytes at the beginning of a nonce that a relay keeps."""
PIECE_PACKETS = round(TALK_LIMIT_S / PACKET_S)
"""Packets after which an over goes on as another one: 120 s."""
_REST_BYTES = NONCE_BYTES - ORIGIN_BYTES
VIA, AND = " via ", ", "
"""Text between a station's name and the relays on its way, and between those."""
CUT = "~"
"""Text at the end of a station's name that a relay has cut."""
MAX_CUTTING_BYTES = MAX_NAME_BYTES - len(CUT + VIA) - 1
"""Longest name of a relay that cuts those of others, in bytes: a byte of theirs is left."""
MAX_KNOWN = 1024
"""Overs, messages and names that a relay remembers, of each as many; the one heard least recently makes room."""
MAX_VERSIONS = 8
"""Nonces of one over that a relay remembers as its own."""
TEXT_TRIES = 4
"""Times that one message is carried, which its sender may send again."""
TEXT_PAUSE_S = 1.0
"""Shortest time between two of them, in seconds."""


def origin_of(nonce: bytes, first_index: int = 0) -> bytes:
    """Return the 4 bytes by which relays know an over, from the packet on with which it is joined.

    An over that lasts longer than anybody may talk is carried in pieces. Each further piece has an origin of its own,
    which follows from the first, so that all relays arrive at the same.
    """
    piece = first_index // PIECE_PACKETS
    origin = nonce[:ORIGIN_BYTES]
    return origin if not piece else hashlib.sha256(origin + piece.to_bytes(2)).digest()[:ORIGIN_BYTES]


def relayed_nonce(origin: bytes, heard: bytes, random_bytes: Callable[[int], bytes]) -> bytes:
    """Return a new nonce, 8 bytes, for an over of this origin that was `heard` under another one, which is smaller.

    `random_bytes` is such as `os.urandom`.
    """
    drawn = int.from_bytes(random_bytes(_REST_BYTES))
    least = int.from_bytes(heard[ORIGIN_BYTES:]) + 1
    room = (1 << 8 * _REST_BYTES) - least
    return origin + (least + drawn % room if room > 0 else drawn).to_bytes(_REST_BYTES)


def goes_before(nonce: bytes, other: bytes) -> bool:
    """Tell whether of two versions of the same over the one with this nonce goes on, and the `other` one ends."""
    return nonce[ORIGIN_BYTES:] < other[ORIGIN_BYTES:]


def station_of(name: str) -> str:
    """Return the name of a station without the way on which it was heard."""
    return name.partition(VIA)[0]


def known_as(name: str, stations: Iterable[str]) -> str:
    """Return which of these stations, named without a way, this name can be of; its own without the way if of none.

    A name that was cut can be of whoever's name begins so.
    """
    station = station_of(name)
    start = station[:-1] if station.endswith(CUT) else ""
    for known in stations:
        if known == station or (start and known.startswith(start)):
            return known
        if known[1:].endswith(CUT) and station.startswith(known[:-1]):
            return known
    return station


def same_station(name: str, other: str) -> bool:
    """Tell whether two names can be of one station, whatever its ways."""
    station = station_of(other)
    return known_as(name, (station,)) == station


def hops_of(name: str) -> int:
    """Return how many relays a name says that it came through."""
    way = name.partition(VIA)[2]
    return len(way.split(AND)) if way else 0


def relayed_name(name: str, relay: str, *, always: bool = False) -> str:
    """Return the name of a station as the next link is told it: `Ada via Hill`, and `Ada via Hill, Bay` after Bay.

    Where it would be longer than a name may be, the relays that come first are left out, then the way as a whole.
    always: the station's own name is cut instead, because this relay must be named (its callsign, in ham mode). Such a
    one says so, `AB1CDE Lo~ via N0HILL`: relays of other names leave more or less of it.
    """
    if not name:
        return ""
    station, _, way = name.partition(VIA)
    relays = [one for one in way.split(AND) if one] + [relay]
    while relays:
        if _fits(longer := f"{station}{VIA}{AND.join(relays)}"):
            return longer
        relays = relays[1:]
    if not always:
        return station
    way = f"{CUT}{VIA}{relay}"
    room = MAX_NAME_BYTES - len(way.encode())
    return station.removesuffix(CUT).encode()[:room].decode(errors="ignore") + way if room > 0 else relay


def name_before(name: str, relay: str) -> str:
    """Return the name that an addressee has on the other links of a relay: without that relay, if it is the last."""
    station, _, way = name.partition(VIA)
    relays = way.split(AND) if way else []
    if not relays or relays[-1] != relay:
        return name
    return f"{station}{VIA}{AND.join(relays[:-1])}" if relays[:-1] else station


def _fits(name: str) -> bool:
    return len(name.encode()) <= MAX_NAME_BYTES


class Sighting(enum.Enum):
    """The meaning of an over to a relay that hears it begin."""

    NEW = "new"
    """Nobody has said it before: it is to be carried."""
    GOES_ON = "goes on"
    """It was heard there before, and was lost meanwhile: the rest is to be carried."""
    ELSEWHERE = "elsewhere"
    """It came another way before: another relay has carried it here."""
    OWN = "own"
    """It is this relay's own version, sent back by the link."""


@dataclass(slots=True)
class _Known:
    """An over, or a message, that a relay knows."""

    source: int
    """Number of the link that it came from first; of an over, the one on which a packet came first, once one has."""
    nonce: bytes = b""
    links: set[int] = field(default_factory=set)
    """Numbers of the links on which others were heard to say it, an over with a packet: at most all of the relay's."""
    own: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    tries: int = 0
    tried_s: float = -math.inf


class KnownOvers:
    """The overs that one relay has heard, by their origin."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def heard(self, origin: bytes, nonce: bytes, link: int) -> Sighting:
        """Take note that an over of this origin and nonce has begun on a link, and tell what it is.

        A BEGIN proves nothing: whoever hears it on one link can say it again on another, without a key. So an over is
        elsewhere only once a packet of it has come there.
        """
        known = self._known.get(origin)
        if known is None:
            self._known[origin] = _Known(link, nonce)
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
            return Sighting.NEW
        self._known.move_to_end(origin)
        if nonce in known.own:
            return Sighting.OWN
        if (link, nonce) == (known.source, known.nonce):
            return Sighting.GOES_ON
        if known.links:
            return Sighting.ELSEWHERE
        known.source, known.nonce = link, nonce
        return Sighting.NEW

    def speaks(self, origin: bytes, nonce: bytes, link: int) -> None:
        """Take note that a packet of an over came on a link."""
        known = self._known.get(origin)
        if known is None or nonce in known.own:
            return
        if not known.links:
            known.source, known.nonce = link, nonce
        known.links.add(link)

    def carries(self, origin: bytes, nonce: bytes) -> None:
        """Take note that this relay says the over under this nonce."""
        if (known := self._known.get(origin)) is not None:
            known.own[nonce] = None
            if len(known.own) > MAX_VERSIONS:
                known.own.popitem(last=False)

    def is_on(self, origin: bytes, link: int) -> bool:
        """Tell whether somebody else was heard to say it on this link."""
        known = self._known.get(origin)
        return known is not None and link in known.links

    def moves(self, origin: bytes, nonce: bytes, link: int) -> bool:
        """Take that an over goes on under another nonce, and tell whether it came from this link before.

        Then it is the one that is carried: of two versions on a link, the one that goes on is followed.
        """
        known = self._known.get(origin)
        if known is None or known.source != link or nonce in known.own:
            return False
        known.nonce = nonce
        return True


class KnownMessages:
    """The TEXTs, or the BEACONs, that one relay has heard, by their random number: a name may be cut on a way."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, int], _Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def heard(self, over: int, sequence: int, link: int, now: float) -> set[int] | None:
        """Take note of a message that came over a link, and return on which links it is already; None: do not carry it.

        It is carried from the link alone on which it was heard first, TEXT_TRIES times at the most: its sender says it
        again where nobody confirms it.
        """
        key = over, sequence
        known = self._known.setdefault(key, _Known(link))
        self._known.move_to_end(key)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        known.links.add(link)
        if link != known.source or known.tries >= TEXT_TRIES or now < known.tried_s + TEXT_PAUSE_S:
            return None
        known.tries, known.tried_s = known.tries + 1, now
        return known.links
