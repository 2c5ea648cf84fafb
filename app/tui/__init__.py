"""The terminal UI: a host of the engine. Nothing else in the project imports Textual."""

from __future__ import annotations

from app.settings import Settings


def run_talk(settings: Settings) -> int:
    """Open the talk screen until the user quits; returns the exit code.

    What the engine died of is raised when the screen is gone: GossamerError, CodecError, TransportError.
    """
    from app.tui.application import TalkApp
    from app.tui.key_release import KeyReleaseDriver

    app = TalkApp(settings, driver_class=KeyReleaseDriver)
    app.run()
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0
