"""What the screen says, as a conversation of engine events: each step a time, an event, and the phase it leads to."""

from __future__ import annotations

from app import events as ev
from app.tui.talk.phase import Phase
from app.tui.talk.state import REFUSAL_SHOWN_S, TalkState
from app.tui.talk.wording import detail, welcome
from transport.protocol.floor_states import State

READY = ev.StationReady(link="parrot, 1200 bit/s", station="parrot", codec_id=1, packets_per_frame=1)
Step = tuple[float, ev.Event, Phase]


def floor(state: State) -> ev.FloorChanged:
    return ev.FloorChanged(state)


def play(steps: list[Step]) -> TalkState:
    state = TalkState(me="Anna")
    for at_s, event, phase in steps:
        state.apply(event, at_s)
        assert phase is state.phase, (at_s, event)
    return state


def detail_at(state: TalkState, at_s: float) -> str:
    """What stands beside the phase at a time."""
    state.pass_time(at_s)
    return detail(state)


MY_OVER: list[Step] = [
    (0.0, READY, Phase.QUIET),
    (1.0, floor(State.ASKED), Phase.ASKED),
    (1.1, floor(State.ON_AIR), Phase.ON_AIR),
    (1.1, ev.TalkPermitted(over=7), Phase.ON_AIR),
    (4.3, ev.TalkEnded(over=7, packets=10, duration_s=3.2, reason=ev.EndReason.RELEASED), Phase.ON_AIR),
    (4.3, floor(State.DRAINING), Phase.DRAINING),
    (4.3, ev.TalkDraining(left_s=0.4), Phase.DRAINING),
    (4.7, floor(State.IDLE), Phase.QUIET),
    (4.7, ev.OverSent(over=7, packets=10, voice_bps=800, wire_bps=1720), Phase.QUIET),
    (4.9, ev.OverConfirmed(over=7, heard=9, packets=10), Phase.QUIET),
]

THEIR_OVER: list[Step] = [
    (0.0, READY, Phase.QUIET),
    (1.0, floor(State.RECEIVING), Phase.RECEIVING),
    (1.0, ev.OverBegan(over=9, sender="Bert", packets_per_frame=1), Phase.RECEIVING),
    (4.0, floor(State.IDLE), Phase.RECEIVING),  # still being played
    (4.5, ev.OverPlayed(9, "Bert", 10, lost=1, damaged=2, duration_s=3.2, complete=True, rebuilt=3), Phase.QUIET),
]


def test_my_over_is_told_in_its_log_line() -> None:
    """Length, packets, cost on the wire and what was heard stand in one line."""
    (line,) = play(MY_OVER).log
    assert ("Anna", False) == (line.who, line.running)
    assert (" 3.2 s  10 packets  heard 90 %", "  wire 1720 bit/s") == (line.words(), line.cost)
    assert line.trouble


def test_their_over_is_told_in_its_log_line() -> None:
    """Losses are said, and mark the line."""
    (line,) = play(THEIR_OVER).log
    assert ("Bert", " 3.2 s  10 packets  1 lost, 3 rebuilt, 2 damaged", True) == (line.who, line.words(), line.trouble)


def test_a_refusal_is_read_and_then_fades() -> None:
    """Pressing the key while somebody talks says why not, for a while, and then shows the talker again."""
    state = play(
        [
            *THEIR_OVER[:3],
            (2.0, floor(State.LOCKED_OUT), Phase.REFUSED),
            (2.0, ev.TalkDenied("somebody is talking"), Phase.REFUSED),
            (2.1, floor(State.RECEIVING), Phase.REFUSED),  # the key is up again, the words are still there
        ]
    )
    assert "somebody is talking" == detail_at(state, 2.2)
    state.pass_time(2.0 + REFUSAL_SHOWN_S)
    assert Phase.RECEIVING is state.phase
    assert detail_at(state, 7.0).startswith("Bert, ")


def test_a_refusal_does_not_hide_our_own_over() -> None:
    """Trying again with success shows the success."""
    state = play(
        [
            (0.0, READY, Phase.QUIET),
            (1.0, ev.TalkDenied("your last over is still being sent"), Phase.REFUSED),
            (2.0, floor(State.ASKED), Phase.ASKED),
            (2.1, floor(State.ON_AIR), Phase.ON_AIR),
        ]
    )
    state.pass_time(10.0)
    assert Phase.ON_AIR is state.phase


def test_a_collision_is_said() -> None:
    """Two at once: the phase, the reason and a line in the log."""
    state = play(
        [
            *MY_OVER[:4],
            (2.0, floor(State.COLLIDED), Phase.COLLISION),
            (2.0, ev.Collision("somebody else is talking at the same time"), Phase.COLLISION),
        ]
    )
    assert "you are ON AIR all the same: somebody else is talking at the same time" == detail_at(state, 2.0)
    assert "collision" == state.log[-1].who


def test_a_missing_receipt_is_no_collision() -> None:
    """Nobody else was heard: the log says what is known, and no more."""
    state = play([*MY_OVER, (8.0, ev.Collision("the station you called has not confirmed your over"), Phase.QUIET)])
    assert "unconfirmed" == state.log[-1].who


def test_a_call_says_whom_it_is_for() -> None:
    """In words that one would say."""
    said = []
    for addressee in ("Anna", "Carla", ""):
        state = play([(0.0, READY, Phase.QUIET), (1.0, floor(State.RECEIVING), Phase.RECEIVING)])
        state.apply(ev.OverBegan(9, "Bert", 1, addressee), 1.0)
        state.apply(ev.CallHeard("Bert", bool(addressee)), 1.0)
        said.append(detail_at(state, 2.0))
    assert ["Bert calls you, 1 s", "Bert calls Carla, 1 s", "Bert calls, 1 s"] == said


def test_the_time_out_counts_down() -> None:
    """The seconds left are those of now, not of when the warning came."""
    state = play([*MY_OVER[:4], (106.1, ev.TalkTimeWarning(left_s=15.0), Phase.ON_AIR)])
    assert "Anna, 110.0 s, time-out in 10 s" == detail_at(state, 111.1)


def test_a_silent_microphone_is_said() -> None:
    """On the air with nothing to hear: the screen asks about the microphone, until it hears something."""
    state = play([*MY_OVER[:4], (2.0, ev.Level("microphone", -96.0, -96.0, False), Phase.ON_AIR)])
    assert ["Anna, 1.9 s", "Anna, 2.9 s, but silent: is the microphone muted?"] == [
        detail_at(state, at_s) for at_s in (3.0, 4.0)
    ]
    state.apply(ev.Level("microphone", -30.0, -20.0, False), 4.1)
    assert "Anna, 3.4 s" == detail_at(state, 4.5)


def test_a_receipt_that_names_a_share_is_of_the_addressee() -> None:
    """Whom we talk to stands on the air; what they heard, in the line of the over."""
    state = TalkState(me="Anna", addressee="Bert")
    for at_s, event, _ in MY_OVER:
        state.apply(event, at_s)
        if state.phase is Phase.ON_AIR:
            assert detail_at(state, at_s).startswith("Anna to Bert, ")
    assert state.log[0].words().endswith("heard 90 %")


def test_what_is_left_to_send_is_an_estimate_where_the_link_cannot_tell() -> None:
    """A simulated link's rate is known; a real one's is not."""
    said = []
    for link in ("parrot://?rate=1200", "udp://192.0.2.7:7800"):
        state = TalkState(me="Anna")
        for event in (ev.StationReady(link, "", 1, 1), floor(State.DRAINING), ev.TalkDraining(left_s=1.2)):
            state.apply(event, 1.0)
        said.append(detail_at(state, 1.0))
    assert ["1.2 s of your over are still to be sent", "1.2 s of your over are still to be sent (estimate)"] == said


def test_a_link_slower_than_speech_is_said_with_the_wait() -> None:
    """Nothing is heard yet, and the screen says why, and how much there is."""
    state = play([*THEIR_OVER[:3], (2.0, ev.PlayoutState(0.2, 6.4, False, gathering=True), Phase.RECEIVING)])
    assert "Bert: the link is slow, you hear it when it is complete, 6.4 s so far" == detail_at(state, 2.0)


def test_who_is_meant_is_said() -> None:
    """An over and a message to us, to another one, to all."""
    state = TalkState(me="Anna")
    said = []
    for addressee in ("Anna", "Carla", ""):
        state.apply(ev.OverBegan(9, "Bert", 1, addressee), 1.0)
        state.apply(floor(State.RECEIVING), 1.0)
        said.append(detail_at(state, 1.0).removesuffix(", 0 s"))
        state.apply(ev.TextHeard("Bert", "hello", addressee), 1.0)
        said.append(state.log[-1].words())
    assert ["Bert to you", "“hello” to you", "Bert to Carla", "“hello” to Carla", "Bert", "“hello”"] == said
    assert ["Bert"] == state.others.names


def test_whoever_only_wrote_to_us_is_not_offered() -> None:
    """It may be a relay, which says so what became of an over; whoever is here or has talked is offered as before."""
    state = TalkState(me="Anna")
    for event in (
        ev.TextHeard("Hill", "your over waits: somebody talks on link 2 (udp)", "Anna"),
        ev.OverBegan(9, "Bert", 1, ""),
        ev.TextHeard("Bert", "hello", "Anna"),
        ev.TextHeard("Carla", "to all", ""),
    ):
        state.apply(event, 1.0)
    assert ["Carla", "Bert"] == state.others.names


def test_a_call_lasts_until_its_over_has_ended() -> None:
    """That is how long the title blinks."""
    state = play([*THEIR_OVER[:3], (1.0, ev.CallHeard("Bert", False), Phase.RECEIVING)])
    assert "Bert calls, 1 s" == detail_at(state, 2.0)
    assert "Bert" == state.calling
    for at_s, event, _ in THEIR_OVER[3:]:
        state.apply(event, at_s)
    assert "" == state.calling


def test_a_replay_is_a_phase_of_its_own() -> None:
    """Until it ends, or somebody talks."""
    state = play(
        [
            (0.0, READY, Phase.QUIET),
            (1.0, ev.ReplayBegan("Bert", 3.2), Phase.REPLAY),
            (2.0, floor(State.RECEIVING), Phase.RECEIVING),
            (2.0, ev.ReplayEnded(), Phase.RECEIVING),
            (3.0, floor(State.IDLE), Phase.QUIET),
            (4.0, ev.ReplayRefused("nothing has been heard yet"), Phase.QUIET),
        ]
    )
    assert "nothing has been heard yet" == state.log[-1].words()


def test_over_numbers_come_again() -> None:
    """Numbers of overs are eight random bits: the newest line of that number is the one that changes."""
    state = play([*MY_OVER, *[(10 + at_s, event, phase) for at_s, event, phase in MY_OVER[1:5]]])
    assert [False, False] == [line.running for line in state.log]
    assert " 3.2 s  10 packets" == state.log[-1].words()


def test_problems_come_and_go() -> None:
    """A missing microphone is listed until it works; coming back is a line in the log."""
    state = play([(0.0, READY, Phase.QUIET)])
    state.apply(ev.DeviceProblem("microphone", "no microphone", "plug one in"), 1.0)
    assert ["microphone"] == list(state.problems)
    state.apply(ev.DeviceReady("microphone", "USB headset", 48000), 2.0)
    assert [] == list(state.problems)
    assert "works: USB headset" == state.log[-1].words()


def test_every_floor_state_has_its_words() -> None:
    """No state of the floor is without a phase on the screen."""
    for state in State:
        TalkState().apply(floor(state), 0.0)


def test_a_waiting_station_shows_what_to_tell_a_friend() -> None:
    """The empty log has a line for each command by which this station can be called; a caller's has none."""
    state = TalkState()
    state.apply(ev.StationReady("udp://:", "", 1, 1, invitations=("gossamer talk udp://192.168.1.20",)), 0.0)
    said = welcome(state).split("\n")
    assert ["To call this station, type:", "gossamer talk udp://192.168.1.20"] == said[1:]
    state.apply(ev.StationReady("udp://192.168.1.20", "", 1, 1), 0.0)
    assert 1 == len(welcome(state).split("\n"))
