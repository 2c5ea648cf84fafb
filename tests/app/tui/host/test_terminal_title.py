"""The terminal's title: who calls, how much was missed, and what was there before."""

from __future__ import annotations

from app.tui.host.terminal_title import KEEP, RESTORE, TerminalTitle


def written(*shown: tuple[str, int]) -> list[str]:
    """Return what the terminal got."""
    told: list[str] = []
    title = TerminalTitle(told.append)
    for calling, missed in shown:
        title.show(calling, missed)
    return told


def test_what_was_missed_stands_there_without_blinking() -> None:
    """Written when it changes, and the old title comes back when nothing is missed any more."""
    told = written(("", 0), ("", 2), ("", 2), ("", 3), ("", 0), ("", 0))
    assert [KEEP, "\x1b]0;(2) missed - gossamer\x07", "\x1b]0;(3) missed - gossamer\x07", RESTORE] == told


def test_a_call_comes_first() -> None:
    """It blinks; afterwards the count stands there again."""
    told = written(("", 1), ("Bert", 1), ("Bert", 1), ("", 1))
    titles = [text for text in told if text not in (KEEP, RESTORE)]
    assert ["(1) missed", "● Bert calls", "○ Bert calls", "(1) missed"] == [
        text[4:].partition(" - ")[0] for text in titles
    ]
    assert 1 == told.count(KEEP)
