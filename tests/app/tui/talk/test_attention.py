"""Whether the user is there: by keys, by the focus of the terminal, by time."""

from __future__ import annotations

from app.tui.talk.attention import BLURRED_S, FOCUSED_S, Attention


def test_whoever_touches_nothing_has_gone() -> None:
    """After a while, until the next key."""
    user = Attention(100.0)
    assert not user.away(100.0 + FOCUSED_S - 0.1)
    assert user.away(100.0 + FOCUSED_S)
    user.touch(100.0 + FOCUSED_S)
    assert not user.away(100.0 + FOCUSED_S)


def test_whoever_looks_at_another_window_has_gone_sooner() -> None:
    """But not in the middle of a conversation by pedal; and is back with the focus."""
    user = Attention(0.0)
    user.focus(False, 5.0)
    assert not user.away(BLURRED_S - 0.1)
    assert user.away(BLURRED_S)
    user.touch(BLURRED_S)
    assert not user.away(2 * BLURRED_S - 0.1)
    user.focus(True, 1000.0)
    assert not user.away(1000.0 + BLURRED_S)
    assert user.away(1000.0 + FOCUSED_S)
