"""The link lab over the talk screen: the station's sound is lent to it, and the conversation goes on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from app.errors import FileProblem
from app.events import Event, Level
from app.settings.model import Settings
from app.station.engine import Engine
from app.tui.lab.screen import LabScreen
from app.tui.talk import app as application
from app.tui.talk.phase import Phase
from app.tui.talk.screen import TalkScreen
from tests.support.talk_stage import Stage, make_deaf_engine, play
from tests.support.tui_station import make_engine


def lab_of(stage: Stage) -> LabScreen:
    assert isinstance(stage.app.screen, LabScreen)
    return stage.app.screen


async def opened(stage: Stage) -> LabScreen:
    await stage.press("c")
    await stage.until(lambda: isinstance(stage.app.screen, LabScreen))
    await stage.until(lambda: lab_of(stage).picture is not None and len(lab_of(stage).picture.lanes) == 5)  # type: ignore[union-attr]
    return lab_of(stage)


def test_the_lab_is_heard_and_hears_through_the_station() -> None:
    """Its lane is in the station's loudspeaker, its microphone the station's; talking goes on above it, and q comes
    back to a screen that lost nothing."""
    loud: list[float] = []

    def watching(settings: Settings, emit: Callable[[Event], None]) -> Engine:
        def watch(event: Event) -> None:
            if isinstance(event, Level) and event.device == "loudspeaker":
                loud.append(event.rms_db)
            emit(event)

        return make_engine(settings, watch)

    async def scene(stage: Stage) -> None:
        lab = await opened(stage)
        await stage.until(lambda: any(level > -40 for level in loud))
        await stage.press("i")
        await stage.until(
            lambda: lab.picture is not None and len(lab.picture.said) > 8 and bool(min(lab.picture.said[-5:]) > 0.1)
        )
        await stage.press("space")
        await stage.phase(Phase.ON_AIR)
        await stage.says("ON AIR: Anna")
        await stage.press("space")
        await stage.phase(Phase.RECEIVING)
        await stage.says("RECEIVING: parrot")
        await stage.press("q")
        await stage.until(lambda: isinstance(stage.app.screen, TalkScreen))
        await stage.phase(Phase.QUIET)
        await opened(stage)
        await stage.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, TalkScreen))

    play(scene, make=watching)


def test_a_station_without_devices_has_a_lab_without_sound() -> None:
    """What the talk screen says about its devices, the lab says too."""

    async def scene(stage: Stage) -> None:
        await stage.says("no loudspeaker found")
        await opened(stage)
        await stage.says("no loudspeaker found: plug one in")
        await stage.press("i")
        await stage.says("no microphone found: plug one in")
        await stage.says("the clip speaks instead")

    play(scene, make=make_deaf_engine)


def test_a_lab_that_cannot_open_is_a_line_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the station goes on."""

    def broken(path: str | None) -> np.ndarray:
        raise FileProblem("cannot read the clips: install it again")

    monkeypatch.setattr(application, "speech_of", broken)

    async def scene(stage: Stage) -> None:
        await stage.press("c")
        await stage.says("cannot read the clips: install it again")
        assert isinstance(stage.app.screen, TalkScreen)

    play(scene)
