"""Who gets a place on the line of a waiting end, and what it may make that end send."""

from __future__ import annotations

import random

from transport.links.callers import (
    CHALLENGES_AT_ONCE,
    FROM_ONE_HOST,
    HEARD_PER_S,
    HOSTS,
    KEPT_S,
    MARK,
    MAX_REFUSED,
    MISSED_S,
    PROOF_BYTES,
    REFUSED_S,
    RELAYED_AT_ONCE,
    RELAYED_PER_S,
    TOKEN_S,
    Admission,
    Callers,
    host_of,
)
from transport.protocol.open_frames import OVERHEAD_BYTES

KEY = bytes(range(32))


def caller(number: int, port: int = 1) -> tuple:
    """The address of a caller on a host of its own."""
    return (f"::ffff:192.0.2.{number}", port, 0, 0)


def admit(callers: Callers, source: tuple, now: float = 0.0) -> Admission:
    """Call from an address at which the caller receives."""
    return callers.returned(source, callers.challenge(source, now), now)


def line(*sources: tuple, places: int = 16) -> Callers:
    """A line with these callers."""
    callers = Callers(places, KEY)
    assert all(admit(callers, source) is Admission.ADMITTED for source in sources)
    return callers


def test_who_returns_the_token_has_a_place() -> None:
    """From then on it is on the line, and its frames are heard as a caller's."""
    callers = Callers(16, KEY)
    assert not callers.heard(caller(1), 0.0)
    assert [] == callers.present(0.0)
    assert Admission.ADMITTED is admit(callers, caller(1))
    assert callers.heard(caller(1), 1.0)
    assert [caller(1)] == callers.present(1.0)
    assert Admission.NOTHING is admit(callers, caller(1), 1.0)


def test_a_token_is_for_one_address_one_key_and_two_minutes() -> None:
    """Neither another host nor another port can use it, nor one who comes too late."""
    callers, again = Callers(16, KEY), Callers(16, bytes(32))
    token = callers.challenge(caller(1), 0.0)
    assert Admission.NOTHING is callers.returned(caller(2), token, 0.0)
    assert Admission.NOTHING is callers.returned(caller(1, port=2), token, 0.0)
    assert Admission.NOTHING is again.returned(caller(1), token, 0.0)
    assert Admission.NOTHING is callers.returned(caller(1), token, 2 * TOKEN_S)
    assert Admission.ADMITTED is callers.returned(caller(1), token, 2 * TOKEN_S - 1)


def test_a_token_is_no_longer_than_the_shortest_frame() -> None:
    """A forged address has no more sent to it than the forger sends himself, and nothing of a frame after that."""
    token = Callers(16, KEY).challenge(caller(1), 0.0)
    assert PROOF_BYTES == len(token) <= OVERHEAD_BYTES
    assert MARK == token[:1]


def test_forged_callers_leave_nothing_behind() -> None:
    """Addresses that prove nothing take no memory and no place, and get no more than the budget of tokens."""
    callers, chance = Callers(16, KEY), random.Random(1)
    sent = 0
    for number in range(5_000):
        source = (f"::ffff:{chance.randrange(1, 224)}.{number >> 8 & 255}.{number & 255}.1", 1, 0, 0)
        assert not callers.heard(source, 0.0)
        sent += bool(callers.challenge(source, 0.0))
    assert sent <= HOSTS * CHALLENGES_AT_ONCE
    assert [] == callers.present(0.0)
    assert 0 == len(callers._callers) + len(callers._refused)
    assert Admission.ADMITTED is admit(callers, caller(9), 1.0)


def test_who_is_silent_has_gone() -> None:
    """Three missed keep-alives: until then a caller has its place, and whoever is heard keeps it."""
    callers = line(caller(1), caller(2))
    assert callers.heard(caller(2), KEPT_S)
    assert [caller(1), caller(2)] == callers.present(KEPT_S)
    assert [caller(2)] == callers.present(KEPT_S + 1)
    assert not callers.heard(caller(1), KEPT_S + 1)


def test_a_full_line_refuses_and_keeps_whom_it_has() -> None:
    """The next one is told, is not heard for a while, and gets a place when somebody has left."""
    callers = line(caller(1), caller(2), places=2)
    token = callers.challenge(caller(1), 0.0)
    assert Admission.FULL is admit(callers, caller(3))
    assert callers.is_refused(caller(3), REFUSED_S - 1)
    assert not callers.is_refused(caller(1), REFUSED_S - 1)
    assert not callers.is_refused(caller(3), REFUSED_S)
    callers.left(caller(2), callers.challenge(caller(1), 0.0) + MARK)  # another one's token
    assert 2 == len(callers.present(1.0))
    callers.left(caller(1), token + MARK)
    assert [caller(2)] == callers.present(1.0)
    assert Admission.ADMITTED is admit(callers, caller(3), 1.0)


def test_who_missed_a_keep_alive_makes_room() -> None:
    """On a full line alone: a caller whose address has changed does not wait for its own old place."""
    callers = line(caller(1), caller(2), places=2)
    callers.heard(caller(2), 20.0)
    assert Admission.FULL is admit(callers, caller(1, port=2), MISSED_S)
    assert Admission.ADMITTED is admit(callers, caller(1, port=2), MISSED_S + 1)
    assert [caller(2), caller(1, port=2)] == callers.present(MISSED_S + 1)


def test_one_host_does_not_take_all_places() -> None:
    """On an open channel a host has four, an IPv6 network too; on a protected one as many as there are, and whoever
    finds none there is not told to agree on a passphrase."""
    for host in ("::ffff:192.0.2.1", "2001:db8::{}"):
        callers = Callers(16, KEY)
        answers = [admit(callers, (host.format(number), number, 0, 0), number) for number in range(1, 7)]
        assert [Admission.ADMITTED] * FROM_ONE_HOST + [Admission.HOST_FULL] * 2 == answers
        assert Admission.ADMITTED is admit(callers, caller(77), 7.0)
    callers = Callers(16, KEY)
    callers.per_host = 16
    answers = [admit(callers, caller(1, port), 0.5 * port) for port in range(1, 18)]
    assert [Admission.ADMITTED] * 16 + [Admission.FULL] == answers


def test_hosts() -> None:
    """An IPv4 host is the same however the socket writes it, and a household's IPv6 network is one."""
    assert host_of(("192.0.2.1", 5)) == host_of(("::ffff:192.0.2.1", 6, 0, 0))
    assert host_of(("2001:db8::1", 5, 0, 0)) == host_of(("2001:db8::ffff:2", 6, 0, 0))
    assert host_of(("2001:db8::1", 5, 0, 0)) != host_of(("2001:db8:0:1::1", 5, 0, 0))
    assert host_of(("fe80::1%eth0", 5, 0, 2)) == host_of(("fe80::2%eth0", 5, 0, 2))


def test_what_one_says_goes_to_all_others() -> None:
    """And not back to it."""
    callers = line(caller(1), caller(2), caller(3))
    assert [caller(1), caller(3)] == callers.to_pass_on(caller(2), 0.0)
    assert [] == line(caller(1)).to_pass_on(caller(1), 0.0)


def test_a_flood_is_not_passed_on_and_costs_the_others_nothing() -> None:
    """Ten thousand frames a second of one caller: the others get what a talker sends, and are passed on themselves."""
    callers = line(caller(1), caller(2), caller(3))
    passed = sum(bool(callers.to_pass_on(caller(1), at / 10_000)) for at in range(20_000))
    assert passed <= RELAYED_AT_ONCE + 2 * RELAYED_PER_S
    assert 20_000 - passed == callers.dropped
    taken = sum(callers.bears(caller(1), 2 + at / 10_000) for at in range(20_000))
    assert taken <= 3 * HEARD_PER_S
    assert all(callers.bears(caller(2), 2 + at * 0.28) for at in range(200))
    assert all(callers.to_pass_on(caller(2), 2 + at * 0.28) for at in range(200))


def test_the_memory_of_refused_callers_is_bounded() -> None:
    """However many find the line full."""
    callers = line(caller(1), places=1)
    for number in range(2 * MAX_REFUSED):
        callers._refuse((f"::ffff:198.18.{number >> 8}.{number & 255}", 1, 0, 0), 0.0, Admission.FULL)
    assert MAX_REFUSED == len(callers._refused)
