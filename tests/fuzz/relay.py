"""What is fuzzed of a relay: the names and nonces that strangers make up, and packets at any place."""

from __future__ import annotations

import random

from transport.protocol.frames import MAX_NAME_BYTES, NONCE_BYTES, PACKET_BYTES, Begin
from transport.protocol.over_receiver import OverReceiver
from transport.protocol.payloads import READERS, WRITERS
from transport.protocol.relaying import (
    MAX_KNOWN,
    MAX_VERSIONS,
    KnownMessages,
    KnownOvers,
    Sighting,
    goes_before,
    hops_of,
    name_before,
    origin_of,
    relayed_name,
    relayed_nonce,
)
from transport.protocol.repacking import MAX_AHEAD, Repacker

LINKS = 3


class RelayedOvers:
    """The overs and messages that a relay hears: nothing is raised, nothing grows, what it says of them can be said."""

    def __init__(self) -> None:
        self._overs, self._messages = KnownOvers(), KnownMessages()
        self._receiver = OverReceiver()
        self._dice = random.Random(1)
        self._now = 0.0

    def __call__(self, octets: bytes) -> None:
        self._now += 0.1
        heard = octets.ljust(NONCE_BYTES + 4, b"\0")
        nonce, link, index = heard[:NONCE_BYTES], heard[8] % LINKS, int.from_bytes(heard[9:11])
        name = octets[11 : 11 + MAX_NAME_BYTES].decode("utf-8", "ignore")
        origin = origin_of(nonce, index)
        if self._overs.heard(origin, nonce, link) in (Sighting.NEW, Sighting.GOES_ON):
            carried = relayed_nonce(origin, nonce, self._dice.randbytes)
            assert origin_of(carried) == origin and (goes_before(nonce, carried) or nonce[4:] == b"\xff" * 4)
            self._overs.carries(origin, carried)
            assert carried == nonce or self._overs.heard(origin, carried, link) is Sighting.OWN
            self._say(carried, name)
        self._overs.moves(origin, nonce[::-1], link)
        self._messages.heard(heard[0], index, link, self._now)
        assert len(self._overs) <= MAX_KNOWN and len(self._messages) <= MAX_KNOWN
        assert all(
            len(known.own) <= MAX_VERSIONS and len(known.links) <= LINKS for known in self._overs._known.values()
        )

    def _say(self, nonce: bytes, name: str) -> None:
        """Say an over under the name that it has on the next link, and hear it there."""
        for always in (False, True):
            told = relayed_name(name, "N0CALL-7", always=always)
            assert len(told.encode()) <= MAX_NAME_BYTES and hops_of(told) <= MAX_NAME_BYTES
            name_before(told, "N0CALL-7")
            begin = Begin(nonce[0], 0, nonce, 0, 1, 1, told)
            kind, write = WRITERS[Begin]
            assert READERS[kind](nonce[0], 0, write(begin)).nonce == nonce  # type: ignore[union-attr]
            self._receiver.receive(begin, self._now)


def repack(octets: bytes) -> None:
    """Pack packets anew that come in any order, at any place and time, until the over ends somewhere."""
    k, first = 1 + octets[0] % 6 if octets else 1, int.from_bytes(octets[1:3])
    repacker, now, came, out = Repacker(k, first, 0.32 * (len(octets) % 2)), 0.0, 0, 0
    for at in range(3, len(octets) - 2, 3):
        index, what = first - 8 + int.from_bytes(octets[at : at + 2]) % 1024, octets[at + 2]
        now += (what >> 4) * 0.1
        repacker.push(index, bytes(PACKET_BYTES), bool(what & 1), now)
        came += 1
        while (piece := repacker.take(now)) is not None:
            assert 1 <= piece.count <= k and len(piece.packets) in (0, piece.count)
            assert piece.missing <= piece.count
            out += piece.count - piece.missing
        assert len(repacker._waiting) <= MAX_AHEAD
    repacker.end(int.from_bytes(octets[-2:]) if len(octets) % 3 else None, now)
    while (piece := repacker.take(now)) is not None:
        out += piece.count - piece.missing
    assert repacker.finished and out <= came
