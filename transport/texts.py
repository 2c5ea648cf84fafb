"""Text from outside made fit for a terminal, a report or a screen. The one place that decides which characters pass.

Names and messages of other stations, file names, fields of files that came by mail, and settings all go through here.
"""

from __future__ import annotations

import unicodedata

JOINERS_AND_MARKS = frozenset("\u200c\u200d\u200e\u200f\u061c")
"""Invisible characters that pass: joiners, which Persian and emoji need, and marks of direction.

The marks act on their neighbours only, unlike embeddings, overrides and isolates, which can turn the rest of a line.
"""
BLANKS = JOINERS_AND_MARKS | frozenset(
    map(
        chr,
        (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x2800, 0x3164, 0xFFA0)
        + (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
    )
)
"""Characters that pass and show nothing by themselves: those and, as Unicode's Default_Ignorable_Code_Point lists them,
the fillers of Hangul and the selectors of a variant; and Braille without a dot."""
REPLACEMENT = "?"
"""Stands for a character that does not pass."""


def passes(character: str) -> bool:
    """Tell whether a character may be shown: it is printable, a space of any width, a joiner or a mark."""
    return character.isprintable() or character in JOINERS_AND_MARKS or unicodedata.category(character) == "Zs"


def is_visible(text: str) -> bool:
    """Tell whether a text shows anything: some letter of it is neither a blank nor a space."""
    return any(letter not in BLANKS and unicodedata.category(letter) != "Zs" for letter in text)


def is_plain(text: str) -> bool:
    """Tell whether a text can be shown as it is, on one line. One that shows nothing cannot, unless it is empty."""
    return all(map(passes, text)) and (not text or is_visible(text))


def plain_text(text: str, *, keep: str = "") -> str:
    """Return the text with "?" for whatever could steer a terminal: control, escape, direction, line break.

    Where nothing of it would be seen, as of a name of spaces or fillers, all is "?".
    keep: characters that pass all the same, such as the line breaks of a text of our own.
    """
    if text.isprintable() and is_visible(text):
        return text
    if not is_visible(text):
        return "".join(letter if letter in keep else REPLACEMENT for letter in text)
    return "".join(letter if letter in keep or passes(letter) else REPLACEMENT for letter in text)
