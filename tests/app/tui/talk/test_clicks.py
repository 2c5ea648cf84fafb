"""What can be done with a key whose name stands on the screen can be done with a click on it, too."""

from __future__ import annotations

import pytest
from textual.screen import Screen

from app.tui.dialogs.choice import ChoiceScreen
from app.tui.dialogs.devices import DeviceScreen
from app.tui.dialogs.help import HelpScreen
from app.tui.dialogs.link_account import LinkAccountScreen
from app.tui.dialogs.setup import SetupScreen
from tests.support.scripted_engine import ScriptedStage, play_script


async def click(stage: ScriptedStage, words: str) -> None:
    """Click into the middle of words on the screen, which must stand there."""
    rows = stage.rows()
    y = next(number for number in range(len(rows)) if words in rows[number])
    await stage.pilot.click(offset=(rows[y].index(words) + len(words) // 2, y))
    await stage.settle()


@pytest.mark.parametrize(
    ("words", "card"),
    [
        ("? keys", HelpScreen),
        ("d devices", DeviceScreen),
        ("gossamer", HelpScreen),
        ("udp://192.0.2.7:7800", ChoiceScreen),
        ("open channel", SetupScreen),
        ("on the wire", LinkAccountScreen),
        ("╭─ link ", ChoiceScreen),
    ],
)
def test_a_click_opens_what_the_words_name(words: str, card: type[Screen[None]]) -> None:
    """Keys in the bottom line, what stands in the top line, and titles of frames."""

    async def scene(stage: ScriptedStage) -> None:
        await click(stage, words)
        assert isinstance(stage.app.screen, card)

    play_script(scene, (100, 32))


@pytest.mark.parametrize(("words", "key"), [("↑", "up"), ("m mute", "m"), ("]", "right_square_bracket")])
def test_a_click_on_a_key_does_what_the_key_does(words: str, key: str) -> None:
    """Each of two keys that share their words, too."""

    async def scene(stage: ScriptedStage) -> None:
        await stage.press(key)
        done = list(stage.engine.commands)
        stage.engine.commands.clear()
        rows = stage.rows()
        await stage.pilot.click(offset=(rows[-1].index(words), len(rows) - 1))
        await stage.settle()
        assert done and done == stage.engine.commands

    play_script(scene, (100, 32))
