"""Who is on the channel, on the talk screen: before one talks, while one talks, and where one chooses to whom."""

from __future__ import annotations

from app import events as ev
from app.tui.talk.addressee import AUTOMATIC, addressee_choices, addressee_problem, choose_addressee
from app.tui.talk.state import TalkState
from app.tui.talk.stations import Stations
from app.tui.talk.wording import detail
from transport.protocol.floor_states import State

READY = ev.StationReady("udp://192.0.2.1", "", 1, 1)
WAITS = ev.StationReady("udp://:", "", 1, 1, invitations=("gossamer talk udp://192.168.1.20",))
BERT = ev.StationPresent("Bert", 12.0, 97, 100)
CARLA = ev.StationPresent("Carla", 130.0)


def shown(*told: ev.Event, at_s: float = 0.0) -> str:
    """The line of a screen that was told this."""
    state = TalkState(me="Anna", automatic=True)
    for event in told:
        state.apply(event, 0.0)
    state.pass_time(at_s)
    return detail(state)


def test_a_hole_is_told_before_one_talks_into_it() -> None:
    """Where it is known that nobody has answered, and how a friend calls; on the air as well."""
    assert "the channel is free" == shown(READY)
    assert "the channel is free; nobody has answered yet" == shown(READY, ev.PresenceChanged(()))
    waiting = shown(WAITS, ev.PresenceChanged(()))
    assert "a friend calls with gossamer talk udp://192.168.1.20; nobody has called yet" == waiting
    on_air = shown(READY, ev.PresenceChanged(()), ev.FloorChanged(State.ON_AIR), at_s=1.0)
    assert "Anna, 1.0 s, but nobody has answered yet" == on_air
    gone = shown(READY, ev.TextHeard("Bert", "bye"), ev.PresenceChanged(()))
    assert "the channel is free; nobody is here any more" == gone


def test_who_is_here_how_long_ago_and_how_well() -> None:
    """The ages grow; only a station that is alone is talked to by name."""
    one = shown(READY, ev.PresenceChanged((BERT,)))
    assert "the channel is free, you talk to Bert; here: Bert (just now, heard 97 %)" == one
    two = shown(READY, ev.PresenceChanged((BERT, CARLA)), at_s=60.0)
    assert "the channel is free; here: Bert (1 min ago, heard 97 %), Carla (3 min ago)" == two
    many = tuple(ev.StationPresent(f"B{number}", 0.0) for number in range(5))
    assert "here: B0 (just now), B1 (just now), B2 (just now) and 2 more" in shown(READY, ev.PresenceChanged(many))


def test_to_whom_is_chosen_from_those_present() -> None:
    """Those who are here with what is known of them, then those who only talked; the automatic choice follows."""
    state = TalkState(me="Anna", automatic=True)
    for event in (READY, ev.OverBegan(1, "Dora", 1), ev.PresenceChanged((BERT, CARLA))):
        state.apply(event, 0.0)
    assert [
        ("everybody", ""),
        ("Bert  just now, heard 97 %", "Bert"),
        ("Carla  2 min ago", "Carla"),
        ("Dora", "Dora"),
        ("whoever alone is here", AUTOMATIC),
    ] == addressee_choices(state)
    assert all("" == addressee_problem(value) for _, value in addressee_choices(state) if value)
    assert ("Carla", "Carla", False) == (choose_addressee(state, "Carla"), state.addressee, state.automatic)
    state.apply(ev.PresenceChanged((BERT,)), 1.0)
    assert "Carla" == state.addressee
    assert ("", "") == (choose_addressee(state, ""), state.addressee)
    assert (None, "Bert") == (choose_addressee(state, AUTOMATIC), state.addressee)
    state.apply(ev.PresenceChanged((BERT, CARLA)), 2.0)
    assert "" == state.addressee


def test_those_who_talked_are_bounded() -> None:
    """However many names are heard."""
    stations = Stations()
    for number in range(100):
        stations.heard(f"X{number}")
    assert 12 == len(stations.talked) and "X99" == stations.names[0]


def test_whoever_talks_by_several_ways_is_offered_once() -> None:
    """By the way on which that station is here; one that has gone, by the way on which it was heard last."""
    others = Stations()
    for name in ("Bert via R1", "Carla via R1", "Bert via R2", "Carla via R2"):
        others.heard(name)
    assert ["Carla via R2", "Bert via R2"] == others.names
    others.take(ev.PresenceChanged((ev.StationPresent("Bert", 1.0),)), 0.0)
    assert ["Bert", "Carla via R2"] == others.names
