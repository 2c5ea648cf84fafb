"""One lane of the lab: a row of figures, and what its far end hears as a line that swells and stops."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from app.audio.level import decibels
from app.lab.state import LaneSnapshot
from app.simulation.lane import HeardLevel
from app.tui.lab.wording import figures, missing_words
from app.tui.widgets.ballistics import swelling
from app.tui.widgets.text import TextBlock
from app.tui.widgets.waveform import SILENT_COLUMN, Column, Sound, Waveform


def column(level: HeardLevel) -> Column:
    """Return the dot column of a tenth of a second: a thin line where nothing arrived, whatever was decoded."""
    if not level.arrived:
        return SILENT_COLUMN
    return Column(swelling(decibels(level.rms)), Sound.DAMAGED if level.damaged else Sound.THEIRS)


class LaneView(Vertical):
    """One lane; its number counts from 1."""

    class Clicked(Message):
        """The wish to hear a lane."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, number: int) -> None:
        super().__init__(id=f"lane-{number}")
        self._number = number

    def compose(self) -> ComposeResult:
        """Build the parts."""
        yield TextBlock(classes="figures")
        yield TextBlock(classes="missing")
        yield Waveform()

    def show(self, lane: LaneSnapshot, heard: bool, cells: int) -> None:
        """Show a lane in a screen that is so many cells wide."""
        self.query_one(".figures", TextBlock).say(figures(lane, self._number, heard, cells))
        self.set_class(lane.missing is not None, "-missing")
        if lane.missing is not None:
            why = missing_words(lane.missing, cells - 4)
            self.query_one(".missing", TextBlock).say(f"   {why}")
        waveform = self.query_one(Waveform)
        waveform.dimmed, waveform.columns = not heard, tuple(column(level) for level in lane.levels)

    def on_click(self, event: events.Click) -> None:
        """Ask to be heard."""
        event.stop()
        self.post_message(self.Clicked(self._number))


def said_columns(said: Sequence[float]) -> tuple[Column, ...]:
    """Return the dot columns of what goes in. said: rms 0..1, a tenth of a second each."""
    return tuple(Column(swelling(decibels(rms)), Sound.OURS) for rms in said)
