"""The screen of the link lab: keys become commands for its session, whose pictures become what the widgets show."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from app.lab.session import LabSession
from app.lab.state import LabSnapshot
from app.simulation.bench import Scene
from app.tui.dialogs.help import HelpScreen
from app.tui.dialogs.own_link import OwnLinkScreen
from app.tui.lab import wording
from app.tui.lab.lane import LaneView, said_columns
from app.tui.widgets.conversation_line import ConversationLine
from app.tui.widgets.keys import help_rows
from app.tui.widgets.text import TextBlock
from app.tui.widgets.waveform import Waveform

MOST_LANES = 6
SHORT_ROWS = 22
HEAR = "choose which lane is heard; a click on it does too"
STEP = "take another link, or a weaker or stronger signal"
SCENES = "go to the next scene: one link, bad signal, many conversations"
VOLUME = "turn the loudspeaker up or down"
HELP_TITLE = "One voice, several codecs, the same thin link for each: what arrives."


class LabScreen(Screen[None]):
    """The lab. It is dismissed when the user leaves it; its owner runs the session and posts its pictures here."""

    class Moved(Message):
        """A newer picture of the session."""

        def __init__(self, picture: LabSnapshot) -> None:
            super().__init__()
            self.picture = picture

        def can_replace(self, message: Message) -> bool:
            """Let a screen that is slow show the newest picture only."""
            return isinstance(message, LabScreen.Moved)

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(f"{number}", f"hear({number})", show=False, tooltip=HEAR) for number in range(1, MOST_LANES + 1)),
        Binding("left", "step(-1)", show=False, key_display="←", tooltip=STEP),
        Binding("right", "step(1)", show=False, key_display="→", tooltip=STEP),
        Binding("tab,s", "scene", show=False, tooltip=SCENES),
        Binding("o", "own", show=False, tooltip="make a link of your own: rate, loss, bit errors, delay"),
        Binding("i", "source", show=False, tooltip="switch between microphone and clip"),
        Binding("m", "mute", show=False, tooltip="turn the loudspeaker off or on"),
        Binding("up,plus,equals_sign", "volume(1)", show=False, key_display="↑", tooltip=VOLUME),
        Binding("down,minus", "volume(-1)", show=False, key_display="↓", tooltip=VOLUME),
        Binding("question_mark", "help", show=False, key_display="?", tooltip="show this card"),
        Binding("q,escape", "dismiss", show=False, tooltip="leave the lab; escape does too"),
    ]
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (wording.MIDDLE_CELLS, "-narrow"), (wording.WIDE_CELLS, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (SHORT_ROWS, "-short"), (32, "-tall")]  # noqa: RUF012 - as Textual declares them

    def __init__(self, session: LabSession) -> None:
        super().__init__()
        self._session = session
        self.picture: LabSnapshot | None = None
        """The picture that is shown."""

    def compose(self) -> ComposeResult:
        """Build the widgets."""
        yield ConversationLine()
        with Horizontal(id="top"):
            yield Static("gossamer lab", id="brand")
            yield TextBlock(id="scenes")
            yield TextBlock(id="source")
        yield TextBlock(id="link")
        yield TextBlock(id="says")
        with Horizontal(id="said"):
            yield Static("said ", id="said-label")
            yield Waveform(id="said-wave")
        yield TextBlock(id="headings")
        with Vertical(id="lanes"):
            for number in range(1, MOST_LANES + 1):
                yield LaneView(number)
        with Vertical(id="crowd"):
            for number in range(1, MOST_LANES + 1):
                yield TextBlock(id=f"crowd-{number}", classes="crowd")
        yield TextBlock(id="notices")
        yield TextBlock(id="help")

    @on(Moved)
    def _moved(self, message: Moved) -> None:
        self.picture = message.picture
        self._show()

    def on_resize(self) -> None:
        """Write the figures anew, for the width has changed."""
        self._show()

    def _show(self) -> None:
        picture, cells = self.picture, self.size.width
        if picture is None or not self.is_mounted:
            return
        crowded = picture.scene is Scene.CONVERSATIONS
        self.set_class(crowded, "conversations")
        self._say("#scenes", wording.scenes(picture.scene, cells))
        self._say("#source", wording.source(picture))
        signal = picture.scene is Scene.SIGNAL
        self._say(
            "#link", wording.signal_words(picture.snr_db, cells - 2) if signal else wording.link_words(picture.preset)
        )
        self._say("#says", wording.says(picture))
        self._say("#headings", "" if crowded else wording.headings(picture.scene, cells))
        self._say("#help", wording.keys(picture.scene, cells))
        notes = wording.notes(picture, cells)
        self.set_class(bool(notes), "noting")
        self._say("#notices", notes, fit=True)
        self.query_one("#said-wave", Waveform).columns = said_columns(picture.said)
        for number, view in enumerate(self.query(LaneView)):
            view.display = number < len(picture.lanes)
            if view.display:
                view.show(picture.lanes[number], number == picture.heard, cells)
        brief = self.size.height < SHORT_ROWS
        for number, crowd in enumerate(picture.capacities, 1):
            self._say(f"#crowd-{number}", wording.crowd_words(crowd, picture.preset, cells, brief), fit=True)

    def _say(self, where: str, text: str | Content, *, fit: bool = False) -> None:
        self.query_one(where, TextBlock).say(text, fit=fit)

    # The keys

    @on(LaneView.Clicked)
    def _clicked(self, message: LaneView.Clicked) -> None:
        self.action_hear(message.number)

    def action_hear(self, number: int) -> None:
        """Hear another lane."""
        self._session.hear(number - 1)

    def action_step(self, steps: int) -> None:
        """Take another link, or move the slider of the signal."""
        if self._session.lab.scene is Scene.SIGNAL:
            self._session.lab.tune(self._session.lab.snr_db + steps)
        else:
            self._session.step_link(steps)

    def action_scene(self) -> None:
        """Go to the next scene."""
        self._session.step_scene()

    def action_own(self) -> None:
        """Open the card for a link of one's own: the first figure that is changed makes a preset one's own."""
        if self._session.lab.scene is not Scene.SIGNAL:
            self.app.push_screen(OwnLinkScreen(self._session.lab.preset, self._session.change_own))

    def action_source(self) -> None:
        """Switch between microphone and clip."""
        self._session.switch_source()

    def action_mute(self) -> None:
        """Turn the loudspeaker off or on."""
        self._session.mute_or_unmute()

    def action_volume(self, steps: int) -> None:
        """Turn the loudspeaker up or down."""
        self._session.turn_volume(steps)

    def action_help(self) -> None:
        """Show all the keys."""
        self.app.push_screen(HelpScreen(HELP_TITLE, help_rows(self.BINDINGS), wording.WORDS))
