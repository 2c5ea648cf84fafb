"""The station's end of the past: overs and messages kept as they come, and what was missed, given for a replay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import trio

from app import events
from app.errors import FileProblem
from app.events import Direction, Event
from app.history.folder import Mark, marked, missed_files
from app.history.past import RecordedEntry, read_entry
from app.history.recorder import Recorder
from app.history.texts import RecordedText
from app.station.audience import Audience
from app.station.controls import Controls
from app.threads import InThread
from transport.protocol.frames import Mode

MakeRecorder = Callable[[Callable[[float], bool]], "Recorder | None"]
"""Makes the recorder, which asks whether an over that began then was missed; None where nothing is to be kept."""


class PastEnd:
    """The overs and messages that one station keeps, and those of them that were missed."""

    def __init__(
        self,
        make_recorder: MakeRecorder,
        folder: Path | None,
        in_thread: InThread,
        *,
        me: str,
        link: str,
        mode: Mode,
        clock: Callable[[], int],
        emit: Callable[[Event], None],
    ) -> None:
        """Take where past overs are kept (None: nowhere), and what every message that is kept names.

        clock: returns UTC seconds, 0 without a clock.
        """
        self._audience = Audience()
        self._recorder = make_recorder(self._audience.missed_over)
        self._folder = folder if self._recorder is not None else None
        self._in_thread = in_thread
        self._me, self._link, self._mode = me, link, mode
        self._clock = clock
        self._emit = emit

    async def run(self) -> None:
        """Write what is to be kept, until cancelled."""
        if self._recorder is not None:
            await self._recorder.run(self._in_thread)

    def apply(self, controls: Controls) -> None:
        """Take where the controls stand: whether the user is there, and hears what is played."""
        self._audience.apply(controls, trio.current_time())

    def note(self, event: Event) -> None:
        """Follow the station's events: messages are kept, and a loudspeaker may come and go."""
        self._audience.note(event, trio.current_time())
        if self._recorder is None:
            return
        match event:
            case events.TextHeard(sender, text, addressee, number):
                missed = self._audience.missed_text(trio.current_time())
                recorded = self._recorded("heard", sender, addressee, text)
                self._recorder.keep_text(recorded, Mark.MISSED if missed else Mark.HEARD, number)
            case events.TextSent(number, addressee, text):
                self._recorder.keep_text(self._recorded("sent", self._me, addressee, text), Mark.SENT, number)
            case events.TextConfirmed(number):
                self._recorder.text_delivered(number)

    def _recorded(self, direction: Direction, sender: str, addressee: str, text: str) -> RecordedText:
        return RecordedText(self._clock(), direction, sender, addressee, self._link, self._mode, text)

    # --- what was missed -----------------------------------------------------------------------------------------

    @property
    def audible(self) -> bool:
        """Whether what is played now can be heard."""
        return self._audience.hears

    async def missed(self) -> list[Path]:
        """Return the files of what was missed, the oldest first."""
        if self._folder is None:
            return []
        paths: list[Path] = await self._in_thread(missed_files, self._folder)
        return paths

    async def read(self, path: Path) -> RecordedEntry | None:
        """Return what is in a file of those; None where it is gone, or is none."""
        entry: RecordedEntry | None = await self._in_thread(_read, path)
        return entry

    async def take(self, path: Path) -> None:
        """Mark what was missed as heard, and tell of it. MissedTaken follows."""
        await self._in_thread(_take, path)
        self._emit(events.MissedTaken(path.name))


def _read(path: Path) -> RecordedEntry | None:
    try:
        return read_entry(path)
    except FileProblem:
        return None


def _take(path: Path) -> None:
    """Mark a file as heard, or leave it be where another program was faster, or the disk cannot be written to."""
    try:
        marked(path, Mark.HEARD)
    except OSError:
        pass
