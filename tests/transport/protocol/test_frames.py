"""The words of the kinds of frames, and which bodies carry voice."""

from __future__ import annotations

import pytest

from transport.protocol.frames import Mode


@pytest.mark.parametrize(("mode", "word"), [(Mode.OPEN, "open"), (Mode.SEALED, "sealed"), (Mode.HAM, "ham")])
def test_a_mode_is_known_by_its_word(mode: Mode, word: str) -> None:
    """In flags and files, both ways."""
    assert (word, mode) == (mode.word, Mode.of_word(word))


@pytest.mark.parametrize("word", ["", "Open", "sealed ", 2, None])
def test_no_other_word_is_a_mode(word: object) -> None:
    """A settings file may hold anything."""
    with pytest.raises(ValueError, match="is no mode of a channel"):
        Mode.of_word(word)
