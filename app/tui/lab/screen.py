"""The link lab: keys into commands for its session, and the session's pictures into widgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from app.lab.session import LabSession
from app.lab.state import LabSnapshot
from app.simulation.bench import CONVERSATIONS, SIGNAL
from app.tui.dialogs.help import HelpScreen
from app.tui.dialogs.own_link import OwnLinkScreen
from app.tui.lab import wording
from app.tui.lab.lane import LaneView, Wave, said_columns

MOST_LANES = 6
SHORT_ROWS = 22
HELP_TITLE = "One voice, several codecs, the same thin link for each: what arrives."


class LabScreen(Screen[None]):
    """Dismissed when the user leaves it; its owner runs the session and posts its pictures here."""

    class Moved(Message):
        """A newer picture."""

        def __init__(self, picture: LabSnapshot) -> None:
            super().__init__()
            self.picture = picture

        def can_replace(self, message: Message) -> bool:
            """A screen that is slow shows the newest only."""
            return isinstance(message, LabScreen.Moved)

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(f"{number}", f"hear({number})", show=False) for number in range(1, MOST_LANES + 1)),
        Binding("left", "step(-1)", show=False),
        Binding("right", "step(1)", show=False),
        Binding("tab,s", "scene", show=False),
        Binding("o", "own", show=False),
        Binding("i", "source", show=False),
        Binding("m", "mute", show=False),
        Binding("up,plus,equals_sign", "volume(1)", show=False),
        Binding("down,minus", "volume(-1)", show=False),
        Binding("question_mark", "help", show=False),
        Binding("q,escape", "dismiss", show=False),
    ]
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (wording.MIDDLE_CELLS, "-narrow"), (wording.WIDE_CELLS, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (SHORT_ROWS, "-short"), (32, "-tall")]  # noqa: RUF012 - as Textual declares them

    def __init__(
        self,
        session: LabSession,
        station: Callable[[], str] = lambda: "",
        talk: Callable[[events.Key], None] = lambda key: None,
    ) -> None:
        """station: what is going on in the conversation behind it, "" for nothing. talk: gets every key too, for
        the talk key among them."""
        super().__init__()
        self._session = session
        self._station = station
        self._talk = talk
        self.picture: LabSnapshot | None = None
        """What is shown."""

    def compose(self) -> ComposeResult:
        with Horizontal(id="top"):
            yield Static("gossamer lab", id="brand")
            yield Static("", id="scenes")
            yield Static("", id="source", markup=False)
        yield Static("", id="link")
        yield Static("", id="says", markup=False)
        with Horizontal(id="said"):
            yield Static("said ", id="said-label")
            yield Wave(id="said-wave")
        yield Static("", id="headings", markup=False)
        with Vertical(id="lanes"):
            for number in range(1, MOST_LANES + 1):
                yield LaneView(number)
        with Vertical(id="crowd"):
            for number in range(1, MOST_LANES + 1):
                yield Static("", id=f"crowd-{number}", classes="crowd")
        yield Static("", id="notices", markup=False)
        yield Static("", id="help", markup=False)

    @on(Moved)
    def _moved(self, message: Moved) -> None:
        self.picture = message.picture
        self._show()

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        picture, cells = self.picture, self.size.width
        if picture is None or not self.is_mounted:
            return
        crowded = picture.scene == CONVERSATIONS
        self.set_class(crowded, "conversations")
        self._say("#scenes", wording.scenes(picture.scene, cells))
        self._say("#source", wording.source(picture))
        signal = picture.scene == SIGNAL
        self._say(
            "#link", wording.signal_words(picture.snr_db, cells - 2) if signal else wording.link_words(picture.preset)
        )
        self._say("#says", wording.says(picture))
        self._say("#headings", "" if crowded else wording.headings(picture.scene, cells))
        self._say("#help", wording.keys(picture.scene, cells))
        notes = wording.notes(picture, self._station())
        self.set_class(bool(notes), "noting")
        self._say("#notices", notes, layout=True)
        self.query_one("#said-wave", Wave).columns = said_columns(picture.said)
        for number, view in enumerate(self.query(LaneView)):
            view.display = number < len(picture.lanes)
            if view.display:
                view.show(picture.lanes[number], number == picture.heard, cells)
        brief = self.size.height < SHORT_ROWS
        for number, crowd in enumerate(picture.capacities, 1):
            self._say(f"#crowd-{number}", wording.crowd_words(crowd, picture.preset, cells, brief), layout=True)

    def _say(self, where: str, text: str | Content, layout: bool = False) -> None:
        widget = self.query_one(where, Static)
        if widget.content != text:
            widget.update(text, layout=layout)

    # The keys

    def on_key(self, event: events.Key) -> None:
        """The talk key of the conversation behind it."""
        self._talk(event)

    @on(LaneView.Clicked)
    def _clicked(self, message: LaneView.Clicked) -> None:
        self.action_hear(message.number)

    def action_hear(self, number: int) -> None:
        self._session.hear(number - 1)

    def action_step(self, steps: int) -> None:
        """Another link, or the slider."""
        if self._session.lab.scene == SIGNAL:
            self._session.lab.tune(self._session.lab.snr_db + steps)
        else:
            self._session.step_link(steps)

    def action_scene(self) -> None:
        self._session.step_scene()

    def action_own(self) -> None:
        """A link from the presets becomes one's own with the first figure that is changed."""
        if self._session.lab.scene != SIGNAL:
            self.app.push_screen(OwnLinkScreen(self._session.lab.preset, self._session.change_own))

    def action_source(self) -> None:
        self._session.switch_source()

    def action_mute(self) -> None:
        self._session.mute_or_unmute()

    def action_volume(self, steps: int) -> None:
        self._session.turn_volume(steps)

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen(HELP_TITLE, wording.KEYS, wording.WORDS))
