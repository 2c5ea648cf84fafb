"""The keys of the screens: each written once, and told by the help card, the bottom line and the manual alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.binding import Binding

from app.tui.lab.screen import LabScreen
from app.tui.talk.keys import KEYS, MOUSE
from app.tui.widgets.keys import help_rows, key_hints

ROOT = Path(__file__).parents[4]
MANUAL = ROOT / "app" / "docs" / "manual.md"
HEADING = ["| key | does |", "|---|---|"]
TOLD_ELSEWHERE = {"escape"}
"""Keys without a row of their own: another row names them."""


def key_table() -> list[str]:
    """The rows of the manual's key table."""
    lines = MANUAL.read_text(encoding="utf-8").splitlines()
    begin = next(place for place in range(len(lines)) if lines[place : place + 2] == HEADING) + 2
    end = next(place for place in range(begin, len(lines)) if not lines[place].startswith("|"))
    return lines[begin:end]


def test_the_manual_has_the_keys_of_the_program() -> None:
    """Its table is the help card."""
    assert [f"| {keys} | {does} |" for keys, does in [*help_rows(KEYS), MOUSE]] == key_table()


@pytest.mark.parametrize("bindings", [KEYS, LabScreen.BINDINGS], ids=["talk", "lab"])
def test_no_key_is_left_out_of_the_help_card(bindings: list[Binding]) -> None:
    """Every binding has its words, and no two rows are about the same."""
    assert [] == [one.key for one in bindings if not one.tooltip and one.key not in TOLD_ELSEWHERE]
    does = [does for _, does in help_rows(bindings)]
    assert len(set(does)) == len(does)


def test_keys_that_do_the_same_share_a_row() -> None:
    """A row for each pair of keys."""
    pair = [Binding("up", "turn(1)", key_display="↑", tooltip="turn"), Binding("down", "turn(-1)", tooltip="turn")]
    assert [("↑ down", "turn"), ("m", "mute it")] == help_rows([*pair, Binding("m", "mute", tooltip="mute it")])


@pytest.mark.parametrize(("cells", "hints"), [(80, "a one  b c two"), (14, "a one  b c two"), (13, "a one"), (4, "")])
def test_hints_are_shown_whole_or_not_at_all(cells: int, hints: str) -> None:
    """No word of them is cut, however narrow the screen."""
    keys = [Binding("a", "x", "one"), Binding("b", "y", "two"), Binding("c", "z", "two"), Binding("d", "w", show=False)]
    assert hints == key_hints(keys, cells).plain
