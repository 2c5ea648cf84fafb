"""Who is on the channel, and when a station says so itself."""

from __future__ import annotations

import itertools
import math

from transport.protocol.presence import ANSWER_S, MAX_STATIONS, NEW_AT_ONCE, START_S, Presence

EVERY_S, GAP_S, KEPT_S = 180.0, 3.0, 420.0


def presence(*, speaks: bool = True, gap_s: float = GAP_S) -> Presence:
    """A station that was started at 0, and answers after the shortest time."""
    return Presence(0.0, EVERY_S, gap_s, KEPT_S, lambda: 0.0, speaks=speaks, name="Ada")


def names(seen: Presence, now: float) -> list[str]:
    """Who is there."""
    return [station.name for station in seen.present(now)]


def test_whoever_is_heard_is_there_until_long_silent() -> None:
    """The one that was heard last comes first; nameless frames are nobody's."""
    seen = presence()
    assert seen.heard("Bob", 1.0) and seen.heard("Cid", 2.0)
    assert not seen.heard("Bob", 3.0) and not seen.heard("", 3.0)
    assert ["Bob", "Cid"] == names(seen, 3.0)
    assert ["Bob"] == names(seen, 2.5 + KEPT_S)
    assert [] == names(seen, 3.5 + KEPT_S)
    assert seen.heard("Bob", 4.0 + KEPT_S)


def test_when_the_next_one_counts_as_gone() -> None:
    """The one that was silent longest; nobody goes where nobody is."""
    seen = presence()
    assert math.inf == seen.next_gone_s(0.0)
    seen.heard("Bob", 1.0)
    seen.heard("Cid", 2.0)
    assert 1.0 + KEPT_S == seen.next_gone_s(3.0)
    assert 2.0 + KEPT_S == seen.next_gone_s(1.5 + KEPT_S)


def test_a_message_alone_brings_nobody() -> None:
    """A relay sends some and is nobody to talk to; whoever is there goes on being there by what he writes."""
    seen = presence()
    seen.wrote("Hill", 0.0)
    assert [] == names(seen, 0.0)
    seen.heard("Bob", 1.0)
    seen.wrote("Bob", 1.0 + KEPT_S)
    assert ["Bob"] == names(seen, 2.0 + KEPT_S)
    seen.wrote("Bob", 2.0 + 2 * KEPT_S)
    assert [] == names(seen, 2.0 + 2 * KEPT_S)


def test_the_only_other_one() -> None:
    """There is one where exactly one is there."""
    seen = presence()
    assert "" == seen.only_other(0.0)
    seen.heard("Bob", 0.0)
    assert "Bob" == seen.only_other(0.0)
    seen.heard("Cid", 1.0)
    assert "" == seen.only_other(1.0)
    assert seen.left("Bob") and not seen.left("Bob")
    assert "Cid" == seen.only_other(2.0)


def test_a_station_is_one_whatever_ways_lead_to_it() -> None:
    """It is called by the shortest way, until that has been silent for longer than the time from BEACON to BEACON."""
    seen = presence()
    assert seen.heard("Bob via R1", 0.0) and not seen.heard("Bob via R2", 0.1) and not seen.heard("Bob via R3, R2", 0.2)
    assert ["Bob via R1"] == names(seen, 0.2)
    assert "Bob via R1" == seen.only_other(0.2)
    seen.confirmed("Bob", 9, 10, 1.0)
    assert [("Bob via R1", (9, 10))] == [(one.name, one.receipt) for one in seen.present(1.0)]
    seen.heard("Bob", 2.0)
    seen.heard("Bob via R2", 1.0 + EVERY_S)
    seen.heard("Bob via R2", 2.0 + KEPT_S / 2)
    assert ["Bob"] == names(seen, 2.0 + KEPT_S / 2)
    seen.heard("Bob via R2", 3.0 + KEPT_S / 2)
    assert ["Bob via R2"] == names(seen, 3.0 + KEPT_S / 2)


def test_a_station_whose_name_was_cut_is_one() -> None:
    """Relays of other names leave more or less of it: it is there once, leaves once, and is not heard as another."""
    whole, *cut = "AB1CDE Long Name Here 12", "AB1CDE Long ~ via N0HILL", "AB1CDE Long N~ via N0BAY"
    for first, second in itertools.permutations((whole, *cut), 2):
        seen = presence()
        assert seen.heard(first, 0.0, number=5) and not seen.heard(second, 0.1, number=5)
        assert 1 == len(names(seen, 0.1)) and "" != seen.only_other(0.1)
        seen.confirmed(second, 9, 10, 0.2)
        assert [(9, 10)] == [one.receipt for one in seen.present(0.2)]
        assert seen.left(second) and not seen.heard(first, 0.3, number=5) and [] == names(seen, 0.3)
    own = Presence(0.0, EVERY_S, GAP_S, KEPT_S, lambda: 0.0, speaks=True, name=whole)
    assert [False, False] == [own.heard(name, 0.0) for name in cut] and [] == names(own, 0.0)


def test_a_station_that_hears_of_itself() -> None:
    """What relays bring back is its own; whoever is heard under its name without any is somebody else."""
    seen = presence()
    assert not seen.heard("Ada via R2, R1", 0.0) and [] == names(seen, 0.0)
    assert seen.heard("Ada", 1.0) and ["Ada"] == names(seen, 1.0)


def test_who_leaves_one_way_has_left() -> None:
    """A BEACON of before that comes another way is late; a newer one is a station that is back."""
    seen = presence()
    seen.heard("Bob via R1", 0.0, number=5)
    assert seen.left("Bob via R2") and [] == names(seen, 1.0)
    assert not seen.heard("Bob via R2", 1.0, number=5) and [] == names(seen, 1.0)
    assert seen.heard("Bob via R2", 2.0, number=6) and ["Bob via R2"] == names(seen, 2.0)
    for number in range(2 * MAX_STATIONS):
        seen.heard(f"X{number}", 10.0 + number, number=10 + number)
        seen.left(f"X{number}")
    assert MAX_STATIONS == len(seen._left)


def test_a_receipt_says_how_well_it_hears_us() -> None:
    """It counts as a sign as well, and is forgotten when the station comes anew."""
    seen = presence()
    seen.confirmed("Bob", 9, 10, 1.0)
    assert [(9, 10)] == [station.receipt for station in seen.present(1.0)]
    seen.heard("Bob", 10.0 + KEPT_S)
    assert [None] == [station.receipt for station in seen.present(10.0 + KEPT_S)]


def test_a_broker_tells_who_has_gone() -> None:
    """By the mark that its BEACON said; a station without a mark never goes by one."""
    seen = presence()
    seen.heard("Bob", 0.0, bytes(8))
    seen.heard("Bob", 1.0)
    seen.heard("Cid", 1.0)
    assert not seen.mark_left(bytes(range(8))) and not seen.mark_left(b"")
    assert seen.mark_left(bytes(8))
    assert ["Cid"] == names(seen, 1.0)


def test_a_beacon_at_the_start_on_change_and_every_few_minutes() -> None:
    """Twice at the start; a newcomer is answered soon, and not by those who have spoken a moment ago."""
    seen = presence()
    assert START_S[0] == seen.due_s()
    seen.said(0.5)
    assert START_S[1] == seen.due_s()
    radio = presence(gap_s=600.0)  # on which one must do
    radio.said(0.5)
    assert 0.5 + EVERY_S == radio.due_s()
    seen.said(5.0)
    assert 5.0 + EVERY_S == seen.due_s()
    seen.heard("Bob", 50.0)
    assert 50.0 + ANSWER_S[0] == seen.due_s()
    seen.said(50.2)
    seen.heard("Bob", 51.0)
    assert 50.2 + EVERY_S == seen.due_s()
    seen.heard("Cid", 51.0)
    assert 50.2 + GAP_S == seen.due_s()


def test_who_talks_needs_no_beacon() -> None:
    """What a station sends under its name counts as one."""
    seen = presence()
    seen.said(0.5)
    seen.said(5.0)
    seen.said(170.0)
    assert 170.0 + EVERY_S == seen.due_s()


def test_a_station_that_does_not_speak_up() -> None:
    """It never has a BEACON due, whoever comes."""
    seen = presence(speaks=False)
    seen.heard("Bob", 1.0)
    seen.say_soon(2.0)
    seen.said(3.0)
    assert math.inf == seen.due_s()


def test_a_station_that_has_taken_leave() -> None:
    """It has no BEACON due any more, whatever it sends and whoever comes."""
    seen = presence()
    seen.hush()
    assert math.inf == seen.due_s()
    seen.heard("Bob", 1.0)
    seen.said(2.0)
    assert math.inf == seen.due_s()


def test_made_up_names_are_bounded() -> None:
    """A thousand names at once: a few are taken, they cost a few BEACONs, and memory has an end."""
    seen = presence()
    assert NEW_AT_ONCE == sum(seen.heard(f"X{number}", 1.0) for number in range(1000))
    for number in range(1000):
        seen.heard(f"Y{number}", 1.0 + 2 * number)
    assert MAX_STATIONS == len(seen._stations)
    beacons, now = 0, 0.0
    flooded = presence()
    while now < 100.0:
        flooded.heard(f"Z{now}", now)
        if flooded.due_s() <= now:
            flooded.said(now)
            beacons += 1
        now += 0.1
    assert beacons <= 1 + 100.0 / GAP_S
