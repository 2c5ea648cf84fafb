"""Text from outside made plain: what passes, what does not."""

from __future__ import annotations

import pytest

from transport.protocol.frames import Text
from transport.protocol.open_frames import decode, encode
from transport.texts import is_plain, plain_text


@pytest.mark.parametrize(
    "text",
    ["", "Jörg", "Ада", "می\u200cخواهم", "👩\u200d🚒", "花\u3000子", "a\u00a0b", "שלום\u200f!", "ـ" * 9],
)
def test_what_people_write_passes(text: str) -> None:
    """Joiners, marks of direction and spaces of any width are part of names and messages, on the link too."""
    assert is_plain(text)
    assert text == plain_text(text)
    assert Text(1, 0, text, text) == decode(encode(Text(1, 0, text, text)))


@pytest.mark.parametrize(
    "letter",
    [
        *map(chr, range(0x20)),
        *map(chr, range(0x7F, 0xA0)),
        *("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff\ufff9\ud800\udcff\ue000\uffff"),
        "\U000e0041",
    ],
)
def test_what_steers_a_terminal_does_not_pass(letter: str) -> None:
    """Control characters of both sets, overrides, isolates, line breaks, surrogates and what means nothing."""
    assert not is_plain(f"a{letter}b")
    assert "a?b" == plain_text(f"a{letter}b")


@pytest.mark.parametrize(
    "letter", "\u200f\u200d\u034f\u115f\u1160\u17b4\u180b\u3164\ufe0f\uffa0\U000e0100\u2800 \u3000"
)
def test_a_text_that_shows_nothing_is_shown(letter: str) -> None:
    """A name of fillers, selectors, marks or spaces alone would stand on the screen as if nobody spoke."""
    name = letter * 4
    assert not is_plain(name)
    assert "????" == plain_text(name)
    assert Text(1, 0, "????", "a") == decode(encode(Text(1, 0, name, "a")))
    assert f"a{letter}" == plain_text(f"a{letter}")


def test_the_layout_of_our_own_texts_is_kept() -> None:
    """Line breaks and tabs, where the caller says so, and nothing else."""
    assert "a\n\tb?" == plain_text("a\n\tb\x1b", keep="\n\t")
    assert "\n" == plain_text("\n", keep="\n")
    assert "\u3000?" == plain_text("\u3000\u2800", keep="\u3000")
