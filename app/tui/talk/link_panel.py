"""The panel of the link: packets, and the time from mouth to ear."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from app.events import ChannelCounts, MouthToEar, PacketCounts, PlayoutState, WireRate
from app.settings.protection import refusal_words
from app.tui.talk.state import TalkState

LABEL_CELLS = 14
DASH = "–"
"""Mark for what is not known yet."""


class LinkPanel(Widget):
    """A row for each figure."""

    wire: reactive[WireRate | None] = reactive(None)
    counts: reactive[PacketCounts | None] = reactive(None)
    refusals: reactive[ChannelCounts | None] = reactive(None)
    playout: reactive[PlayoutState | None] = reactive(None)
    mouth_to_ear: reactive[MouthToEar | None] = reactive(None)

    def on_mount(self) -> None:
        """Give the frame its title, on which a click changes the link."""
        self.border_title = "[@click=app.links]link[/]"

    def show(self, state: TalkState) -> None:
        """Show the newest figures."""
        self.wire, self.counts, self.playout = state.wire, state.counts, state.playout
        self.mouth_to_ear, self.refusals = state.mouth_to_ear, state.refusals

    def render(self) -> Content:
        """Draw the rows."""
        rows = [
            self._row("packets sent", f"{self.wire.packets_sent}" if self.wire else "0"),
            self._row("received", f"{self.counts.received}" if self.counts else "0"),
            self._losses(),
            self._mouth_to_ear(),
            self._row("play-out hold", f"{self.playout.hold_s * 1000:.0f} ms" if self.playout else DASH),
        ]
        if refused := refusal_words(self.refusals):
            rows.append(self._row("refused", "", "", refused))
        return Content("\n").join(rows)

    @staticmethod
    def _row(label: str, figure: str, style: str = "", remark: str = "") -> Content:
        return Content.assemble((f"{label:{LABEL_CELLS}}", "$label"), (figure, style), (remark, "$label"))

    def _losses(self) -> Content:
        counts = self.counts
        if counts is None:
            return self._row("lost", "0")
        known = counts.received + counts.rebuilt + counts.lost
        share = f" ({100 * counts.lost / known:.0f} %)" if counts.lost else ""
        also = [
            f"{figure} {name}"
            for name, figure in (
                ("rebuilt", counts.rebuilt),
                ("damaged", counts.damaged),
                ("late", counts.late),
                ("rubbish", counts.rubbish),
            )
            if figure
        ]
        return self._row("lost", f"{counts.lost}{share}", "$warning" if counts.lost else "", "  " + ", ".join(also))

    def _mouth_to_ear(self) -> Content:
        told = self.mouth_to_ear
        if told is None:
            return self._row("mouth to ear", DASH)
        remark = "  measured" if told.measured else "  + the link"
        return self._row("mouth to ear", f"{told.total_s * 1000:.0f} ms", "bold", remark)
