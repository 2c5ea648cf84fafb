"""Nobody is on the air without seeing it, and the talk key ends every over, whatever lies over the screen."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import cast

import pytest
from textual.widgets import Input

from app.events import FloorChanged
from app.settings.model import Settings
from app.signals import EXIT_INTERRUPTED
from app.station.engine import Engine
from app.tui.talk.app import TalkApp
from app.tui.talk.next_station import Start
from app.tui.talk.phase import Phase
from tests.support.scripted_engine import ON_AIR, ScriptedEngine, ScriptedStage, play_script
from transport.protocol.floor_states import State

SIZES = [(80, 24), (60, 24), (40, 20)]
CARDS = {"help": "question_mark", "addressee": "t", "links": "l", "set-up": "s", "account": "b", "devices": "d"}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("card", CARDS)
def test_on_air_is_seen_over_every_card_and_space_ends_it(card: str, size: tuple[int, int]) -> None:
    """Latched, then a card: the first row says it, and the talk key ends the over there too."""

    async def scene(stage: ScriptedStage) -> None:
        await stage.press("space")
        await stage.tell(*ON_AIR)
        await stage.pilot.pause(0.8)  # longer than the first repeat: tapped, so latched
        await stage.press(CARDS[card])
        assert stage.app.screen is not stage.app.talk_screen
        assert stage.rows()[0].strip().startswith("ON AIR: Anna")
        assert ["key_down"] == stage.engine.commands
        await stage.press("space")
        assert ["key_down", "key_up"] == stage.engine.commands
        await stage.tell(FloorChanged(State.IDLE))
        assert "ON AIR" not in stage.text()
        assert stage.app.screen is not stage.app.talk_screen

    play_script(scene, size)


@pytest.mark.parametrize("card", ["help", "account", "devices"])
def test_the_talk_key_talks_over_a_card_without_a_text_field(card: str) -> None:
    """One rule for all of them: it is the same key everywhere."""

    async def scene(stage: ScriptedStage) -> None:
        await stage.press(CARDS[card], "space")
        assert ["key_down"] == stage.engine.commands

    play_script(scene, (80, 24))


def test_in_a_text_field_space_is_typed_unless_one_is_on_the_air() -> None:
    """On the air it ends the over, and is no letter."""

    async def scene(stage: ScriptedStage) -> None:
        field = stage.app.talk_screen.query_one("#message-text", Input)
        await stage.press("enter", "a", "space", "b")
        assert ("a b", []) == (field.value, stage.engine.commands)
        await stage.press("escape", "space")
        await stage.tell(*ON_AIR)
        await stage.pilot.pause(0.8)
        await stage.press("enter", "c", "space")
        assert ("a bc", ["key_down", "key_up"]) == (field.value, stage.engine.commands)

    play_script(scene, (80, 24))


def test_the_talk_key_ends_an_over_that_speech_has_begun() -> None:
    """No key was pressed for it."""

    async def scene(stage: ScriptedStage) -> None:
        await stage.tell(*ON_AIR)
        assert "tap space to end" in stage.text()
        assert "let go" not in stage.text()
        await stage.press("space")
        assert ["key_up"] == stage.engine.commands
        await stage.tell(FloorChanged(State.DRAINING), FloorChanged(State.IDLE))
        assert stage.app.talk_screen.phase is Phase.QUIET

    play_script(scene, (80, 24))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_told_by_the_exit_code(number: signal.Signals) -> None:
    """Whatever goes on then; whoever quits by a key gets 0."""
    app = TalkApp(Start(Settings(name="Anna")), cast("type[Engine]", ScriptedEngine))

    async def run() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            os.kill(os.getpid(), number)
            for _ in range(50):
                if app.return_code is not None:
                    break
                await pilot.pause(0.1)

    asyncio.run(run())
    assert EXIT_INTERRUPTED == app.return_code
