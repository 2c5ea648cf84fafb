"""The terminal UI: a host of the engine. Nothing else in the project imports Textual."""

from __future__ import annotations

from collections.abc import Callable

from app.engine import Engine
from app.events import Event
from app.settings import Settings

EngineMaker = Callable[[Settings, Callable[[Event], None]], Engine]


def run_talk(settings: Settings, make_engine: EngineMaker = Engine) -> int:
    """Open the talk screen until the user quits; returns the exit code.

    make_engine: for stations with parts of their own. What the engine died of is raised when the screen is gone:
    GossamerError, CodecError, TransportError.
    """
    from app.tui.application import TalkApp
    from app.tui.key_release import KeyReleaseDriver

    app = TalkApp(settings, make_engine, driver_class=KeyReleaseDriver)
    app.run()
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0
