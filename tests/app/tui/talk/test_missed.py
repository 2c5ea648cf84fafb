"""While you were away, on the screen: what was missed is marked, counted in the title, and played with one key."""

from __future__ import annotations

import pytest
from textual import events as textual_events

from app import events as ev
from app.history.folder import Mark, missed_files
from app.history.overs import write_over
from app.history.texts import TextWriter
from app.paths import recordings_folder
from app.settings.model import Settings
from tests.support.recordings import a_text, an_over
from tests.support.scripted_engine import ScriptedStage, play_script
from tests.support.talk_stage import Stage, play
from tests.support.tui_station import load_codec_once, make_engine

MISSED = ev.Kept("over", 8, "heard", "20260101T000000Z-missed.over", True)
UNREAD = ev.Kept("message", 7, "heard", "20260101T000005Z-missed.text", True)


@pytest.mark.parametrize(
    ("size", "words"), [((40, 16), "2 missed: p plays"), ((80, 24), "1 over and 1 message missed: p plays")]
)
def test_what_was_missed_is_on_the_screen_and_in_the_title(size: tuple[int, int], words: str) -> None:
    """Marked in its line, counted above the log with the key that plays it; and gone when it was played."""

    async def scene(stage: ScriptedStage) -> None:
        titles: list[str] = []
        stage.app._user._title._write = titles.append
        await stage.tell(ev.OverBegan(8, "Bert", 1), ev.OverPlayed(8, "Bert", 10, 0, 0, 3.2, True), MISSED)
        await stage.tell(ev.TextHeard("Bert", "call me", "", 7), UNREAD)
        assert words in stage.text()
        assert "3.2 s" in stage.text() and "“call me” unread" in stage.text()
        await stage.comes_true(lambda: any("(2) missed" in title for title in titles))
        assert any("(2) missed" in title for title in titles)
        await stage.press("p")
        assert "replay_missed" in stage.engine.commands
        await stage.tell(ev.MissedTaken(MISSED.name), ev.MissedTaken(UNREAD.name), ev.NothingMissed())
        assert "missed:" not in stage.text() and "unread" not in stage.text()
        assert await stage.comes_true(lambda: "\x1b[23;0t" in titles)

    play_script(scene, size)


def test_a_replay_says_when_it_was_missed_and_what_follows() -> None:
    """The phase and its line."""

    async def scene(stage: ScriptedStage) -> None:
        await stage.tell(ev.ReplayBegan("Bert", 3.2, 0.0, 2))
        assert "REPLAY" in stage.text() and "Bert, missed, 2 more after it" in stage.text()
        await stage.tell(ev.ReplayEnded())
        assert "REPLAY" not in stage.text()

    play_script(scene, (80, 24))


def test_the_engine_is_told_when_the_user_goes_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """By time, by the focus of the terminal; a key is enough to be back."""
    monkeypatch.setattr("app.tui.talk.attention.BLURRED_S", 0.0)

    async def scene(stage: ScriptedStage) -> None:
        assert "set_away" not in stage.engine.commands
        stage.app.post_message(textual_events.AppBlur())
        assert await stage.comes_true(lambda: 1 == stage.engine.commands.count("set_away"))
        stage.app.post_message(textual_events.AppFocus())
        assert await stage.comes_true(lambda: 2 == stage.engine.commands.count("set_away"))

    play_script(scene, (80, 24))


def test_a_restart_shows_what_the_disk_has_and_plays_it() -> None:
    """Overs and messages with their marks; p plays the packets, and then nothing is missed on the disk either."""
    folder = recordings_folder()
    packets = tuple(bytes(32) for _ in range(3))
    codec_id = load_codec_once("neural").codec_id
    write_over(folder, an_over(codec_id=codec_id, packets=packets, flags="..."), Mark.MISSED)
    TextWriter(folder).write(a_text(1_700_000_020), Mark.MISSED, 3)

    async def scene(stage: Stage) -> None:
        await stage.says("14 November")
        await stage.says("1 over and 1 message missed: p plays")
        await stage.says("“on my way” unread")
        await stage.press("p")
        await stage.says("Jörg, missed at")
        await stage.until(lambda: not stage.app.talk_screen.state.log.missed)
        await stage.until(lambda: "unread" not in stage.text())

    play(scene, Settings(link="parrot://", name="Anna"), make_engine)
    assert [] == missed_files(folder)
    assert 2 == len(list(folder.glob("*-heard.*")))
