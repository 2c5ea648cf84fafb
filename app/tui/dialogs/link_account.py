"""A card with what the conversation has taken of its link so far, and what other systems would take."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from app.diagnostics.link_account import Account
from app.tui.dialogs.card import Card
from app.tui.widgets.ballistics import bar
from app.tui.widgets.text import TextBlock

REFRESH_S = 0.5
NAME_CELLS = 18
RATE_CELLS = 7
REMARK_CELLS = 12
BAR_CELLS = 16
"""Longest bar; it is shorter, or left out, where there is less room."""


class LinkAccountScreen(Card[None]):
    """The account of a link, which follows the conversation."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,b,q,enter", "dismiss", "close", show=False),
    ]

    def __init__(self, counted: Callable[[], Account]) -> None:
        """Show what `counted` returns, again and again."""
        super().__init__()
        self._counted = counted

    def compose_card(self) -> ComposeResult:
        """Build the card."""
        with VerticalScroll(id="card") as card:
            card.border_title = "what this conversation takes"
            yield TextBlock(id="account")

    def on_mount(self) -> None:
        """Begin to follow the conversation."""
        self._refresh()
        self.set_interval(REFRESH_S, self._refresh)

    def _refresh(self) -> None:
        words = self.query_one("#account", TextBlock)
        words.say(account_words(self._counted(), words.content_size.width), fit=True)


def account_words(counted: Account, cells: int = 70) -> Content:
    """Return the account in rows of so many cells.

    The layers come first, in bits for each second of speech, then the need of every system, then the sources.
    """
    rows = []
    ours = counted.wire_bps
    if ours is None:
        rows.append(Content.styled("nothing was said yet: others would take", "$label"))
    else:
        rows.append(
            Content.assemble(
                (f"{counted.speech_s:.0f} s of speech, {counted.octets / 1000:.1f} kB", "bold"),
                ("  both ways; bit/s a second of speech", "$label"),
            )
        )
        rows += [
            _row(layer.name.replace("...", "…"), layer.bps, layer.bps / ours, "", "$accent", cells)
            for layer in counted.layers
        ]
        rows.append(Content.styled("on this link", "$label"))
    most = max(need.wire_bps for need in counted.needs)
    for place, need in enumerate(counted.needs):
        style = "$primary" if ours is not None and not place else "$warning"
        minutes = f"{need.minutes_per_megabyte:4.0f} min/MB"
        rows.append(_row(need.name, need.wire_bps, need.wire_bps / most, minutes, style, cells))
    rows.append(Content(""))
    rows += [Content.styled(f"{need.name}: {need.source}", "$label") for need in counted.needs]
    return Content("\n").join(rows)


def _row(name: str, bps: float, share: float, remark: str, style: str, cells: int) -> Content:
    """Return a row with as much of remark and bar as has room in so many cells."""
    remark_cells = REMARK_CELLS if cells >= NAME_CELLS + RATE_CELLS + REMARK_CELLS else 0
    bar_cells = max(0, min(BAR_CELLS, cells - NAME_CELLS - RATE_CELLS - remark_cells))
    return Content.assemble(
        (f"{name:{NAME_CELLS}.{NAME_CELLS}}", "$text"),
        (f"{bps:{RATE_CELLS - 1}.0f} ", "bold"),
        (f"{remark:{remark_cells}}" if remark_cells else "", "$label"),
        (bar(share, bar_cells), style),
    )
