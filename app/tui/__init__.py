"""The terminal programs: hosts of the engine and of the lab. Nothing else in the project imports Textual.

host/ joins Textual with trio and with the terminal; talk/ is the screen of a conversation, whose state.py and
talk_key.py decide and whose widgets show; dialogs/ are the cards over it; lab/ is the screen of the link lab; widgets/
and styles/ are shared by all.
"""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

from app.audio.devices import Loudspeaker, Microphone
from app.console import tell
from app.diagnostics.link_account import summary
from app.errors import FileProblem, GossamerError
from app.events import Event
from app.lab.state import LabStart
from app.paths import failure_file
from app.settings.file import Configuration
from app.settings.model import Settings
from app.station.engine import Engine
from app.storage import write_whole
from codec.errors import CodecError
from transport.errors import TransportError

EngineMaker = Callable[[Settings, Callable[[Event], None]], Engine]


def run_talk(settings: Settings, make_engine: EngineMaker = Engine, configuration: Configuration | None = None) -> int:
    """Show the talk screen until the user quits, and return the exit code.

    make_engine: builds the station. configuration: the settings file, for contacts and set-up; with None neither is
    offered or written. What the engine died of is raised when the screen is gone: GossamerError, CodecError or
    TransportError. A mistake in the program is a GossamerError too, and its traceback is in a file. Another station
    that was chosen on the screen and does not open is no reason to end: the old one is opened again.
    """
    from app.tui.host.key_release import KeyReleaseDriver
    from app.tui.talk.app import TalkApp
    from app.tui.talk.next_station import Start

    start = Start(settings, configuration)
    while True:
        app = TalkApp(start, make_engine, KeyReleaseDriver)
        app.run()
        if told := summary(app.talk_screen.account):
            tell(told)
        if isinstance(app.failure, GossamerError | CodecError | TransportError):
            if app.was_ready or start.back_to is None:
                raise app.failure if app.was_ready else start.explained(app.failure)
            start = start.back(app.failure)
            continue
        if app.failure is not None:
            raise GossamerError(
                f"the station failed by a mistake of its own ({type(app.failure).__name__})",
                f"start it again, and report {_write_down(app.failure)} if it comes again",
            ) from app.failure
        if app.next_start is None:
            return app.return_code or 0
        start = app.next_start


def run_lab(start: LabStart, open_sound: Callable[[], tuple[Microphone, Loudspeaker]]) -> int:
    """Show the link lab until the user quits, and return the exit code.

    What the lab died of is raised when the screen is gone: CodecError.
    """
    from app.tui.lab.app import LabApp

    app = LabApp(start, open_sound)
    app.run()
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0


def _write_down(failure: BaseException) -> Path:
    """Write the traceback of a failure into a file, out of the way of the user's terminal, and return its path."""
    text = "".join(traceback.format_exception(failure))
    try:
        path = failure_file()
        write_whole(path, text)
    except FileProblem:  # no home, or none that may be written to
        handle, name = tempfile.mkstemp(prefix="gossamer-failure-", suffix=".txt", text=True)
        path = Path(name)
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
    return path
