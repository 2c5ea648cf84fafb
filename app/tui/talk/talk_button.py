"""The button to talk with the mouse: pressed is talking, let go is not, wherever the pointer is by then."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from app.tui.talk.state import MINE, Phase

LEFT_BUTTON = 1


class TalkButton(Widget):
    """Says what pressing it would do now. ``Pressed`` and ``Released`` come in pairs."""

    class Pressed(Message):
        """The mouse button went down on it."""

        def __init__(self, at_s: float) -> None:
            super().__init__()
            self.at_s = at_s

    class Released(Message):
        """The mouse button went up, or was lost."""

        def __init__(self, at_s: float) -> None:
            super().__init__()
            self.at_s = at_s

    phase = reactive(Phase.STARTING)
    latched = reactive(False)
    _held = False

    def render(self) -> Content:
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
        self.set_class(phase in MINE, "on-air")
        self.set_class(phase is Phase.RECEIVING, "receiving")

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button != LEFT_BUTTON:
            return
        event.stop()
        self.capture_mouse()  # so that the release is told wherever it happens
        self._held = True
        self.post_message(self.Pressed(event.time))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._held:
            event.stop()
            self.release_mouse()
            self._let_go(event.time)

    def on_mouse_release(self, event: events.MouseRelease) -> None:
        self._let_go(event.time)  # another widget or a screen took the mouse

    def _let_go(self, at_s: float) -> None:
        if self._held:
            self._held = False
            self.post_message(self.Released(at_s))
