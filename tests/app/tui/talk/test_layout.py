"""What has room on the talk screen: the conversation first, every text whole, one place for the talk key."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import Input

from app.events import (
    Collision,
    DeviceProblem,
    FloorChanged,
    LayerRate,
    LinkProblem,
    TalkDenied,
    TextHeard,
    VoxChanged,
    WireRate,
)
from app.tui.talk.over_log import OverLog, wrapped
from app.tui.talk.talk_key import KeyState
from tests.support.scripted_engine import ON_AIR, READY, ScriptedStage, play_script
from transport.protocol.floor_states import State

SIZES = [(80, 24), (60, 24), (40, 20)]
LONG = "on my way, the bridge at the mill is closed, so I come by the quarry road and need half an hour longer: 漢字"
REASON = "somebody is talking: wait for the end of that over"
CURE = "plug one in, or start the sound server (PulseAudio or PipeWire)"
PROBLEMS = (
    DeviceProblem("microphone", "no microphone found", CURE),
    DeviceProblem("loudspeaker", "no loudspeaker found", CURE),
    LinkProblem("nobody answers at 192.0.2.7 port 7800", "start gossamer there, or check the address"),
)
sizes = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


def log_rows(stage: ScriptedStage) -> int:
    return stage.app.talk_screen.query_one(OverLog).size.height


@pytest.mark.parametrize(
    ("size", "rows"), [((80, 24), 10), ((60, 24), 10), ((40, 20), 7), ((40, 16), 3), ((80, 30), 6)]
)
def test_the_conversation_has_most_of_the_rows(size: tuple[int, int], rows: int) -> None:
    """So many of them at least, and with everything missing that can be more than half of that."""

    async def scene(stage: ScriptedStage) -> None:
        assert await stage.comes_true(lambda: log_rows(stage) >= rows)
        await stage.tell(*PROBLEMS)
        assert await stage.comes_true(lambda: "? keys" in stage.rows()[-1] and "enter: write" in stage.text())
        assert await stage.comes_true(lambda: log_rows(stage) >= max(1, rows // 2))

    play_script(scene, size)


def test_the_wire_is_shown_whole_with_copies() -> None:
    """A layer more than links have without, and the sum of all below it."""
    layers = ("voice", "coarse copies", "frame header", "begin, end, ...", "UDP/IP")

    async def scene(stage: ScriptedStage) -> None:
        rates = tuple(LayerRate(name, 100.0 * place, 0.0) for place, name in enumerate(layers, 1))
        await stage.tell(*ON_AIR, WireRate(rates, ("UDP/IP",)))
        rows = ("voice 100 bit/s", "coarse copies 200 bit/s", "total out 1500 bit/s")
        assert await stage.comes_true(lambda: all(row in stage.region("#wire") for row in rows)), stage.region("#wire")

    play_script(scene, (80, 30))


@sizes
def test_a_message_is_shown_whole(size: tuple[int, int]) -> None:
    """As long as a message can be, with wide letters, wrapped between its words."""

    async def scene(stage: ScriptedStage) -> None:
        await stage.tell(TextHeard("Bert-with-a-long-name", LONG))
        assert f"Bert-with-a-long-name “{LONG}”" in stage.region("#overs").replace("  ", " ")

    play_script(scene, size)


@sizes
def test_a_reason_is_shown_whole(size: tuple[int, int]) -> None:
    """Beside the phase, and in the log."""

    async def scene(stage: ScriptedStage) -> None:
        await stage.tell(FloorChanged(State.RECEIVING), FloorChanged(State.LOCKED_OUT), TalkDenied(REASON))
        assert REASON in stage.region("#detail")
        assert REASON in stage.region("#overs")

    play_script(scene, size)


@sizes
def test_problems_and_cures_are_in_the_log(size: tuple[int, int]) -> None:
    """Whatever has room below it, nothing there is cut."""

    async def scene(stage: ScriptedStage) -> None:
        told = []
        for problem in PROBLEMS:
            await stage.tell(problem)
            told.append(str(problem) in stage.region("#overs"))
        assert [True] * len(PROBLEMS) == told
        words = stage.region("#problems")
        assert words.endswith(("(page up: what to do)", "(page up)", "check the address", "link: a problem"))

    play_script(scene, size)


@sizes
def test_a_problem_is_said_once(size: tuple[int, int]) -> None:
    """While the log shows it with its cure, the list says what works meanwhile; later the list says it again."""

    async def scene(stage: ScriptedStage) -> None:
        await stage.tell(PROBLEMS[0])
        assert await stage.comes_true(lambda: stage.region("#problems").startswith("! microphone: "))
        assert str(PROBLEMS[0]) in stage.region("#overs")
        assert (1, 1) == (stage.text().count("found"), stage.text().count("PulseAudio"))
        await stage.tell(*(TextHeard("Bert", f"{LONG} {number}") for number in range(8)))
        assert await stage.comes_true(lambda: stage.region("#problems").startswith("! no microphone found"))
        assert str(PROBLEMS[0]) not in stage.region("#overs")

    play_script(scene, size)


@sizes
def test_one_place_says_what_the_talk_key_does(size: tuple[int, int]) -> None:
    """Once on the screen, and true: also under voice operation, where no key is held."""

    async def scene(stage: ScriptedStage) -> None:
        await stage.press("escape")
        await stage.tell(TextHeard("Bert", "hello"))  # the log is not empty, so that it says no more how to begin
        assert (1, 0) == (stage.text().count("space"), stage.text().count("hold"))
        assert "tap space to talk" in stage.region("#talk")
        await stage.tell(VoxChanged(True))
        assert (1, 0) == (stage.text().count("space"), stage.text().count("hold"))
        assert "speak, or tap space" in stage.region("#talk")
        await stage.tell(*ON_AIR)
        assert (1, 0) == (stage.text().count("space"), stage.text().count("let go"))

    play_script(scene, size)


@sizes
def test_a_collision_says_that_one_is_on_the_air(size: tuple[int, int]) -> None:
    """And how to end it, also while a message is written."""

    async def scene(stage: ScriptedStage) -> None:
        await stage.press("enter", "a")
        await stage.tell(*ON_AIR, FloorChanged(State.COLLIDED), Collision("somebody else is talking at the same time"))
        assert "ON AIR all the same: somebody else is talking at the same time" in stage.region("#detail")
        assert "tap space to end" in stage.region("#talk")

    play_script(scene, size)


@sizes
def test_whoever_asks_by_a_tap_is_not_told_to_let_go(size: tuple[int, int]) -> None:
    """Nothing shows yet that holding works in this terminal."""

    async def scene(stage: ScriptedStage) -> None:
        await stage.press("space")
        await stage.tell(FloorChanged(State.ASKED))
        stage.app.talk_screen.state.key.state = KeyState.PRESSED
        stage.app.talk_screen.draw()
        await stage.settle()
        assert "tap space to end" in stage.region("#talk")

    play_script(scene, size)


@sizes
def test_space_is_said_to_type_where_it_does(size: tuple[int, int]) -> None:
    """In the message line, wherever there is a word for it."""

    async def scene(stage: ScriptedStage) -> None:
        await stage.press("enter")
        assert "space types" in stage.text()
        assert "to talk" not in stage.region("#bottom")

    play_script(scene, size)


def test_a_hint_that_is_longer_than_the_log_is_read_from_its_beginning() -> None:
    """What comes later is shown to its end, as always."""

    async def scene(stage: ScriptedStage) -> None:
        await stage.tell(replace(READY, invitations=tuple(f"gossamer talk udp://192.0.2.{i}:7800" for i in range(9))))
        assert stage.region("#overs").startswith("conversation Nothing said yet.")
        for count in range(30):
            await stage.tell(TextHeard("Bert", f"number {count}"))
        assert "number 29" in stage.region("#overs")

    play_script(scene, (40, 20))


@sizes
def test_a_message_says_how_much_room_is_left(size: tuple[int, int]) -> None:
    """In bytes, without its addressee; one that is too long is not cut and not sent, and says so."""

    async def scene(stage: ScriptedStage) -> None:
        field = stage.app.talk_screen.query_one("#message-text", Input)
        await stage.press("enter")
        field.value = "@bob " + "ä" * 69
        await stage.settle()
        assert "2 bytes left" in stage.text()
        field.value += "äää"
        await stage.settle()
        assert "4 bytes too long" in stage.text()
        await stage.press("enter")
        assert ([], "@bob " + "ä" * 72) == (stage.engine.texts, field.value)
        assert "not sent, 4 bytes too long" in stage.region("#overs")
        field.value = "@bob " + "ä" * 70
        await stage.press("enter")
        assert ([("ä" * 70, "bob")], "") == (stage.engine.texts, field.value)

    play_script(scene, size)


@pytest.mark.parametrize(
    ("first", "others", "rows"),
    [
        (20, 20, ["come in, Bert"]),
        (8, 8, ["come in,", "Bert"]),
        (5, 13, ["come", "in, Bert"]),
        (2, 13, ["", "come in, Bert"]),
        (0, 13, ["", "come in, Bert"]),
    ],
)
def test_wrapping(first: int, others: int, rows: list[str]) -> None:
    """Between words; the first row may be shorter, or empty."""
    assert rows == [row.rstrip() for row in wrapped("come in, Bert", first, others)]
