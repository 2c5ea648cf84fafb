"""Names along a way, origins, and what a relay knows."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from transport.protocol.frames import MAX_NAME_BYTES, PACKET_BYTES, Begin, End, Voice
from transport.protocol.known_names import KnownNames
from transport.protocol.over import OverBegun, Overlap, OverSuperseded, PacketHeard, VoiceIgnored
from transport.protocol.over_receiver import OverReceiver
from transport.protocol.relaying import (
    MAX_KNOWN,
    MAX_VERSIONS,
    TEXT_PAUSE_S,
    TEXT_TRIES,
    KnownMessages,
    KnownOvers,
    Sighting,
    goes_before,
    hops_of,
    name_before,
    origin_of,
    relayed_name,
    relayed_nonce,
    same_station,
    station_of,
)

NONCE = bytes.fromhex("00010203 80000000")


@pytest.mark.parametrize(
    ("name", "relay", "told", "before"),
    [
        ("Ada", "Hill", "Ada via Hill", "Ada"),
        ("Ada via Hill", "Bay", "Ada via Hill, Bay", "Ada via Hill"),
        ("Ada via Hill, Bay", "Cape", "Ada via Hill, Bay, Cape", "Ada via Hill, Bay"),
        ("Ada via Hill, Bay, Cape", "Dune", "Ada via Bay, Cape, Dune", "Ada via Bay, Cape"),  # 24 bytes at the most
        ("Adam via Hill, Bay", "Cape", "Adam via Hill, Bay, Cape", "Adam via Hill, Bay"),  # just as many
        ("Ada of the long, long name", "Hill", "Ada of the long, long name", "Ada of the long, long name"),
        ("Zoë", "Höhe", "Zoë via Höhe", "Zoë"),
        ("", "Hill", "", ""),
    ],
)
def test_names_show_the_way(name: str, relay: str, told: str, before: str) -> None:
    """As much of it as fits; whoever is addressed along it is found again."""
    assert told == relayed_name(name, relay)
    assert before == name_before(told, relay)
    assert name == name_before(name, "Nobody")


def test_in_ham_mode_the_relay_is_always_named() -> None:
    """The law wants the callsign of whoever transmits: the talker's name is cut for it, and stays valid text."""
    told = relayed_name("a station of that name", "N0CALL-7", always=True)
    assert "a station ~ via N0CALL-7" == told
    assert told.endswith(" via N0CALL-7") and len(told.encode()) <= MAX_NAME_BYTES
    assert "ßßßßß~ via N0CALL-7" == relayed_name("ß" * 12, "N0CALL-7", always=True)
    assert "a station~ via N0CALL-10" == relayed_name(told, "N0CALL-10", always=True)
    assert "a station ~ via N0B" == relayed_name(told, "N0B", always=True)
    assert "R" * 22 == relayed_name("Ada", "R" * 22, always=True)


def test_a_name_that_was_cut_is_of_whoever_begins_so() -> None:
    """However much of it was left, on whichever way; other names are of one station where they are equal."""
    whole, ways = "AB1CDE Long Name Here 12", ("N0HILL", "N0BAY", "N0CALL-15", "N0A")
    cut = [relayed_name(whole, relay, always=True) for relay in ways]
    assert 4 == len({station_of(name) for name in cut})
    assert all(same_station(one, other) for one in (whole, *cut) for other in (whole, *cut))
    assert same_station("Ada via Hill", "Ada via Bay") and not same_station("Ada via Hill", "Ada B via Hill")
    assert not any(same_station(name, "AB1CDE Short") or same_station("AB1CDE Short", name) for name in cut)
    assert same_station("A~ via N0CALL", "Ada") and same_station("Ada", "A~ via N0CALL")  # a letter is left at least
    assert not same_station("~ via N0CALL", "Ada") and not same_station("Ada", "~ via N0CALL")


def test_hops() -> None:
    """Counted from the name, as far as it shows them."""
    assert [0, 1, 3] == [hops_of(name) for name in ("Ada", "Ada via Hill", "Ada via Hill, Bay, Cape")]


def test_a_relayed_nonce_keeps_the_origin_and_is_greater() -> None:
    """Also after several relays; where there is no room above, any other is drawn."""
    dice, nonce = random.Random(1), NONCE
    for _ in range(10):
        later = relayed_nonce(origin_of(NONCE), nonce, dice.randbytes)
        assert origin_of(NONCE) == origin_of(later) and 8 == len(later)
        assert goes_before(nonce, later) and not goes_before(later, nonce)
        nonce = later
    last = relayed_nonce(b"abcd", b"abcd\xff\xff\xff\xff", dice.randbytes)
    assert b"abcd" == last[:4] and b"\xff\xff\xff\xff" != last[4:]


def test_a_long_over_has_pieces() -> None:
    """Every 120 s another origin, the same at every relay, and another one than that of other overs."""
    first, second, third = (origin_of(NONCE, index) for index in (374, 375, 751))
    assert NONCE[:4] == first and 3 == len({first, second, third})
    assert second == origin_of(NONCE[:4] + b"else", 380)


def test_what_an_over_is() -> None:
    """New until a packet of it has come, going on, elsewhere, or our own version that a link sent back."""
    known = KnownOvers()
    other = NONCE[:4] + b"\xff" * 4
    assert Sighting.NEW is known.heard(b"o", NONCE, 1)
    assert Sighting.GOES_ON is known.heard(b"o", NONCE, 1)
    assert Sighting.NEW is known.heard(b"o", NONCE, 0)
    assert (False, False) == tuple(known.is_on(b"o", link) for link in (0, 1))
    known.speaks(b"o", NONCE, 0)
    assert Sighting.GOES_ON is known.heard(b"o", NONCE, 0)
    assert Sighting.ELSEWHERE is known.heard(b"o", NONCE, 1)
    assert Sighting.ELSEWHERE is known.heard(b"o", other, 0)
    known.speaks(b"o", NONCE, 1)
    assert (True, True, False) == tuple(known.is_on(b"o", link) for link in (0, 1, 2))
    known.carries(b"o", b"own")
    assert Sighting.OWN is known.heard(b"o", b"own", 2)
    known.speaks(b"o", b"own", 2)
    assert not known.is_on(b"o", 2)
    assert not known.moves(b"o", other, 1) and not known.moves(b"o", b"own", 0) and not known.moves(b"p", other, 0)
    assert known.moves(b"o", other, 0)
    assert Sighting.GOES_ON is known.heard(b"o", other, 0)


def test_overs_are_forgotten_in_their_order() -> None:
    """The one that was heard least recently makes room; of our own versions the oldest."""
    known = KnownOvers()
    for number in range(MAX_KNOWN):
        known.heard(number.to_bytes(4), NONCE, 0)
        known.speaks(number.to_bytes(4), NONCE, 0)
    known.heard((0).to_bytes(4), NONCE, 0)
    assert Sighting.NEW is known.heard(b"more", NONCE, 0)
    known.speaks(b"more", NONCE, 0)
    assert MAX_KNOWN == len(known)
    assert known.is_on((0).to_bytes(4), 0) and not known.is_on((1).to_bytes(4), 0)
    for number in range(MAX_VERSIONS + 1):
        known.carries(b"more", number.to_bytes(8))
    assert Sighting.ELSEWHERE is known.heard(b"more", (0).to_bytes(8), 1)
    assert Sighting.OWN is known.heard(b"more", MAX_VERSIONS.to_bytes(8), 1)


def test_messages_go_on_from_where_they_came_first() -> None:
    """A few times, with pauses, and not from a link to which they were carried."""
    known = KnownMessages()
    assert {0} == known.heard(1, 2, 0, 0.0)
    assert None is known.heard(1, 2, 0, TEXT_PAUSE_S / 2)
    assert None is known.heard(1, 2, 1, 5.0)
    for again in range(1, TEXT_TRIES):
        assert {0, 1} == known.heard(1, 2, 0, 10.0 * again)
    assert None is known.heard(1, 2, 0, 100.0)
    assert {1} == known.heard(1, 3, 1, 100.0)
    for number in range(2 * MAX_KNOWN):
        known.heard(0, number, 0, 100.0)
    assert MAX_KNOWN == len(known)


def test_what_an_addressee_is_called_on_another_link() -> None:
    """Whoever was heard on both links by what he said there; else without this relay, if it is the last one."""
    known = KnownNames()
    assert ["Bob", "Bob", "Bob via Bay"] == [
        known.addressee(name, "Hill", 0, 1) for name in ("Bob", "Bob via Hill", "Bob via Bay")
    ]
    known.heard_message(1, 2, "Bob", 1)
    known.heard_message(1, 2, "Bob via Bay", 0)
    known.heard_over(NONCE, "Cid via Cape", 1)
    known.heard_over(NONCE, "Cid via Cape, Bay", 0)
    assert "Bob" == known.addressee("Bob via Bay", "Hill", 0, 1)
    assert "Cid via Cape" == known.addressee("Cid via Cape, Bay", "Hill", 0, 1)
    assert "Cid via Cape, Bay" == known.addressee("Cid via Cape", "Hill", 1, 0)
    known.heard_over(bytes(8), "Dan via Bay", 0)  # another over, which was heard nowhere else
    assert "Dan via Bay" == known.addressee("Dan via Bay", "Hill", 0, 1)
    assert "Bob via Bay" == known.addressee("Bob via Bay", "Hill", 0, 2)
    assert "Bob" == known.addressee("Bob", "Hill", 1, 0)
    for number in range(2 * MAX_KNOWN):
        known.heard_message(0, number, "x", 0)
    assert MAX_KNOWN == len(known)
    for number in range(2 * MAX_KNOWN):
        for link in range(2):
            known.heard_message(0, number, f"x via R{number}", link)
    assert MAX_KNOWN == len(known)
    known = KnownNames()
    for number in range(2 * MAX_KNOWN):
        known.heard_message(0, 0, f"x via R{number}", number % 2)  # one message, of ever other names
    assert MAX_KNOWN == len(known)


def test_an_addressee_whose_name_was_cut_is_called_by_his_own() -> None:
    """On the link on which he was heard: only the relay that cut it knows it."""
    whole, cut = "AB1CDE Long Name Here 12", "AB1CDE Long ~ via N0HILL"
    known = KnownNames("N0HILL")
    known.heard_message(1, 2, whole, 1)
    assert [whole, "AB1CDE Long ~"] == [known.addressee(cut, "N0HILL", 0, link) for link in (1, 2)]
    assert "AB1CDE Long ~" == KnownNames().addressee(cut, "N0HILL", 0, 1)
    for number in range(2 * MAX_KNOWN):
        known.heard_message(0, 0, f"{number:04} has a very long name", 0)
    assert MAX_KNOWN == len(known)
    newest = f"{2 * MAX_KNOWN - 1:04} has a very long name"
    assert newest == known.addressee(relayed_name(newest, "N0HILL", always=True), "N0HILL", 1, 0)
    cuts_none = KnownNames()
    for number in range(2 * MAX_KNOWN):
        cuts_none.heard_message(0, 0, f"{number:04} has a very long name", 0)
    assert 1 == len(cuts_none)


def test_an_addressee_is_found_without_a_search() -> None:
    """However many names are known: a stranger has a relay look for one in every message."""
    compared = []

    class Watched(str):
        def __eq__(self, other: object) -> bool:
            compared.append(other)
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    known = KnownNames()
    for number in range(MAX_KNOWN):
        known.heard_message(0, number, Watched(f"Eve{number} via Bay"), number % 2)
    compared.clear()
    assert "Zed via Foo" == known.addressee("Zed via Foo", "Hill", 0, 1)
    assert len(compared) <= 2


P = bytes(PACKET_BYTES)


def begin(nonce: bytes, over: int, sender: str) -> Begin:
    return Begin(over, 0, nonce, 0, 1, 1, sender)


def test_a_listener_follows_the_smaller_of_two_versions() -> None:
    """As soon as it speaks, since its BEGIN may be a copy, and till then the other one, if that one does.

    Of two overs that have nothing in common it follows the first one.
    """
    small, great = begin(NONCE, 1, "Ada via Hill"), begin(NONCE[:4] + b"\xff" * 4, 2, "Ada via Bay")
    receiver = OverReceiver()
    assert [OverBegun(small, 0)] == receiver.receive(small, 0.0)
    assert [Overlap(great)] == receiver.receive(great, 0.1)
    receiver = OverReceiver()
    assert [OverBegun(great, 0)] == receiver.receive(great, 0.0)
    assert [] == receiver.receive(small, 0.1)
    assert [PacketHeard(0, P, False)] == receiver.receive(Voice(2, 1, (P,)), 0.4)
    heard = [PacketHeard(0, P, False)]
    assert [OverSuperseded(great), OverBegun(small, 0), *heard] == receiver.receive(Voice(1, 1, (P,)), 0.5)
    receiver = OverReceiver()
    receiver.receive(great, 0.0)
    receiver.receive(small, 0.1)
    receiver.receive(End(2, 1, 0), 0.2)
    assert [OverBegun(small, 0), *heard] == receiver.receive(Voice(1, 1, (P,)), 0.5)
    receiver = OverReceiver()
    hear = [receiver.receive(frame, 0.1) for frame in (small, great)]
    assert [[OverBegun(small, 0)], [Overlap(great)]] == hear
    assert [OverSuperseded(small), OverBegun(great, 0), *heard] == receiver.receive(Voice(2, 1, (P,)), 0.4)
    assert [OverSuperseded(great), OverBegun(small, 0), *heard] == receiver.receive(Voice(1, 1, (P,)), 0.5)
    assert [VoiceIgnored(2, 1)] == receiver.receive(Voice(2, 2, (P,)), 0.8)
    receiver = OverReceiver()
    receiver.receive(great, 0.0)
    one_number = replace(small, over=2)
    assert [OverSuperseded(great), OverBegun(one_number, 0)] == receiver.receive(one_number, 0.1)
    receiver = OverReceiver()
    receiver.receive(great, 0.0)
    assert [Overlap] == [type(one) for one in receiver.receive(begin(bytes(8), 3, "Eve"), 0.1)]


def test_a_version_that_says_little_moves_no_ear() -> None:
    """A copied BEGIN, and a VOICE now and then, change nothing for who hears another version well, until that ends."""
    small, great = begin(NONCE, 1, "Ada"), begin(NONCE[:4] + b"\xff" * 4, 2, "Ada via Bay")
    for given_up in (False, True):
        receiver, before = OverReceiver(), 9 if given_up else 0
        if given_up:
            receiver.receive(small, 0.0)
            receiver.abandon()
        receiver.receive(great, 3.0)
        for number in range(10):
            receiver.receive(Voice(2, number + 1 + number // 8, (P,)), 3.3 + 0.32 * number)
            if given_up or number == 9:
                receiver.receive(replace(small, sequence=before), 3.4 + 0.32 * number)
                copied = receiver.receive(Voice(1, before + 1, (P,)), 3.5 + 0.32 * number)
                assert [VoiceIgnored(1, 1)] == copied
        receiver.receive(End(2, 12, 10), 6.6)
        receiver.receive(replace(small, sequence=before), 6.7)
        assert PacketHeard(8 if given_up else 0, P, False) in receiver.receive(Voice(1, before + 1, (P,)), 6.8)
