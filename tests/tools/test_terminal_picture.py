"""The picture for the README: a screen as SVG, its words as text and its lines as shapes."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.segment import Segment
from rich.style import Style

from tests.tools.terminal_picture import draw

SVG = "{http://www.w3.org/2000/svg}"
ROOT = Path(__file__).parents[2]


def test_marks_are_shapes_and_words_are_text() -> None:
    """Dots, bars and frames do not depend on the reader's fonts; words keep their columns and colours."""
    lines = [
        [Segment("╭─", Style(color="#112233")), Segment("over & out", Style(color="#ffffff", bold=True))],
        [Segment("⠃", Style(color="#445566")), Segment(" ", Style(bgcolor="#abcdef"))],
    ]
    root = ElementTree.fromstring(draw(lines, 12, "#000000", "title"))
    words = [(text.text, text.get("textLength")) for text in root.iter(f"{SVG}text")]
    assert [("title", None), ("over", "36"), ("&", "9"), ("out", "27")] == words
    paths = [path for path in root.iter(f"{SVG}path") if path.get("stroke")]
    strokes = {path.get("stroke"): path.get("d", "").count("M") for path in paths}
    assert {"#112233": 2, "#445566": 2} == strokes  # two frame marks; two dots of one braille character
    assert "#abcdef" in [rect.get("fill") for rect in root.iter(f"{SVG}rect")]


@pytest.mark.parametrize(
    ("name", "said", "page"),
    [
        ("talk", ("gossamer", "RECEIVING", "parrot"), "README.md"),
        ("lab", ("Gossamer", "PCM", "choked", "arrives"), "app/docs/lab.md"),
    ],
)
def test_a_page_shows_it(name: str, said: tuple[str, ...], page: str) -> None:
    """The committed picture is one of this program, and the page about that screen has it."""
    root = ElementTree.parse(ROOT / "assets" / f"{name}.svg").getroot()
    words = [text.text for text in root.iter(f"{SVG}text")]
    for word in said:
        assert word in words
    assert f"assets/{name}.svg" in (ROOT / page).read_text(encoding="utf-8")
