"""The panels about wire and link, side by side, for screens that have the room."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.events import FrameLayer
from app.settings.protection import refusal_words
from app.tui.talk.link_panel import LinkPanel
from app.tui.talk.state import TalkState
from app.tui.talk.wire_panel import WirePanel


class Panels(Horizontal):
    """The panels of the wire and the link, side by side."""

    def __init__(self) -> None:
        super().__init__(id="panels")

    def compose(self) -> ComposeResult:
        """Build the panels."""
        yield WirePanel(id="wire")
        yield LinkPanel(id="packets")

    def show(self, state: TalkState) -> None:
        """Show the newest figures, in a row more while frames are refused, or coarse copies pass."""
        layers = state.wire.layers if state.wire is not None else ()
        copies = any(layer.layer == FrameLayer.COPIES for layer in layers)
        self.set_class(copies or bool(refusal_words(state.refusals)), "taller")
        self.query_one(WirePanel).show(state)
        self.query_one(LinkPanel).show(state)
