"""The button to talk with the mouse: pressed is talking, let go is not, wherever the pointer is by then."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from app.tui.talk.phase import MINE, Phase
from app.tui.talk.state import TalkState
from app.tui.talk.talk_key import KeyState

LEFT_BUTTON = 1


class TalkButton(Widget):
    """A button that says what pressing it does now. `Pressed` and `Released` come in pairs."""

    class Pressed(Message):
        """The news that the mouse button went down on it."""

        def __init__(self, at_s: float) -> None:
            super().__init__()
            self.at_s = at_s

    class Released(Message):
        """The news that the mouse button went up, or was lost."""

        def __init__(self, at_s: float) -> None:
            super().__init__()
            self.at_s = at_s

    phase = reactive(Phase.STARTING)
    latched = reactive(False)
    _held = False

    def show(self, state: TalkState) -> None:
        """Show what pressing it does."""
        self.phase, self.latched = state.phase, state.key.state in (KeyState.LATCHED, KeyState.REMOTE)

    def render(self) -> Content:
        """Draw the words."""
        match self.phase:
            case phase if phase in MINE:
                return Content("● tap to end" if self.latched else "● let go to end")
            case Phase.RECEIVING:
                return Content("… listen")
            case Phase.STARTING | Phase.ENDED:
                return Content("○ not ready")
            case _:
                return Content("○ hold to talk")

    def watch_phase(self, phase: Phase) -> None:
        """Take the colour of the phase."""
        self.set_class(phase in MINE, "on-air")
        self.set_class(phase is Phase.RECEIVING, "receiving")

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Tell that it was pressed."""
        if event.button != LEFT_BUTTON:
            return
        event.stop()
        self.capture_mouse()  # so that the release is told wherever it happens
        self._held = True
        self.post_message(self.Pressed(event.time))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Tell that it was let go."""
        if self._held:
            event.stop()
            self.release_mouse()
            self._let_go(event.time)

    def on_mouse_release(self, event: events.MouseRelease) -> None:
        """Tell that it was let go, where another widget or a screen took the mouse."""
        self._let_go(event.time)

    def _let_go(self, at_s: float) -> None:
        if self._held:
            self._held = False
            self.post_message(self.Released(at_s))
