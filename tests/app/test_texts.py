"""Words of others in a report in Markdown."""

from __future__ import annotations

import pytest

from app.texts import counted, markdown_text


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Jörg", "Jörg"),
        ("[x](http://a)", r"\[x\]\(http\://a\)"),
        ("<img src=x>", r"\<img src=x\>"),
        ("a | b\n# c", r"a \| b?\# c"),
        ("`*_~`", r"\`\*\_\~\`"),
        (7, "7"),
        (None, "None"),
    ],
)
def test_words_of_others_are_no_markdown(said: object, written: str) -> None:
    """No link, picture, tag, heading or cell comes of a name."""
    assert written == markdown_text(said)


@pytest.mark.parametrize(("count", "words"), [(0, "0 packets"), (1, "1 packet"), (2, "2 packets")])
def test_one_thing_is_not_several(count, words):
    """In whatever a command prints."""
    assert words == counted(count, "packet")
