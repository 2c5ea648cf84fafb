"""The condition of the link in one line: for screens without the room for the panels that say it in full."""

from __future__ import annotations

from typing import NamedTuple

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from app.settings.protection import REFUSALS, refusal_words
from app.tui.talk.phase import MINE, Phase
from app.tui.talk.state import TalkState

GAP = "  "


class LinkFact(NamedTuple):
    """Something that is known of the link."""

    style: str
    words: str
    short: str = ""
    """The same in fewer words, where there are."""


class LinkLine(Widget):
    """The most important figures of wire and link, as many as have room."""

    facts: reactive[tuple[LinkFact, ...]] = reactive(())
    """The known facts, the most important first."""
    _sending = True

    def show(self, state: TalkState) -> None:
        """Show the newest figures."""
        if state.phase in (*MINE, Phase.DRAINING, Phase.RECEIVING):
            self._sending = state.phase is not Phase.RECEIVING
        self.facts = tuple(link_facts(state, self._sending))

    def render(self) -> Content:
        """Draw the facts, none of them cut."""
        line = Content("")
        for fact in self.facts:
            for words in filter(None, (fact.words, fact.short)):
                longer = Content.assemble(line, GAP if line else "", (words, fact.style))
                if longer.cell_length <= self.size.width:
                    line = longer
                    break
        return line


def link_facts(state: TalkState, sending: bool) -> list[LinkFact]:
    """Return what is known of the link, the most important first."""
    wire, counts, ear = state.wire, state.counts, state.mouth_to_ear
    facts = [LinkFact("$label", "nothing on the wire yet")]
    if wire is not None:
        rate_bps = wire.sent_bps if sending else wire.received_bps
        facts = [LinkFact("$text", f"{'out' if sending else 'in'} {rate_bps:.0f} bit/s")]
    if refused := refusal_words(state.refusals):
        count = sum(getattr(state.refusals, kind) for kind, _ in REFUSALS)
        facts.append(LinkFact("$warning", f"refused {refused}", f"refused {count}"))
    if counts is not None and counts.lost:
        share = 100 * counts.lost / (counts.received + counts.rebuilt + counts.lost)
        facts.append(LinkFact("$warning", f"lost {counts.lost} ({share:.0f} %)", f"lost {share:.0f} %"))
    if ear is not None:
        ear_ms = f"{ear.total_s * 1000:.0f} ms"
        facts.append(LinkFact("$label", f"mouth to ear {ear_ms}" + ("" if ear.measured else " + the link"), ear_ms))
    if wire is not None:
        facts.append(LinkFact("$label", f"sent {wire.packets_sent}"))
    if counts is not None:
        facts.append(LinkFact("$label", f"received {counts.received}"))
    return facts
