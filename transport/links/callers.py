"""Callers on the line of a UDP end that waits, and what may be sent to whom. No I/O: time is passed in.

A caller gets a place when it has proven that it receives what is sent to its address, since anybody can write a false
one on a datagram. What the two ends say for that is no frame, and begins with a zero, as no frame does:

    00 token(7)        waiting end to a sender that has no place; the sender returns it as it is
    00 token(7) 00     caller to waiting end: it leaves
    00 places(1)       waiting end to a sender that has returned its token: all places are taken

The token is a keyed hash of the address and the minute, so that nothing is remembered of who has proven nothing. It is
shorter than any frame: nobody can have more sent to a false address than he sends himself.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

from transport.links.datagrams import SocketAddress
from transport.protection.rate_limit import TokenBucket

MARK = b"\0"
"""First byte of what is no frame."""
TOKEN_BYTES = 7
"""Length of a token without the mark: who does not receive guesses one of 2^56."""
PROOF_BYTES = len(MARK) + TOKEN_BYTES
"""Length of a token with the mark: 8, as long as the shortest frame that there is."""
LEAVE_BYTES = PROOF_BYTES + 1
FULL_BYTES = 2
"""Length of a refusal: the mark, and how many are served..."""
OF_ONE_HOST = 0x80
"""...with this bit, where that is of one host."""
TOKEN_S = 60.0
"""Time for which a token is made; it is taken for as long again."""
KEPT_S = 65.0
"""Silence after which a caller has gone: three keep-alives, and 5 s."""
MISSED_S = 25.0
"""Silence after which a caller makes room for another one where all places are taken: one keep-alive, and 5 s."""
FROM_ONE_HOST = 4
"""Places that the callers of one host may take on an open channel, where anybody may call."""
REFUSED_S = 10.0
"""Time for which a caller that found no place is not heard, before it may ask again."""
MAX_REFUSED = 256
"""Refused callers that are remembered; the oldest makes room."""
HOSTS = 256
"""Parts into which hosts without a place are sorted by their hash, each with budgets of its own; two may share one."""
CHALLENGES_PER_S, CHALLENGES_AT_ONCE = 2.0, 8.0
"""Tokens a second that are sent to the hosts of one part, and how many at once."""
RELAYED_PER_S, RELAYED_AT_ONCE = 8.0, 64.0
"""Frames a second of one caller that are passed on, and how many at once after a pause.

A talker sends 3.5 a second at k = 1, BEGIN included; the pause lets a held-up line catch up on 18 s of that.
"""
HEARD_PER_S = 500.0
"""Frames a second that are taken from a caller, or from the hosts of one part, on an open channel.

It is a hundred times what a talker sends. On a protected channel the rate limiter decides, which knows what is genuine.
"""


class Admission(enum.Enum):
    """Outcome for a caller that returned a token."""

    ADMITTED = "admitted"
    FULL = "full"
    HOST_FULL = "host full"
    """The callers of his host have all places that one host may have."""
    NOTHING = "nothing"
    """The token is none of ours, or too old."""


@dataclass(slots=True)
class Caller:
    """A caller that has a place."""

    heard_s: float
    """Time at which a valid frame came from it."""
    proof: bytes
    """Token that it returned: with this it may leave."""
    heard: TokenBucket = field(default_factory=lambda: TokenBucket(HEARD_PER_S))
    relayed: TokenBucket = field(default_factory=lambda: TokenBucket(RELAYED_PER_S, RELAYED_AT_ONCE))


def host_of(source: SocketAddress) -> Hashable:
    """Return whose address this is: an IPv4 host, or an IPv6 network of 64 bits, which one household has to itself."""
    try:
        address = ip_address(str(source[0]).partition("%")[0])
    except ValueError:
        return str(source[0])
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or int(address) >> 64
    return address


class Callers:
    """The callers of one waiting end."""

    def __init__(self, places: int, key: bytes) -> None:
        """Take how many may be on the line, 1 and more, and 32 random bytes of this end's own."""
        self.places = places
        self.per_host = FROM_ONE_HOST
        """Places for one host; `places` on a protected channel."""
        self._key = key
        self._callers: OrderedDict[SocketAddress, Caller] = OrderedDict()
        """The one that was silent longest first."""
        self._refused: OrderedDict[SocketAddress, float] = OrderedDict()
        self._challenges = [TokenBucket(CHALLENGES_PER_S, CHALLENGES_AT_ONCE) for _ in range(HOSTS)]
        self._strangers = [TokenBucket(HEARD_PER_S) for _ in range(HOSTS)]
        self.dropped = 0
        """Frames that were not heard or not passed on, because more came from there than a talker sends."""

    def present(self, now: float) -> list[SocketAddress]:
        """Return the addresses of all who are on the line."""
        while self._callers:
            source, caller = next(iter(self._callers.items()))
            if now <= caller.heard_s + KEPT_S:
                break
            del self._callers[source]
        return list(self._callers)

    def heard(self, source: SocketAddress, now: float) -> bool:
        """Take note that a valid frame came from this address, and tell whether a caller has a place there."""
        caller = self._callers.get(source)
        if caller is None or now > caller.heard_s + KEPT_S:
            return False
        caller.heard_s = now
        self._callers.move_to_end(source)
        return True

    def is_refused(self, source: SocketAddress, now: float) -> bool:
        """Tell whether a caller at this address was told a moment ago that there is no place."""
        return now < self._refused.get(source, now)

    def challenge(self, source: SocketAddress, now: float) -> bytes:
        """Return the token to send to who has sent a valid frame and has no place; empty where none is due."""
        due = self._challenges[_part(source)].take(now)
        return self._proof(source, int(now // TOKEN_S)) if due else b""

    def bears(self, source: SocketAddress, now: float) -> bool:
        """Tell whether one more frame from there is to be heard, on an open channel: no caller's flood is endless."""
        caller = self._callers.get(source)
        bucket = caller.heard if caller is not None else self._strangers[_part(source)]
        bears = bucket.take(now)
        self.dropped += not bears
        return bears

    def returned(self, source: SocketAddress, octets: bytes, now: float) -> Admission:
        """Take a token that came back, and give its caller a place if there is one."""
        minute = int(now // TOKEN_S)
        if not any(hmac.compare_digest(octets, self._proof(source, minute - ago)) for ago in (0, 1)):
            return Admission.NOTHING
        if self.heard(source, now):
            return Admission.NOTHING  # the same token, come twice
        self.present(now)
        host = host_of(source)
        same_host = [other for other in self._callers if host_of(other) == host]
        if len(same_host) >= self.per_host:
            if not self._make_room(same_host[0], now):
                full = Admission.HOST_FULL if self.per_host < self.places else Admission.FULL
                return self._refuse(source, now, full)
        elif len(self._callers) >= self.places and not self._make_room(next(iter(self._callers)), now):
            return self._refuse(source, now, Admission.FULL)
        self._refused.pop(source, None)
        self._callers[source] = Caller(now, octets)
        return Admission.ADMITTED

    def left(self, source: SocketAddress, octets: bytes) -> None:
        """Take a caller's leave; what does not have its token leaves nothing."""
        caller = self._callers.get(source)
        if caller is not None and hmac.compare_digest(octets[:PROOF_BYTES], caller.proof):
            del self._callers[source]

    def to_pass_on(self, source: SocketAddress, now: float) -> list[SocketAddress]:
        """Return to whom a frame of this caller goes; nobody where it has sent more than a talker does."""
        others = [other for other in self.present(now) if other != source]
        caller = self._callers.get(source)
        if caller is None or not others:
            return []
        if not caller.relayed.take(now):
            self.dropped += 1
            return []
        return others

    def _make_room(self, oldest: SocketAddress, now: float) -> bool:
        """Take the place of the caller that was silent longest, if that is long enough, and tell whether it was."""
        if now <= self._callers[oldest].heard_s + MISSED_S:
            return False
        del self._callers[oldest]
        return True

    def _refuse(self, source: SocketAddress, now: float, why: Admission) -> Admission:
        self._refused[source] = now + REFUSED_S
        self._refused.move_to_end(source)
        if len(self._refused) > MAX_REFUSED:
            self._refused.popitem(last=False)
        return why

    def _proof(self, source: SocketAddress, minute: int) -> bytes:
        said = f"{minute} {source[0]} {source[1]}".encode()
        return MARK + hmac.digest(self._key, said, hashlib.sha256)[:TOKEN_BYTES]


def _part(source: SocketAddress) -> int:
    """Return the part of the source's host: by the hash of a text, which nobody outside can compute."""
    return hash(str(host_of(source))) % HOSTS
