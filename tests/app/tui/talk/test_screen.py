"""The talk screen driven by key presses against the real engine and its parrot (devices made of numbers)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import trio
from textual.events import MouseScrollUp

from app.errors import DeviceError, GossamerError
from app.settings.model import Settings
from app.station.engine import Engine
from app.tui import run_talk
from app.tui.talk.app import TalkApp
from app.tui.talk.over_log import OverLog
from app.tui.talk.phase import Phase
from app.tui.talk.talk_button import TalkButton
from app.tui.widgets.meter import Knob, LevelBar
from tests.support.talk_stage import CLEAN, SETTINGS, Emit, Stage, make_deaf_engine, play
from tests.support.tui_station import make_engine


def test_a_conversation_with_the_parrot() -> None:
    """Talk, let go, be answered with the very packets; the screen keeps account of it."""

    async def scene(stage: Stage) -> None:
        await stage.press("space")
        await stage.phase(Phase.ON_AIR)
        await stage.until(
            lambda: stage.app.talk_screen.state.wire is not None and stage.app.talk_screen.state.wire.packets_sent >= 3
        )
        await stage.says("ON AIR")
        await stage.press("space")
        await stage.phase(Phase.RECEIVING)
        await stage.says("parrot, ")
        await stage.phase(Phase.QUIET)
        await stage.until(lambda: stage.app.talk_screen.state.mouth_to_ear is not None)
        await stage.says("▼ parrot")
        mine, theirs = stage.app.talk_screen.state.log
        assert ("Anna", "parrot") == (mine.who, theirs.who)
        packets = stage.app.talk_screen.state.wire
        counts = stage.app.talk_screen.state.counts
        assert packets is not None and counts is not None
        assert packets.packets_sent == counts.received + counts.lost
        for words in ("packets sent  ", "mouth to ear", "play-out hold", "voice", "frame header", "open channel"):
            assert words in stage.text(), words

    play(scene, size=(80, 30))


def test_a_refusal_says_why() -> None:
    """While the parrot talks the key does not count; the screen says so, and then shows the parrot again."""

    async def scene(stage: Stage) -> None:
        await stage.press("space")
        await stage.phase(Phase.ON_AIR)
        await stage.pilot.pause(4.0)  # long enough to be interrupted when it comes back
        await stage.press("space")
        await stage.phase(Phase.RECEIVING)
        await stage.says("wait for the end")
        await stage.pilot.pause(0.8)  # the repeats of the last press are over
        await stage.press("space")
        await stage.phase(Phase.REFUSED)
        await stage.says("somebody is talking")
        await stage.phase(Phase.QUIET)

    play(scene)


def test_the_time_out_ends_an_over() -> None:
    """A key that is stuck does not hold the channel: the over ends, and the log says why."""

    async def scene(stage: Stage) -> None:
        await stage.press("space")
        await stage.phase(Phase.ON_AIR)
        await stage.phase(Phase.RECEIVING)
        await stage.says("time-out")
        assert not stage.app.engine.talking

    play(scene, Settings(link=CLEAN, name="Anna", time_out_s=3.0))


def test_volume_mute_and_gain() -> None:
    """Keys, clicks and the wheel reach the engine, and the figures say where it stands."""

    async def scene(stage: Stage) -> None:
        engine = stage.app.engine

        def stands(volume: float, muted: bool, gain_db: float) -> bool:
            return (engine.controls.volume, engine.controls.muted, engine.controls.gain_db) == (volume, muted, gain_db)

        await stage.press("down", "down")
        await stage.until(lambda: stands(0.8, False, 0.0))
        await stage.press("m")
        await stage.until(lambda: stands(0.8, True, 0.0))
        await stage.says("muted")
        await stage.press("m", "up")
        await stage.until(lambda: stands(0.9, False, 0.0))
        await stage.press("right_square_bracket", "right_square_bracket", "left_square_bracket")
        await stage.until(lambda: stands(0.9, False, 3.0))
        await stage.says("+3 dB")
        knob = stage.app.talk_screen.query_one("#mic-knob", Knob)
        await stage.pilot.click(knob, offset=(knob.size.width - 1, 0))
        await stage.until(lambda: stands(0.9, False, 6.0))
        await stage.pilot.click(knob, offset=(0, 0))
        await stage.until(lambda: stands(0.9, False, 3.0))
        await stage.says("90 %")

    play(scene)


def test_clipping_is_warned_of() -> None:
    """Too much gain: the microphone's meter says what to do."""

    async def scene(stage: Stage) -> None:
        await stage.says("CLIP: lower the gain")

    play(scene, Settings(link=CLEAN, name="Anna", gain_db=20.0))


def test_space_in_the_message_field_types() -> None:
    """The talk key is a letter there; enter sends, and the parrot sends the message back."""

    async def scene(stage: Stage) -> None:
        await stage.press("enter")
        await stage.says("enter sends")
        await stage.press("a", "space", "b")
        await stage.says("a b")
        assert stage.app.talk_screen.phase is Phase.QUIET
        await stage.press("enter")
        await stage.until(lambda: stage.text().count("“a b”") == 2)
        await stage.press("space")
        await stage.phase(Phase.ON_AIR)  # out of the field it talks again

    play(scene)


def test_the_mouse_button() -> None:
    """Pressed on the button is talking; let go, wherever, is not."""

    async def scene(stage: Stage) -> None:
        await stage.pilot.mouse_down(TalkButton)
        await stage.phase(Phase.ON_AIR)
        await stage.says("● let go to end")
        await stage.pilot.hover("#waveform")
        assert stage.app.talk_screen.phase is Phase.ON_AIR
        await stage.pilot.mouse_up("#waveform")
        await stage.phase(Phase.RECEIVING)

    play(scene)


def test_without_devices() -> None:
    """What is missing stands there with its cure, a clip is spoken, and the meters move."""

    async def scene(stage: Stage) -> None:
        await stage.says("plug one in")
        await stage.says("a recorded clip is spoken instead")
        await stage.says("── no microphone")
        await stage.press("space")
        await stage.phase(Phase.ON_AIR)
        await stage.until(lambda: stage.app.talk_screen.query_one("#mic LevelBar", LevelBar).level_db > -40)
        await stage.pilot.pause(1.0)
        await stage.press("space")
        await stage.phase(Phase.RECEIVING)
        await stage.until(lambda: stage.app.talk_screen.query_one("#speaker LevelBar", LevelBar).level_db > -40)

    play(scene, make=make_deaf_engine)


IMPORTANT = (
    "#phase",
    "#detail",
    "#channel",
    "#waveform",
    "#mic",
    "#speaker",
    "#overs",
    "#message",
    "#talk",
    "#help",
)
SIZES = [(80, 24), (60, 24), (60, 20), (120, 40), (60, 16), (40, 24), (40, 16)]


@pytest.mark.parametrize("make", [make_engine, make_deaf_engine], ids=["devices", "no-devices"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_everything_has_its_place(size: tuple[int, int], make: Callable[[Settings, Emit], Engine]) -> None:
    """Nothing that matters lies outside the terminal or under something else, down to 40 columns."""

    async def scene(stage: Stage) -> None:
        if make is make_deaf_engine:
            await stage.says("no loudspeaker")
        await stage.pilot.pause()
        screen = stage.app.talk_screen
        shown = [*IMPORTANT, *(["#wire", "#packets"] if size[1] >= 30 and size[0] >= 60 else ["#link-line"])]
        regions = {name: screen.query_one(name).region for name in shown}
        for name, region in regions.items():
            assert region.area > 0, name
            assert screen.region.contains_region(region), (name, region)
        rows = [regions[name] for name in shown if name not in ("#phase", "#detail", "#waveform")]
        for place, region in enumerate(rows):
            for other in rows[place + 1 :]:
                assert not region.overlaps(other), (region, other)
        for words in ("LISTENING", "open channel", "tap space to talk", "? keys"):
            await stage.says(words)  # a box that follows its text does so one layout later

    play(scene, make=make, size=size)


def test_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR: no hue anywhere, and the state is in words."""
    monkeypatch.setenv("NO_COLOR", "1")

    async def scene(stage: Stage) -> None:
        await stage.press("space")
        await stage.says("ON AIR")
        from textual.filter import Monochrome

        (monochrome,) = (kind for kind in stage.app._filters if isinstance(kind, Monochrome))
        background = stage.app.screen.background_colors[1]
        for strip in stage.app.screen._compositor.render_strips():
            for segment in strip.apply_filter(monochrome, background):
                for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    if colour is not None and colour.triplet is not None:
                        assert 1 == len(set(colour.triplet)), segment

    play(scene)


def test_the_help_card() -> None:
    """One key shows all keys and says how holding works here; any of its keys closes it."""

    async def scene(stage: Stage) -> None:
        await stage.press("question_mark")
        await stage.says("loudspeaker volume")
        await stage.says("Tap to talk here")
        await stage.press("escape")
        await stage.until(lambda: "loudspeaker volume" not in stage.text())

    play(scene)


def _wheel_up() -> MouseScrollUp:
    return MouseScrollUp(None, 0, 0, 0, 0, 0, False, False, False)


def test_the_log_scrolls() -> None:
    """Many overs: the newest is in sight, the older ones a page up."""

    async def scene(stage: Stage) -> None:
        screen = stage.app.talk_screen
        for number in range(30):
            screen.state.wrote(f"message {number}", 0.0)
        await stage.says("“message 29”")
        await stage.press("pageup")
        await stage.until(lambda: "“message 29”" not in stage.text())
        await stage.press("pagedown")
        await stage.says("“message 29”")
        screen.query_one(OverLog).post_message(_wheel_up())
        await stage.until(lambda: "“message 29”" not in stage.text())

    play(scene)


class BrokenEngine(Engine):
    """Dies as a station may."""

    def __init__(self, failure: Exception, settings: Settings, emit: Emit) -> None:
        super().__init__(settings, emit)
        self._failure = failure

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        await trio.sleep(0)
        raise ExceptionGroup("as a nursery does it", [self._failure])


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (DeviceError("the microphone is busy: close the other program"), "is busy: close the other program"),
        (KeyError("left out"), "mistake of its own (KeyError)"),
    ],
)
def test_what_the_engine_dies_of_is_one_line(
    failure: Exception, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """The screen goes away, the error comes out of run_talk as one line; a bug's whole story is in a file."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    original = TalkApp.run
    monkeypatch.setattr(TalkApp, "run", lambda app: original(app, headless=True))
    with pytest.raises(GossamerError) as raised:
        run_talk(SETTINGS, partial(BrokenEngine, failure))
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_names_are_no_markup() -> None:
    """What others call themselves cannot restyle the screen."""

    async def scene(stage: Stage) -> None:
        await stage.press("space")
        await stage.says("[b]Anna, ")

    play(scene, Settings(link=CLEAN, name="[b]Anna"))
