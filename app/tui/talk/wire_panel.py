"""The bit rate on the wire now, layer by layer from the voice outwards."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from app.events import LayerRate, WireRate
from app.tui.talk.phase import MINE, Phase
from app.tui.talk.state import TalkState
from app.tui.widgets.ballistics import bar

LABEL_CELLS = 14
FIGURE_CELLS = 11
SHADES = ("$primary", "$secondary", "$accent", "$warning", "$error")
"""One colour a layer, the voice first."""


class WirePanel(Widget):
    """A row for each layer, with its bit rate and its share of the whole as a bar, and their sum."""

    wire: reactive[WireRate | None] = reactive(None)
    sending = reactive(True)
    """The direction that is shown is ours: it is while we talk, and theirs while we listen."""

    def on_mount(self) -> None:
        """Give the frame its title, on which a click tells more."""
        self.border_title = "[@click=screen.link_account]on the wire[/]"

    def show(self, state: TalkState) -> None:
        """Show the newest rates."""
        self.wire = state.wire
        if state.phase in (*MINE, Phase.DRAINING, Phase.RECEIVING):
            self.sending = state.phase is not Phase.RECEIVING

    def render(self) -> Content:
        """Draw the rows."""
        if self.wire is None:
            return Content.styled("nothing on the wire yet", "$label")
        rates = [(layer.layer.replace("...", "…"), self._rate(layer)) for layer in self.wire.layers]
        whole = sum(rate for _, rate in rates)
        cells = max(0, self.size.width - LABEL_CELLS - FIGURE_CELLS - 1)
        rows = [
            Content.assemble(
                (f"{name:{LABEL_CELLS}.{LABEL_CELLS}}", "$label"),
                (f"{rate:5.0f} bit/s ", "$faint" if rate < 1 else "$text"),
                (bar(rate / whole, cells) if whole >= 1 else " " * cells, SHADES[place % len(SHADES)]),
            )
            for place, (name, rate) in enumerate(rates)
        ]
        arrow = "out" if self.sending else "in"
        rows.append(Content.assemble((f"{f'total {arrow}':{LABEL_CELLS}}", "$text"), (f"{whole:5.0f} bit/s", "bold")))
        return Content("\n").join(rows)

    def _rate(self, layer: LayerRate) -> float:
        return layer.sent_bps if self.sending else layer.received_bps
