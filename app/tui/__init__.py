"""The terminal UI: a host of the engine. Nothing else in the project imports Textual.

In reading order: standing.py and talk_key.py decide (what is said, what a key means), wording.py and level.py put it
into words and marks; talk_screen.py and its widgets show it; help_screen.py, device_screen.py, choice_screen.py and
setup_screen.py lie over it; application.py hosts the engine, by hosted.py and guest.py; key_release.py and title.py are
the terminal.
The link lab: lab_wording.py puts its figures into words, lab_lane.py, lab_screen.py and own_link_screen.py show it,
lab_application.py hosts it. picture.py draws the screens for the README.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

from app.audio.devices import Loudspeaker, Microphone
from app.diagnostics.link_account import summary
from app.errors import GossamerError
from app.events import Event
from app.lab.state import LabStart
from app.paths import failure_file
from app.settings.file import Configuration
from app.settings.model import Settings
from app.station.engine import Engine
from codec.errors import CodecError
from transport.errors import TransportError

EngineMaker = Callable[[Settings, Callable[[Event], None]], Engine]


def run_talk(settings: Settings, make_engine: EngineMaker = Engine, configuration: Configuration | None = None) -> int:
    """Open the talk screen until the user quits; returns the exit code.

    make_engine: for stations with parts of their own. configuration: the settings file, for contacts and set-up; None:
    neither is offered or written. What the engine died of is raised when the screen is gone: GossamerError, CodecError,
    TransportError; a mistake of our own is one line too, and its story in a file.
    """
    from app.tui.host.key_release import KeyReleaseDriver
    from app.tui.talk.app import TalkApp

    while True:
        app = TalkApp(settings, make_engine, KeyReleaseDriver, configuration)
        app.run()
        if told := summary(app.talk_screen.account):
            print(told, flush=True)
        if isinstance(app.failure, GossamerError | CodecError | TransportError):
            raise app.failure
        if app.failure is not None:
            raise GossamerError(
                f"the station failed by a mistake of its own ({type(app.failure).__name__})",
                f"start it again, and report {_write_down(app.failure)} if it comes again",
            ) from app.failure
        if app.next_settings is None:
            return app.return_code or 0
        settings, configuration = app.next_settings, app.configuration


def run_lab(start: LabStart, open_sound: Callable[[], tuple[Microphone, Loudspeaker]]) -> int:
    """Open the link lab until the user quits; returns the exit code. What it died of is raised when the screen is
    gone: CodecError."""
    from app.tui.lab.app import LabApp

    app = LabApp(start, open_sound)
    app.run()
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0


def _write_down(failure: BaseException) -> Path:
    """The whole story of a failure in a file, out of the way of the user's terminal."""
    path = failure_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(traceback.format_exception(failure)), encoding="utf-8")
    return path
