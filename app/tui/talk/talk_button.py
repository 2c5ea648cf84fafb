"""The button that says what the talk key does now, and talks while the mouse holds it."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from app.tui.talk.phase import MINE, Phase
from app.tui.talk.state import TalkState
from app.tui.talk.wording import key_words

LEFT_BUTTON = 1


class TalkButton(Widget):
    """A button to talk with the mouse, until it is let go, wherever that is. `Pressed` and `Released` come in pairs."""

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
    words = reactive("")
    """The words for what the talk key does now."""
    _held = False

    def show(self, state: TalkState) -> None:
        """Show what the talk key does."""
        self.phase, self.words = state.phase, key_words(state, writing=self.screen.has_class("writing"))

    def render(self) -> Content:
        """Draw the words, and a mark where there is room for it."""
        mark = "● " if self.phase in MINE else "○ "
        return Content(mark + self.words if len(mark + self.words) <= self.size.width else self.words)

    def watch_phase(self, phase: Phase) -> None:
        """Take the colour of the phase."""
        self.set_class(phase in MINE, "on-air")
        self.set_class(phase in (Phase.RECEIVING, Phase.REFUSED, Phase.DRAINING), "waiting")

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
